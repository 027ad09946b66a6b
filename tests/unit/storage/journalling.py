"""A running journal for tests, and a second connection to look over its shoulder."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from arbiter.model.changes import Changes
from arbiter.model.errors import ArbiterError
from arbiter.model.events import Event, decode_event
from arbiter.storage.database import dsn
from arbiter.storage.journal import JournalSettings, PgJournal
from tests.fakes.postgres import FreshDatabase

QUICK = JournalSettings(first_retry_s=0.005, longest_retry_s=0.05)


def unexpected(error: ArbiterError) -> None:
    pytest.fail(f"the journal gave up: {error}")


class Running:
    """A journal with its writer task; `fatal` collects what it gave up over."""

    def __init__(self, url: str, settings: JournalSettings) -> None:
        self.fatal: list[ArbiterError] = []
        self.journal = PgJournal(url, on_fatal=self.fatal.append, settings=settings)
        self.told: list[int] = []
        self._number = 0

    def append(self, *events: Event, changes: Changes | None = None) -> int:
        self._number += 1
        number = self._number
        self.journal.append(events, changes or Changes(), lambda: self.told.append(number))
        return number


@asynccontextmanager
async def running(url: str, settings: JournalSettings = QUICK) -> AsyncIterator[Running]:
    run = Running(url, settings)
    await run.journal.open()
    task = asyncio.create_task(run.journal.run())
    try:
        yield run
    finally:
        task.cancel()
        await asyncio.wait([task])
        await run.journal.close()


@asynccontextmanager
async def looking_at(database: FreshDatabase) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(dsn(database.url))
    try:
        yield connection
    finally:
        await connection.close()


async def unhealthy(journal: PgJournal) -> None:
    async with asyncio.timeout(30):
        while True:
            if not journal.healthy:
                return
            await asyncio.sleep(0.005)


async def journalled(connection: Any) -> list[Event]:
    return [
        decode_event(row["body"])
        for row in await connection.fetch("SELECT body::text FROM events ORDER BY seq")
    ]

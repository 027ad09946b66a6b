"""Changing an engine's state while no engine runs: the same commands, into the same journal.

It holds the data folder's lock meanwhile, so that no engine starts beside it.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from arbiter.app.config import Settings
from arbiter.app.database_service import DatabaseService
from arbiter.app.strategies import STRATEGIES
from arbiter.ledger.ledger import Ledger
from arbiter.model.errors import ArbiterError
from arbiter.model.money import use_wide_context
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.clock import SystemClock
from arbiter.runtime.hub import EventHub
from arbiter.runtime.recorder import Recorder
from arbiter.storage import loader, migrate
from arbiter.storage.database import make_engine
from arbiter.storage.instance_lock import InstanceLock
from arbiter.storage.journal import PgJournal


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger at rest, and the ways to change it."""

    url: str
    ledger: Ledger
    recorder: Recorder
    bus: CommandBus


@asynccontextmanager
async def offline(settings: Settings) -> AsyncIterator[Desk]:
    """Open the ledger of a stopped engine; what was recorded is durable when this ends.

    `InstanceLocked` when an engine runs; `StorageUnavailable` when the database does not.
    """
    use_wide_context()
    clock = SystemClock()
    settings.home.prepare()
    lock = InstanceLock(settings.home.root)
    lock.acquire(mode="offline", now_ns=clock.now_ns())
    try:
        async with DatabaseService(settings, os.environ) as database:
            await migrate.upgrade(database.url)
            async with _desk(database.url, clock) as desk:
                yield desk
    finally:
        lock.release()


@asynccontextmanager
async def _desk(url: str, clock: SystemClock) -> AsyncIterator[Desk]:
    failures: list[ArbiterError] = []
    journal = PgJournal(url, on_fatal=failures.append)
    await journal.open()
    reads = make_engine(url, pool_size=1)
    writer = asyncio.create_task(journal.run(), name="journal")
    try:
        ledger = Ledger()
        ledger.restore(await loader.load(reads))
        recorder = Recorder(ledger, journal, EventHub(), clock)
        bus = CommandBus(ledger=ledger, recorder=recorder, strategies=STRATEGIES)
        yield Desk(url=url, ledger=ledger, recorder=recorder, bus=bus)
        await journal.drain()
    finally:
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer
        await journal.close()
        await reads.dispose()
    if failures:
        raise failures[0]

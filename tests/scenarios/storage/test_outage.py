"""A real server is stopped under a running journal, and started again."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from arbiter.model.changes import Changes
from arbiter.model.errors import StorageUnavailable
from arbiter.model.events import AlertRaised, Event, decode_event
from arbiter.ports.past import Page, TradesWanted
from arbiter.storage import listings, migrate
from arbiter.storage.database import make_engine
from arbiter.storage.embedded import EmbeddedServer
from arbiter.storage.journal import JournalSettings, PgJournal


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedServer]:
    root = Path(tempfile.mkdtemp(prefix="arbiter-outage-"))
    root.chmod(0o755)
    server = EmbeddedServer(root / "postgres", state_root=root / "state")
    await server.start()
    try:
        yield server
    finally:
        await server.destroy()
        await asyncio.to_thread(shutil.rmtree, root)


def alert(number: int) -> AlertRaised:
    return AlertRaised(at_ns=number, severity="info", code="N", text=str(number))


async def unhealthy(journal: PgJournal) -> None:
    async with asyncio.timeout(30):
        while True:
            if not journal.healthy:
                return
            await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_the_journal_outlives_the_database(
    server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="arbiter.storage.journal")
    await migrate.upgrade(server.url)
    engine = make_engine(server.url)
    everything = TradesWanted(), Page()
    fatal: list[Exception] = []
    journal = PgJournal(
        server.url,
        on_fatal=fatal.append,
        settings=JournalSettings(first_retry_s=0.01, longest_retry_s=0.1),
    )
    await journal.open()
    writer = asyncio.create_task(journal.run())
    told: list[int] = []
    events: list[Event] = []

    def append(number: int) -> None:
        events.append(alert(number))
        journal.append([alert(number)], Changes(), lambda: told.append(number))

    append(0)
    await journal.drain()
    for outage in range(3):
        await server.stop()
        for number in range(10):
            append(100 * outage + number + 1)
        await unhealthy(journal)
        before = list(told)
        with pytest.raises(StorageUnavailable, match=r"cannot be reached|went away"):
            await listings.trades(engine, *everything)
        assert told == before, "nothing is told durable while the database is away"
        await server.start()
        await journal.drain()
        assert journal.healthy
        assert (await listings.trades(engine, *everything)).total == 0

    connection = await asyncpg.connect(server.dsn)
    rows = await connection.fetch("SELECT body::text FROM events ORDER BY seq")
    await connection.close()
    assert [decode_event(row["body"]) for row in rows] == events
    assert told == [int(event.text) for event in events if isinstance(event, AlertRaised)]
    assert not fatal
    outages = [one for one in caplog.records if "bring back the database" in one.getMessage()]
    assert len(outages) == 3, "each outage is told once"
    writer.cancel()
    await asyncio.wait([writer])
    await journal.close()
    await engine.dispose()

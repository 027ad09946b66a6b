"""What the spot API reads of the past."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.model.changes import Changes
from arbiter.model.ids import StrategyId
from arbiter.ports.past import Page, SignalsWanted
from arbiter.storage.database import connect, make_engine
from arbiter.storage.rows import projection_statements
from arbiter.storage.spot_reads import SpotReads
from tests.fakes.postgres import FreshDatabase
from tests.unit.storage import samples


@pytest.fixture
async def engine(ledger_db: FreshDatabase) -> AsyncIterator[AsyncEngine]:
    """Signals 1 to 4 of the spot family, 5 and 6 of event pairs."""
    changes = Changes()
    for seq in range(1, 7):
        signal = samples.signal(seq, executed=seq % 2 == 0)
        if seq > 4:
            signal = replace(signal, strategy=StrategyId("event-arbitrage"))
        changes.signals[signal.id] = signal
    connection = await connect(ledger_db.url)
    for sql, arguments in projection_statements(changes):
        await connection.execute(sql, *arguments)
    await connection.close()
    engine = make_engine(ledger_db.url)
    yield engine
    await engine.dispose()


async def test_signals_of_other_families_are_not_the_spot_api_s(engine: AsyncEngine) -> None:
    reads = SpotReads(engine)
    found = await reads.signals(SignalsWanted(), Page())
    assert ([signal.seq for signal in found.rows], found.total) == ([4, 3, 2, 1], 4)
    found = await reads.signals(SignalsWanted(executed=True), Page(limit=1))
    assert ([signal.seq for signal in found.rows], found.total) == ([4], 2)
    own, other = await reads.signal(4), await reads.signal(5)
    assert own is not None
    assert (own.seq, other) == (4, None)
    times = [samples.signal(seq).detected_ns for seq in range(2, 5)]
    assert await reads.signal_times(times[0]) == times

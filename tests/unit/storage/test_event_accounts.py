"""Event accounts in the database: what the journal says, and what a restart goes on from."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arbiter.ledger.ledger import Ledger
from arbiter.model.money import use_wide_context
from arbiter.storage import loader, rebuild
from arbiter.storage.database import make_engine
from arbiter.storage.journal import JournalSettings
from tests.fakes.postgres import FreshDatabase, PostgresForTests
from tests.unit.ledger.event_history import history
from tests.unit.storage.journalling import looking_at, running


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), batch=st.sampled_from([1, 7, 500]), ended=st.booleans())
async def test_matched_settled_and_void_fills_come_back_from_the_database(
    ledger_db: FreshDatabase,
    postgres_server: PostgresForTests,
    seed: int,
    batch: int,
    ended: bool,
) -> None:
    use_wide_context()
    events = history(seed, ended=ended).told
    ledger = Ledger()
    with postgres_server.fresh(template="ledger") as database:
        async with running(database.url, JournalSettings(max_batch=batch)) as run:
            for event in events:
                run.journal.append([event], ledger.apply(event))
            await run.journal.drain()
        assert await rebuild.verify(database.url) == []
        engine = make_engine(database.url)
        restored = Ledger()
        restored.restore(await loader.load(engine))
        words = ledger.image().settled
        void = {(word.venue, word.venue_trade_id) for word in words if not word.ok}
        assert await loader.known_fills(engine, void) == void
        await engine.dispose()
        assert restored.image() == ledger.image()
        async with looking_at(database) as look:
            kept = {
                (venue, name)
                for venue, name in await look.fetch("SELECT venue, venue_trade_id FROM fills")
            }
        assert not kept & void

"""Copying is stored: the next start knows whom we follow, what he did and what was copied."""

from decimal import Decimal
from uuid import UUID

from arbiter.app.copying_calls import rows_at_rest
from arbiter.ledger.ledger import Ledger
from arbiter.model.copying import CopySubscription, LeaderKind, SubscriptionId, Wallet
from arbiter.model.events import CopyAdded, CopyRemoved, CopySwitched
from arbiter.model.ids import Actor
from arbiter.storage import loader, rebuild
from arbiter.storage.database import make_engine
from tests.fakes.postgres import FreshDatabase
from tests.unit.runtime.copying import LEADER, SETTINGS, CopyStage
from tests.unit.storage.journalling import running

ME = Actor("test")
BUY, SELL = LeaderKind.BUY, LeaderKind.SELL


async def _restored(database: FreshDatabase) -> Ledger:
    engine = make_engine(database.url)
    try:
        ledger = Ledger()
        ledger.restore(await loader.load(engine))
        return ledger
    finally:
        await engine.dispose()


async def test_a_restart_finds_what_was_followed_done_and_copied(ledger_db: FreshDatabase) -> None:
    async with running(ledger_db.url) as run:
        stage = CopyStage(journal=run.journal)
        row = stage.follow(multiplier=Decimal("0.25"))
        recorder = stage.desk.core.recorder
        stage.tell(stage.act(BUY, 200), stage.act(BUY, 40, "M2"))
        await run.journal.drain()
        for order in stage.sent():
            stage.desk.complete(order)
        recorder.record(CopySwitched(at_ns=7, subscription_id=row.id, enabled=False, actor=ME))
        recorder.record(CopySwitched(at_ns=9, subscription_id=row.id, enabled=True, actor=ME))
        stage.tell(stage.act(SELL, 100))
        await run.journal.drain()
        for order in stage.sent():
            stage.desk.complete(order)
        await run.journal.drain()
    before, after = stage.ledger.image(), (await _restored(ledger_db)).image()
    assert len(after.leader_actions) == 3
    assert after.leader_actions == before.leader_actions
    assert after.copy_subscriptions == before.copy_subscriptions
    assert after.copy_positions == before.copy_positions
    assert {held.quantity for held in after.copy_positions} == {Decimal(25), Decimal(10)}
    assert await rebuild.verify(ledger_db.url) == []


async def test_only_acts_of_leaders_still_followed_come_back(ledger_db: FreshDatabase) -> None:
    other = Wallet("0x" + "cd" * 20)
    async with running(ledger_db.url) as run:
        stage = CopyStage(journal=run.journal)
        row = stage.follow()
        recorder = stage.desk.core.recorder
        gone = CopySubscription(
            id=SubscriptionId(UUID(int=2)),
            venue=row.venue,
            wallet=other,
            multiplier=Decimal(1),
            max_position_size=Decimal(1),
            actor=ME,
            created_ns=row.created_ns,
        )
        recorder.record(CopyAdded(at_ns=1, subscription=gone))
        stage.tell(stage.act(BUY, 5))
        recorder.record(CopyRemoved(at_ns=2, subscription_id=gone.id, actor=ME))
        await run.journal.drain()
    restored = await _restored(ledger_db)
    assert len(restored.leader_actions(*LEADER)) == 1
    assert restored.leader_actions(LEADER[0], other) == {}
    assert not restored.copy_subscriptions[gone.id].active
    assert restored.image().copy_subscriptions == stage.ledger.image().copy_subscriptions


async def test_subscriptions_are_listed_while_no_engine_runs(ledger_db: FreshDatabase) -> None:
    async with running(ledger_db.url) as run:
        stage = CopyStage(journal=run.journal)
        row = stage.follow()
        stage.tell(stage.act(BUY, 100))
        await run.journal.drain()
        for order in stage.sent():
            stage.desk.complete(order)
        await run.journal.drain()
    engine = make_engine(ledger_db.url)
    try:
        (shown,) = await rows_at_rest(engine)
    finally:
        await engine.dispose()
    assert (shown["id"], shown["fills"], shown["enabled"]) == (str(row.id), 1, True)
    assert shown["total_pnl"] == "-0.041"
    assert shown["holdings"] == [{"instrument": "M1.POLYMARKET", "quantity": "100"}]


async def test_forgotten_markets_are_gone_from_the_database_too(ledger_db: FreshDatabase) -> None:
    async with running(ledger_db.url) as run:
        stage = CopyStage(journal=run.journal)
        stage.follow()
        stage.tell(stage.act(BUY, 100), stage.act(SELL, 100), stage.act(BUY, 10, "M2"))
        await run.journal.drain()
        stage.passes(3 * SETTINGS.deep_overlap_seconds)
        stage.tell(stage.act(BUY, 5, "M2"))
        stage.copying.tidy(LEADER)
        await run.journal.drain()
    restored = await _restored(ledger_db)
    assert len(restored.leader_actions(*LEADER)) == 2
    assert restored.image().leader_actions == stage.ledger.image().leader_actions
    assert await rebuild.verify(ledger_db.url) == []

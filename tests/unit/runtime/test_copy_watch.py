"""Looking at leaders: outages, limits and restarts of their sources keep nobody else waiting."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from uuid import UUID

import pytest
from msgspec.structs import replace

from arbiter.model.changes import Changes
from arbiter.model.commands import AddCopy, RemoveCopy, SwitchCopy
from arbiter.model.copying import (
    LeaderAction,
    LeaderHolding,
    LeaderKind,
    SubscriptionId,
    Wallet,
)
from arbiter.model.errors import (
    Conflict,
    InvalidValue,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    VenueUnreachable,
)
from arbiter.model.events import AlertRaised, Audited, PositionForced
from arbiter.model.ids import Actor, InstrumentId, VenueId
from arbiter.model.money import ONE
from arbiter.model.orders import Side
from arbiter.model.perpetuals import ForcedCause, ForcedClose
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.copy_view import CopyView
from arbiter.runtime.copy_watch import CopyWatch
from arbiter.runtime.supervisor import Supervisor
from tests.fakes.engine import USDT
from tests.fakes.leader_tape import WALLET
from tests.unit.runtime.copying import LEADER, POLYMARKET, SETTINGS, CopyStage

ME = Actor("test")
OTHER = Wallet("0x" + "cd" * 20)
BUY = LeaderKind.BUY


class Source:
    """Answers with what it was given, or fails as it was told."""

    def __init__(self, wallet: Wallet = WALLET) -> None:
        self.wallet = wallet
        self.acts: list[LeaderAction] = []
        self.held: list[LeaderHolding] = []
        self.failing: Exception | None = None
        self.looks: list[int] = []
        self.looked = asyncio.Event()
        self.on_holdings: Callable[[], None] = lambda: None

    @property
    def venue(self) -> VenueId:
        return POLYMARKET

    def follows(self, wallet: Wallet) -> bool:
        return wallet == self.wallet

    async def actions_since(self, wallet: Wallet, since_ns: int) -> Sequence[LeaderAction]:
        self.looks.append(since_ns)
        self.looked.set()
        if self.failing is not None:
            raise self.failing
        return [act for act in self.acts if act.at_ns >= since_ns]

    async def holdings(self, wallet: Wallet) -> Sequence[LeaderHolding]:
        self.on_holdings()
        return list(self.held)

    async def next_look(self) -> None:
        self.looked.clear()
        await self.looked.wait()


def watch_of(stage: CopyStage, *sources: Source) -> CopyWatch:
    stage.copying.settings = replace(SETTINGS, poll_seconds=0.001, retry_seconds=0.001)
    watch = CopyWatch(
        core=stage.desk.core,
        desk=stage.copying,
        sources={POLYMARKET: sources},
        clock=stage.desk.clock,
    )
    stage.desk.hub.listen(watch.watch)
    return watch


async def test_an_act_is_copied_soon_after_it_is_told() -> None:
    stage, source = CopyStage(), Source()
    watch = watch_of(stage, source)
    async with Supervisor() as supervisor:
        watch.initialise(supervisor)
        stage.follow(based=False)
        await source.next_look()
        source.acts.append(stage.act(BUY, 100))
        while not stage.desk.outbox.sent:
            await source.next_look()
        assert supervisor.failure is None
    assert stage.one().size == 100


async def test_what_the_leader_held_is_asked_once_and_kept() -> None:
    stage, source = CopyStage(), Source()
    source.held = [LeaderHolding(market="M1", size=Decimal(300))]
    watch = watch_of(stage, source)
    row = stage.follow(based=False)
    source.acts = [stage.act(BUY, 100)]
    asked = 0

    def count() -> None:
        nonlocal asked
        asked += 1

    source.on_holdings = count
    async with Supervisor() as supervisor:
        watch.initialise(supervisor)
        while not stage.ledger.copy_subscriptions[row.id].based:
            await source.next_look()
        await source.next_look()
        await source.next_look()
    assert asked == 2
    held = stage.ledger.leader_actions(*LEADER)[f"held:{row.id}:M1:YES"]
    assert held.size == 200  # 300 now, of which 100 were bought since


async def test_a_beginning_is_taken_only_when_the_holdings_stood_still() -> None:
    stage, source = CopyStage(), Source()
    watch = watch_of(stage, source)
    row = stage.follow(based=False)
    moves = iter(range(3))

    def buys() -> None:
        if next(moves, None) is not None:
            source.held = [LeaderHolding(market="M1", size=Decimal(len(source.acts) + 1))]
            source.acts.append(stage.act(BUY, 1))

    source.on_holdings = buys
    async with Supervisor() as supervisor:
        watch.initialise(supervisor)
        while not stage.ledger.copy_subscriptions[row.id].based:
            await source.next_look()
    assert all(act.kind is BUY for act in stage.ledger.leader_actions(*LEADER).values())


@pytest.mark.parametrize(
    "failure",
    [
        VenueUnreachable("503"),
        OutcomeUnknown("cut short"),
        RateLimited("429", retry_after_ms=1),
    ],
)
async def test_an_outage_is_told_lived_through_and_made_up_for(failure: Exception) -> None:
    stage, source = CopyStage(), Source()
    watch = watch_of(stage, source)
    stage.follow()
    source.failing = failure
    async with Supervisor() as supervisor:
        watch.initialise(supervisor)
        for _ in range(4):
            await source.next_look()
        source.acts = [stage.act(BUY, 100), stage.act(LeaderKind.SELL, 60)]
        assert watch.health[LEADER].why == str(failure)
        source.failing = None
        while not stage.desk.outbox.sent:
            await source.next_look()
        assert supervisor.failure is None
    assert stage.one().size == 40
    told = [e for e in stage.desk.journal.of(AlertRaised) if isinstance(e, AlertRaised)]
    assert [alert.severity for alert in told if alert.code == "LEADER_FEED"] == ["warning", "info"]


async def test_a_busy_source_is_left_alone_for_as_long_as_it_says() -> None:
    stage, source = CopyStage(), Source()
    watch = watch_of(stage, source)
    stage.follow()
    source.failing = RateLimited("429", retry_after_ms=3_600_000)
    async with Supervisor() as supervisor:
        watch.initialise(supervisor)
        await source.next_look()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await source.next_look()
    assert len(source.looks) == 1


async def test_a_leader_who_cannot_be_seen_keeps_no_other_waiting() -> None:
    stage, source, other = CopyStage(), Source(), Source(OTHER)
    watch = watch_of(stage, source, other)
    stage.follow(1)
    stage.follow(2, wallet=OTHER)
    source.failing = VenueUnreachable("gone")
    other.acts = [replace(stage.act(BUY, 7), wallet=OTHER)]
    async with Supervisor() as supervisor:
        watch.initialise(supervisor)
        while not stage.desk.outbox.sent:
            await other.next_look()
    assert stage.one().size == 7


async def test_looks_overlap_and_go_back_far_now_and_then() -> None:
    stage, source = CopyStage(), Source()
    watch = watch_of(stage, source)
    row = stage.follow()
    stage.passes(5_000)
    source.acts = [stage.act(BUY, 1)]
    async with Supervisor() as supervisor:
        watch.initialise(supervisor)
        await source.next_look()
        await source.next_look()
        await source.next_look()
    overlap_ns = int(SETTINGS.overlap_seconds * 1e9)
    assert source.looks[0] == row.created_ns
    assert source.looks[-1] == source.acts[0].at_ns - overlap_ns
    stage.passes(SETTINGS.deep_every_seconds + 1)
    assert stage.copying.since_ns(LEADER, deep=True) == row.created_ns


async def test_a_removed_leader_is_looked_at_no_more() -> None:
    stage, source = CopyStage(), Source()
    watch = watch_of(stage, source)
    bus = CommandBus(ledger=stage.ledger, recorder=stage.desk.core.recorder, strategies=())
    row = stage.follow()
    async with Supervisor() as supervisor:
        watch.initialise(supervisor)
        await source.next_look()
        await bus.execute(RemoveCopy(actor=ME, id=row.id))
        while watch.health:  # noqa: ASYNC110 - it has no other end
            await asyncio.sleep(0.001)
        looks = len(source.looks)
        await asyncio.sleep(0.05)
        assert len(source.looks) == looks


async def test_a_resolution_ends_what_a_leader_had_of_a_market() -> None:
    stage, source = CopyStage(), Source()
    watch = watch_of(stage, source)
    row = stage.follow()
    source.acts = [stage.act(BUY, 100)]
    async with Supervisor() as supervisor:
        watch.initialise(supervisor)
        while not stage.copying.targets(row):
            await source.next_look()
        stage.passes(5)
        forced = ForcedClose(
            venue=POLYMARKET,
            venue_trade_id="r1",
            instrument=InstrumentId("M1.POLYMARKET"),
            side=Side.SELL,
            size=Decimal(0),
            price=ONE,
            fee=Decimal(0),
            fee_asset=USDT,
            cause=ForcedCause.RESOLUTION,
            at_ns=stage.desk.clock.now_ns(),
        )
        watch.watch([PositionForced(at_ns=forced.at_ns, forced=forced)], Changes())
        while not stage.copying.targets(row)["M1"].redeemed:
            await source.next_look()
        assert supervisor.failure is None


# Commands


def add(number: int = 1) -> AddCopy:
    return AddCopy(
        actor=ME,
        id=SubscriptionId(UUID(int=number)),
        venue=POLYMARKET,
        wallet=WALLET.upper().replace("0X", "0x"),
        multiplier=ONE,
        max_position_size=Decimal(50),
    )


async def test_a_subscription_is_added_switched_and_removed_with_an_audit_record() -> None:
    stage = CopyStage()
    bus = CommandBus(ledger=stage.ledger, recorder=stage.desk.core.recorder, strategies=())
    command = add()
    await bus.execute(command)
    row = stage.ledger.copy_subscriptions[command.id]
    assert (row.wallet, row.enabled, row.based, row.actor) == (WALLET, True, False, ME)
    with pytest.raises(Conflict):
        await bus.execute(add(2))
    await bus.execute(SwitchCopy(actor=ME, id=command.id, enabled=False))
    assert not stage.ledger.copy_subscriptions[command.id].enabled
    await bus.execute(RemoveCopy(actor=ME, id=command.id))
    with pytest.raises(NotFound):
        await bus.execute(RemoveCopy(actor=ME, id=command.id))
    await bus.execute(add(2))  # once removed, the wallet may be followed anew
    told = [event for event in stage.desk.journal.of(Audited) if isinstance(event, Audited)]
    assert [entry.action for entry in told] == [
        "copy.add",
        "copy.disable",
        "copy.remove",
        "copy.add",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"wallet": "0x12"},
        {"venue": VenueId("kalshi")},
        {"multiplier": Decimal(0)},
        {"max_position_size": Decimal("NaN")},
    ],
)
async def test_terms_that_cannot_be_are_refused_before_anything_is_kept(
    changes: dict[str, object],
) -> None:
    stage = CopyStage()
    bus = CommandBus(ledger=stage.ledger, recorder=stage.desk.core.recorder, strategies=())
    with pytest.raises(InvalidValue):
        await bus.execute(replace(add(), **changes))
    assert not stage.ledger.copy_subscriptions


async def test_what_is_shown_adds_up_fills_marks_and_fees() -> None:
    stage = CopyStage()
    source = Source()
    watch = watch_of(stage, source)
    view = CopyView(stage.desk.core, watch, {USDT: ONE}.get)
    row = stage.follow()
    stage.tell(stage.act(BUY, 100))
    stage.desk.complete(stage.one())  # 100 at 0.41, fee 0.041
    stage.shows("M1", 0.49, 0.51)
    stage.tell(stage.act(LeaderKind.SELL, 50))
    stage.desk.complete(stage.one())  # 50 at 0.49, fee 0.0245
    (shown,) = view.rows()
    assert (shown.id, shown.fills, shown.leader_acts, shown.status) == (row.id, 2, 2, "following")
    assert shown.realized_pnl == Decimal("4.00")
    assert shown.unrealized_pnl == Decimal("4.500")
    assert shown.total_pnl == Decimal("8.500") - Decimal("0.0655")
    assert [(held.quantity, held.target) for held in shown.holdings] == [(Decimal(50), Decimal(50))]
    assert view.row(row.id) == shown

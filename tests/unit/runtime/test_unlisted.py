"""After a restart some of what is held is not listed here any more: a flattening closes the rest."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

import pytest

from arbiter.ledger.ledger import Ledger
from arbiter.model.copying import COPY_TRADING, LeaderKind
from arbiter.model.denials import Denied
from arbiter.model.event_pairs import Polarity, Review
from arbiter.model.events import (
    ContractSet,
    CopyRemoved,
    EventPairProposed,
    KillSwitchEngaged,
    PairOpened,
)
from arbiter.model.ids import MANUAL, Actor, InstrumentId, StrategyId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Order, Side
from arbiter.model.pairs import FundingPair, PairId, PairState
from arbiter.model.perpetuals import contract_of
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.trades import Trade
from arbiter.opportunities.event_settings import EVENT_ARBITRAGE, EventSettings
from arbiter.opportunities.funding_settings import FUNDING_ARBITRAGE, FundingSettings
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.clock import SignalIds
from arbiter.runtime.copy_desk import CopyDesk
from arbiter.runtime.copy_view import CopyView
from arbiter.runtime.copy_watch import CopyWatch
from arbiter.runtime.crossing import Crossing
from arbiter.runtime.event_desk import EventDesk
from arbiter.runtime.funding_desk import FundingDesk
from tests.fakes.binaries import binary
from tests.fakes.clock import FakeIds
from tests.fakes.engine import USDT, Desk
from tests.fakes.perpetuals import perpetual
from tests.unit.opportunities.event_house import market, pair
from tests.unit.runtime.copying import SETTINGS, CopyStage

D = Decimal
ME = Actor("test")
LIMITS = RiskLimits(max_trade_usd=D(1_000_000), max_total_exposure_usd=D(1_000_000))
M1, M2 = InstrumentId("M1.POLYMARKET"), InstrumentId("M2.POLYMARKET")
LONG, SHORT = perpetual("binance"), perpetual("bybit")
RAIN = binary("polymarket", quote=USDT, settle=USDT)
SNOW = binary("kalshi", quote=USDT, settle=USDT)


def restarted(ledger: Ledger, *listed: Instrument) -> Desk:
    """An engine that finds its old books, and lists what venues list now."""
    desk = Desk(instruments=listed, limits=LIMITS, books=ledger)
    show(desk)
    return desk


def show(desk: Desk) -> None:
    for listed in desk.registry.instruments:
        bid, ask = (0.4, 0.41) if listed.margin is None else (100.0, 100.1)
        desk.quote(listed.id, bid, ask, 10_000, 10_000)


def flatten(desk: Desk) -> None:
    desk.core.recorder.record(KillSwitchEngaged(at_ns=1, actor=ME, reason="test", flatten=True))


def orders(desk: Desk) -> list[tuple[InstrumentId, Side, Decimal]]:
    return [(order.instrument, order.side, order.size) for order in desk.outbox.sent]


# Copies


def copied(*markets: str) -> CopyStage:
    stage = CopyStage()
    row = stage.follow()
    stage.tell(*(stage.act(LeaderKind.BUY, 100, name) for name in markets))
    for order in stage.sent():
        stage.desk.complete(order)
    stage.desk.core.recorder.record(CopyRemoved(at_ns=1, subscription_id=row.id, actor=ME))
    return stage


def test_a_copy_of_a_market_that_is_gone_keeps_no_other_from_being_closed() -> None:
    before = copied("M1", "M2")
    desk = restarted(before.ledger, before.desk.registry.by_id(M2))
    copying = CopyDesk(core=desk.core, settings=SETTINGS, clock=desk.clock)
    flatten(desk)
    copying.tick()
    assert orders(desk) == [(M2, Side.SELL, D(100))]


def test_the_payout_of_a_market_that_is_gone_stops_no_copying() -> None:
    before = CopyStage()
    before.follow()
    desk = restarted(before.ledger, before.desk.registry.by_id(M2))
    copying = CopyDesk(core=desk.core, settings=SETTINGS, clock=desk.clock)
    copying.on_resolved(M1, desk.clock.now_ns())
    assert not any(desk.ledger.leader_actions(*leader) for leader in copying.followed())


def test_a_copy_of_a_market_that_is_gone_is_told_by_its_name_and_without_a_value() -> None:
    before = CopyStage()
    before.follow()
    before.tell(before.act(LeaderKind.BUY, 100))
    before.desk.complete(before.one())
    desk = restarted(before.ledger, before.desk.registry.by_id(M2))
    copying = CopyDesk(core=desk.core, settings=SETTINGS, clock=desk.clock)
    watch = CopyWatch(core=desk.core, desk=copying, sources={}, clock=desk.clock)
    (row,) = CopyView(desk.core, watch, {USDT: ONE}.get).rows()
    (held,) = row.holdings
    assert (held.instrument, held.market, held.quantity) == (M1, M1, D(100))
    assert held.unrealized_pnl == ZERO


# Against each other


def bought(
    desk: Desk,
    strategy: StrategyId,
    *legs: tuple[Instrument, Side, int],
    family: Family = Family.MANUAL,
) -> Trade:
    plan = Plan(
        strategy=strategy,
        family=family,
        actor=ME,
        symbol=legs[0][0].symbol,
        legs=tuple(_leg(desk, *leg) for leg in legs),
        created_ns=desk.clock.now_ns(),
    )
    count = len(desk.outbox.sent)
    opened = desk.core.propose(plan)
    assert not isinstance(opened, Denied), str(opened)
    sent: Sequence[Order] = desk.outbox.sent[count:]
    for order in sent:
        desk.complete(order)
    return opened.trade


def _leg(desk: Desk, listed: Instrument, side: Side, size: int) -> Leg:
    touch = desk.core.touch(listed.id, side)
    assert touch is not None
    return Leg(instrument=listed.id, side=side, size=D(size), price=touch, planned_price=touch)


def market_of(*listed: Instrument) -> Desk:
    desk = Desk(instruments=listed, limits=LIMITS)
    for each in listed:
        desk.core.recorder.record(ContractSet(at_ns=1, contract=contract_of(each, ONE)))
    show(desk)
    return desk


def test_what_is_held_against_each_other_in_a_contract_that_is_gone_stops_no_crossing() -> None:
    # By name the contract that is gone comes first.
    before = market_of(LONG, SHORT)
    for listed in (LONG, SHORT):
        bought(before, MANUAL, (listed, Side.BUY, 3))
        bought(before, COPY_TRADING, (listed, Side.SELL, 3))
    desk = restarted(before.ledger, SHORT)
    flatten(desk)
    Crossing(desk.core).tick()
    left = {name for (_, name), row in desk.ledger.positions.items() if row.quantity}
    assert left == {LONG.id}


# Funding pairs


def funding_pair(long: int, short: int) -> Desk:
    desk = market_of(LONG, SHORT)
    trades = [
        bought(desk, FUNDING_ARBITRAGE, (listed, side, size))
        for listed, side, size in ((LONG, Side.BUY, long), (SHORT, Side.SELL, short))
        if size
    ]
    row = FundingPair(
        id=PairId(UUID(int=7)),
        strategy=FUNDING_ARBITRAGE,
        symbol=LONG.symbol,
        long_instrument=LONG.id,
        short_instrument=SHORT.id,
        long_venue=LONG.venue,
        short_venue=SHORT.venue,
        open_trade=trades[0].id,
        planned_units=D(3),
        entry_spread=D("0.001"),
        entry_price=D(100),
        state=PairState.OPEN,
        opened_ns=1,
    )
    desk.core.recorder.record(PairOpened(at_ns=1, pair=row))
    return desk


def funding_desk(desk: Desk) -> FundingDesk:
    return FundingDesk(core=desk.core, settings=FundingSettings(), clock=desk.clock, ids=FakeIds())


@pytest.mark.parametrize("listed", [SHORT, LONG])
def test_flattening_leaves_the_leg_that_hedges_one_no_order_can_close(listed: Instrument) -> None:
    desk = restarted(funding_pair(3, 3).ledger, listed)
    funding = funding_desk(desk)
    funding.tick()
    flatten(desk)
    funding.tick()
    assert desk.outbox.sent == [], "each hedges the other, and the proof tells both"
    (row,) = desk.ledger.active_pairs()
    assert row.state is PairState.OPEN


def test_what_a_funding_pair_holds_beyond_the_leg_that_is_gone_is_reduced() -> None:
    desk = restarted(funding_pair(3, 5).ledger, SHORT)
    funding_desk(desk).tick()
    assert orders(desk) == [(SHORT.id, Side.BUY, D(2))]


def test_a_funding_pair_whose_gone_leg_holds_nothing_is_closed_as_any() -> None:
    desk = restarted(funding_pair(0, 3).ledger, SHORT)
    funding = funding_desk(desk)
    funding.tick()
    assert orders(desk) == [(SHORT.id, Side.BUY, D(3))]
    desk.complete(desk.outbox.sent[0])
    funding.tick()
    assert desk.ledger.active_pairs() == ()


# Event pairs


def event_desk(desk: Desk) -> EventDesk:
    return EventDesk(
        core=desk.core,
        settings=EventSettings(),
        tradable=tuple,
        clock=desk.clock,
        ids=SignalIds(FakeIds(), lambda: desk.ledger.next_signal_seq),
        simulated=False,
    )


@pytest.mark.parametrize("listed", [RAIN, SNOW])
@pytest.mark.parametrize("more", [0, 30])
def test_flattening_closes_of_an_event_pair_what_hedges_no_leg_that_is_gone(
    listed: Instrument, more: int
) -> None:
    before = market_of(RAIN, SNOW)
    bought(before, EVENT_ARBITRAGE, (RAIN, Side.BUY, 50 + (more if listed is RAIN else 0)))
    bought(before, EVENT_ARBITRAGE, (SNOW, Side.SELL, 50 + (more if listed is SNOW else 0)))
    both = pair(
        Polarity.SAME,
        first=market(RAIN),
        second=market(SNOW),
        state=Review.PROPOSED,
        approved_by=None,
        approved_ns=None,
    )
    before.core.recorder.record(EventPairProposed(at_ns=1, pair=both))
    desk = restarted(before.ledger, listed)
    events = event_desk(desk)
    flatten(desk)
    events.tick()
    side = Side.SELL if listed is RAIN else Side.BUY
    assert orders(desk) == ([(listed.id, side, D(more))] if more else [])

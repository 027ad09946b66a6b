"""What event arbitrage did today, counted from what is recorded."""

from decimal import Decimal
from uuid import UUID

from msgspec.structs import replace

from arbiter.model.changes import Changes
from arbiter.model.events import SignalSeen
from arbiter.model.holdings import Residual
from arbiter.model.ids import (
    Actor,
    Asset,
    InstrumentId,
    SignalId,
    StrategyId,
    Symbol,
    TradeId,
    VenueId,
)
from arbiter.model.money import ZERO
from arbiter.model.plans import Family, Signal
from arbiter.model.time import NS_PER_DAY, NS_PER_HOUR
from arbiter.model.trades import Trade, TradeState
from arbiter.runtime.event_tally import EventTally

EVENTS = StrategyId("event-arbitrage")
MIDNIGHT = 20_000 * NS_PER_DAY
NOON = MIDNIGHT + 12 * NS_PER_HOUR


def trade(number: int, ended_ns: int | None, pnl: str | None = None, **changes: object) -> Trade:
    made = Trade(
        id=TradeId(UUID(int=number)),
        seq=number,
        strategy=EVENTS,
        family=Family.EVENTS,
        actor=Actor("engine"),
        symbol=Symbol("FED/USDC"),
        quote="USDC",
        legs=(),
        started_ns=(ended_ns or NOON) - 1_000,
        state=TradeState.COMPLETED if ended_ns else TradeState.WORKING,
        completed_ns=ended_ns,
        pnl=None if pnl is None else Decimal(pnl),
    )
    return replace(made, **changes)


def seen(number: int, at_ns: int, strategy: StrategyId = EVENTS) -> SignalSeen:
    signal = Signal(
        id=SignalId(UUID(int=number)),
        seq=number,
        strategy=strategy,
        symbol=Symbol("FED/USDC"),
        buy_instrument=InstrumentId("FED.POLYMARKET"),
        sell_instrument=InstrumentId("FED.KALSHI"),
        buy_venue=VenueId("polymarket"),
        sell_venue=VenueId("kalshi"),
        buy_price=Decimal("0.4"),
        sell_price=Decimal("0.45"),
        edge=Decimal("0.02"),
        confidence=Decimal(1),
        detected_ns=at_ns,
    )
    return SignalSeen(at_ns=at_ns, signal=signal)


def told(*trades: Trade) -> Changes:
    return Changes(trades={each.id: each for each in trades})


def test_trades_and_pnl_are_of_this_strategy_and_this_day() -> None:
    tally = EventTally(EVENTS, NOON)
    tally.watch(
        (),
        told(
            trade(1, NOON, "1.5"),
            trade(2, NOON, "-0.25", state=TradeState.UNWOUND),
            trade(3, NOON, "9", strategy=StrategyId("spot-arbitrage")),
            trade(4, MIDNIGHT - 1, "7"),
            trade(5, None),
        ),
    )
    assert tally.trades(NOON) == 1
    assert tally.pnl(NOON) == Decimal("1.25")
    assert tally.last_activity_ns == NOON


def test_a_late_correction_of_a_trade_replaces_it() -> None:
    tally = EventTally(EVENTS, NOON)
    tally.watch((), told(trade(1, NOON, "1.5")))
    tally.watch((), told(trade(1, NOON, "1.4")))
    assert (tally.trades(NOON), tally.pnl(NOON)) == (1, Decimal("1.4"))


def test_what_leftovers_make_when_they_meet_counts_from_here() -> None:
    key = (EVENTS, Asset("FED"), Asset("USDC"))
    before = Residual(
        strategy=EVENTS, asset=Asset("FED"), quote=Asset("USDC"), realized_pnl=Decimal(5)
    )
    tally = EventTally(EVENTS, NOON, residuals={key: before})
    met = replace(before, realized_pnl=Decimal("5.75"), updated_ns=NOON)
    tally.watch((), Changes(residuals={key: met}))
    tally.watch((), Changes(residuals={key: met}))
    other = replace(met, strategy=StrategyId("spot-arbitrage"))
    tally.watch((), Changes(residuals={(other.strategy, *key[1:]): other}))
    assert tally.pnl(NOON) == Decimal("0.75")
    assert tally.pnl(NOON + NS_PER_DAY) == ZERO


def test_what_leftovers_made_earlier_in_the_day_counts_after_a_restart() -> None:
    tally = EventTally(
        EVENTS,
        NOON,
        earlier_trades=[trade(1, NOON - 5, "2"), trade(2, MIDNIGHT - 5, "3")],
        earlier_pnl=Decimal("-52.2"),
    )
    assert tally.pnl(NOON) == Decimal("-52.2")
    tally.watch((), told(trade(3, NOON, "1.5")))
    assert tally.pnl(NOON) == Decimal("-50.7")
    assert tally.pnl(NOON + NS_PER_DAY) == ZERO


def test_an_opening_told_twice_counts_once() -> None:
    tally = EventTally(EVENTS, NOON)
    for event in (seen(1, NOON), seen(1, NOON), seen(2, NOON), seen(3, NOON, StrategyId("spot"))):
        tally.watch((event,), Changes())
    assert tally.opportunities(NOON) == 2


def test_counts_begin_anew_at_midnight_and_the_last_activity_stays() -> None:
    tally = EventTally(EVENTS, NOON)
    tally.watch((seen(1, NOON),), told(trade(1, NOON, "1.5")))
    tomorrow = NOON + NS_PER_DAY
    assert (tally.opportunities(tomorrow), tally.trades(tomorrow)) == (0, 0)
    assert tally.pnl(tomorrow) == ZERO
    assert tally.last_activity_ns == NOON


def test_what_the_database_has_of_the_day_counts_and_older_only_as_activity() -> None:
    tally = EventTally(
        EVENTS,
        NOON,
        earlier_trades=[trade(1, NOON - 5, "2"), trade(2, MIDNIGHT - 5, "3")],
        earlier_signals=[seen(1, NOON - 6).signal],
    )
    assert (tally.opportunities(NOON), tally.trades(NOON), tally.pnl(NOON)) == (1, 1, Decimal(2))
    assert EventTally(EVENTS, NOON, earlier_trades=[trade(2, MIDNIGHT - 5)]).last_activity_ns == (
        MIDNIGHT - 5
    )
    assert EventTally(EVENTS, NOON).last_activity_ns is None

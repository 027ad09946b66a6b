"""One spot trade from quote to account, with the venues' part played by the test."""

from decimal import Decimal

import msgspec

from arbiter.model.events import AlertRaised, PlanDenied, SignalSeen, StrategySwitched
from arbiter.model.ids import Actor, ClientOrderId
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.trades import TradeState
from arbiter.risk.limits import RiskLimits
from tests.fakes.engine import Desk


def test_nothing_is_sent_before_the_intents_are_durable() -> None:
    desk = Desk(hold_commits=True)
    desk.open_spread()
    assert len(desk.ledger.open_trades()) == 1
    assert desk.outbox.sent == []
    desk.journal.commit()
    assert [order.side for order in desk.outbox.sent] == [Side.BUY, Side.SELL]


def test_a_run_without_the_spot_strategy_leaves_spreads_alone() -> None:
    desk = Desk()
    desk.core.state.hunting = False
    desk.open_spread()
    assert desk.outbox.sent == []
    assert desk.ledger.next_signal_seq == 1


def test_both_legs_filled_completes_the_trade_and_books_its_profit() -> None:
    desk = Desk()
    desk.open_spread()
    buy, sell = desk.outbox.sent
    desk.complete(buy)
    desk.complete(sell)
    (trade,) = desk.ledger.closed_trades.values()
    assert trade.state is TradeState.COMPLETED
    gross = (sell.planned_price - buy.planned_price) * buy.size
    fees = (sell.planned_price + buy.planned_price) * buy.size / 1000
    assert trade.pnl == gross - fees
    assert desk.ledger.cumulative_pnl == trade.pnl
    assert all(balance.locked == ZERO for balance in desk.ledger.balances.values())


def test_an_edge_that_is_gone_after_the_commit_abandons_the_intents() -> None:
    desk = Desk(hold_commits=True)
    desk.open_spread()
    desk.quote("BTCUSDT.BYBIT", 100.0, 100.1)
    desk.journal.commit()
    assert desk.outbox.sent == []
    (trade,) = desk.ledger.closed_trades.values()
    assert trade.state is TradeState.ABANDONED
    assert trade.reason.startswith("EDGE_GONE")
    assert all(o.status is OrderStatus.ABANDONED for o in desk.ledger.orders_of(trade.id))


def _stop(desk: Desk) -> None:
    strategy = desk.core.spot.settings.strategy
    desk.core.recorder.record(
        StrategySwitched(at_ns=1, strategy=strategy, running=False, actor=Actor("test"))
    )


def test_what_a_stopped_strategy_sees_is_a_signal_and_no_order() -> None:
    desk = Desk()
    _stop(desk)
    heard: list[object] = []
    desk.hub.listen(lambda events, _changes: heard.extend(events))
    desk.open_spread()
    (seen,) = heard
    assert isinstance(seen, SignalSeen)
    assert seen.signal.verdict == "STRATEGY_STOPPED: strategy=spot-arbitrage"
    assert not desk.ledger.orders
    assert desk.outbox.sent == []


def test_intents_that_wait_for_their_commit_are_abandoned_when_the_strategy_stops() -> None:
    desk = Desk(hold_commits=True)
    desk.open_spread()
    _stop(desk)
    desk.journal.commit()
    assert desk.outbox.sent == []
    (trade,) = desk.ledger.closed_trades.values()
    assert trade.state is TradeState.ABANDONED
    assert trade.reason.startswith("STRATEGY_STOPPED")


def test_a_stopped_strategy_still_leaves_a_lone_leg() -> None:
    desk = Desk()
    desk.open_spread()
    buy, sell = desk.outbox.sent
    desk.complete(buy)
    _stop(desk)
    desk.refuse(sell, "insufficient balance")
    assert desk.outbox.sent[2].reduce_only


def test_a_refused_second_leg_unwinds_the_first() -> None:
    desk = Desk()
    desk.open_spread()
    buy, sell = desk.outbox.sent
    desk.complete(buy)
    desk.refuse(sell, "insufficient balance")
    unwind = desk.outbox.sent[2]
    assert (unwind.side, unwind.instrument, unwind.size) == (Side.SELL, buy.instrument, buy.size)
    assert unwind.reduce_only
    desk.complete(unwind)
    (trade,) = desk.ledger.closed_trades.values()
    assert trade.state is TradeState.UNWOUND
    assert trade.residual == ZERO
    assert trade.pnl is not None
    assert trade.pnl < 0
    assert len(desk.outbox.sent) == 3


def test_an_unknown_outcome_is_asked_for_and_never_sent_again() -> None:
    desk = Desk()
    desk.open_spread()
    buy, sell = desk.outbox.sent
    desk.complete(buy)
    desk.lose(sell)
    assert [order.client_order_id for order in desk.outbox.asked] == [sell.client_order_id]
    assert len(desk.outbox.sent) == 2
    (trade,) = desk.ledger.open_trades()
    assert trade.unknown


def test_a_fill_before_the_acknowledgement_is_booked() -> None:
    desk = Desk()
    desk.open_spread()
    buy, _ = desk.outbox.sent
    desk.fill(buy)
    desk.accept(buy)
    desk.end(buy, OrderStatus.FILLED, buy.size)
    assert desk.order(buy.client_order_id).status is OrderStatus.FILLED


def test_the_same_fill_twice_is_booked_once() -> None:
    desk = Desk()
    desk.open_spread()
    buy, _ = desk.outbox.sent
    fill = desk.fill_of(buy)
    assert desk.core.outcomes.book([fill]) == 1
    assert desk.core.outcomes.book([fill, fill]) == 0
    assert desk.order(buy.client_order_id).filled_size == buy.size


def _half_sold(desk: Desk, sell_bid: float) -> tuple[Order, Order, Order]:
    """Buy all, sell 0.4, and give (buy, sell, the order that mends it)."""
    desk.open_spread()
    buy, sell = desk.outbox.sent
    half = Decimal("0.4000")
    desk.quote("BTCUSDT.BYBIT", sell_bid, sell_bid + 0.1)
    desk.complete(buy)
    desk.accept(sell)
    desk.fill(sell, half)
    desk.end(sell, OrderStatus.EXPIRED, half)
    mend = desk.outbox.sent[2]
    assert (mend.side, mend.size) == (Side.SELL, buy.size - half)
    return buy, sell, mend


def test_a_half_filled_leg_is_chased_while_its_price_is_the_better_one() -> None:
    desk = Desk()
    _, sell, chase = _half_sold(desk, sell_bid=102.0)
    assert (chase.leg, chase.instrument) == ("c", sell.instrument)
    desk.complete(chase)
    (trade,) = desk.ledger.closed_trades.values()
    assert (trade.state, trade.residual) == (TradeState.COMPLETED, ZERO)


def test_a_half_filled_leg_unwinds_only_the_excess_when_its_price_is_gone() -> None:
    desk = Desk()
    buy, _, unwind = _half_sold(desk, sell_bid=99.8)
    assert (unwind.leg, unwind.instrument) == ("u", buy.instrument)
    desk.complete(unwind)
    (trade,) = desk.ledger.closed_trades.values()
    assert (trade.state, trade.residual) == (TradeState.UNWOUND, ZERO)
    assert len(desk.outbox.sent) == 3


def test_a_refused_plan_is_kept_with_its_reason_once_per_opening() -> None:
    desk = Desk(limits=RiskLimits(max_trade_usd=Decimal(20)))
    desk.open_spread()
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.1)
    denied = desk.journal.of(PlanDenied)
    assert len(denied) == 1
    event = denied[0]
    assert isinstance(event, PlanDenied)
    assert str(event.denied).startswith("TRADE_SIZE: ")
    assert [order.status for order in event.orders] == [OrderStatus.DENIED] * 2
    (seen,) = desk.journal.of(SignalSeen)
    assert isinstance(seen, SignalSeen)
    assert seen.signal.verdict == str(event.denied)


def test_a_fill_of_an_order_that_was_never_ours_is_an_alarm_and_not_booked() -> None:
    desk = Desk()
    desk.open_spread()
    buy, _ = desk.outbox.sent
    stranger = desk.fill_of(buy)
    foreign = msgspec.structs.replace(stranger, client_order_id=ClientOrderId("not-ours"))
    before = dict(desk.ledger.balances)
    assert desk.core.outcomes.book([foreign]) == 0
    assert dict(desk.ledger.balances) == before
    (alert,) = desk.journal.of(AlertRaised)
    assert isinstance(alert, AlertRaised)
    assert alert.code == "FOREIGN_FILL"

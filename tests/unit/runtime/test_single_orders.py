"""Trades with one leg: market orders and limits that rest."""

import asyncio
from decimal import Decimal

from arbiter.model.denials import Denied
from arbiter.model.events import KillSwitchEngaged
from arbiter.model.ids import Actor, InstrumentId, StrategyId, Symbol
from arbiter.model.orders import Order, OrderStatus, OrderType, Side, TimeInForce
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.time import NS_PER_S
from arbiter.model.trades import Trade, TradeState
from tests.fakes.engine import Desk

BTC = InstrumentId("BTCUSDT.BINANCE")
MINE = StrategyId("agents:test")


def plan(
    desk: Desk, side: Side, size: str, price: str | None = None, *, reduce_only: bool = False
) -> Plan:
    limit = None if price is None else Decimal(price)
    return Plan(
        strategy=MINE,
        family=Family.AGENTS,
        actor=Actor("test"),
        symbol=Symbol("BTC/USDT"),
        reduce_only=reduce_only,
        legs=(
            Leg(
                instrument=BTC,
                side=side,
                size=Decimal(size),
                price=limit,
                planned_price=limit or Decimal("100.1"),
                type=OrderType.MARKET if limit is None else OrderType.LIMIT,
                time_in_force=TimeInForce.IOC if limit is None else TimeInForce.GTC,
            ),
        ),
        created_ns=desk.clock.now_ns(),
    )


def propose(desk: Desk, wanted: Plan) -> Trade:
    opened = desk.core.propose(wanted)
    assert not isinstance(opened, Denied), str(opened)
    return opened.trade


def quoted() -> Desk:
    desk = Desk()
    desk.quote(BTC, 100.0, 100.1)
    return desk


def only(desk: Desk, trade: Trade) -> Order:
    (order,) = desk.ledger.orders_of(trade.id)
    return order


def state(desk: Desk, trade: Trade) -> TradeState:
    found = desk.ledger.trade(trade.id)
    assert found is not None
    return found.state


def test_a_market_buy_that_fills_completes_and_leaves_a_position() -> None:
    desk = quoted()
    trade = propose(desk, plan(desk, Side.BUY, "0.5"))
    desk.complete(only(desk, trade))
    assert state(desk, trade) is TradeState.COMPLETED
    assert desk.ledger.positions[MINE, BTC].quantity == Decimal("0.5")


def test_a_resting_limit_has_no_deadline_and_does_not_hold_up_a_stop() -> None:
    desk = quoted()
    trade = propose(desk, plan(desk, Side.BUY, "0.5", "99"))
    desk.accept(only(desk, trade))
    desk.clock.advance(3_600 * NS_PER_S)
    desk.core.on_wake(trade.id)
    assert desk.outbox.asked == []
    assert desk.outbox.cancelled == []
    assert only(desk, trade).status is OrderStatus.WORKING
    asyncio.run(asyncio.wait_for(desk.core.floor.idle(), 60))


def test_a_limit_without_an_answer_is_asked_for_and_not_repeated() -> None:
    desk = quoted()
    trade = propose(desk, plan(desk, Side.BUY, "0.5", "99"))
    desk.lose(only(desk, trade))
    assert [order.trade_id for order in desk.outbox.asked] == [trade.id]
    assert len(desk.outbox.sent) == 1


def test_what_a_thin_book_leaves_of_a_market_order_follows_in_another() -> None:
    desk = quoted()
    trade = propose(desk, plan(desk, Side.BUY, "0.5"))
    first = only(desk, trade)
    desk.accept(first)
    desk.fill(first, Decimal("0.2"))
    desk.end(first, OrderStatus.EXPIRED, Decimal("0.2"))
    second = desk.ledger.orders_of(trade.id)[-1]
    assert (second.size, second.type) == (Decimal("0.3"), OrderType.MARKET)
    desk.complete(second)
    assert state(desk, trade) is TradeState.COMPLETED
    assert desk.ledger.positions[MINE, BTC].quantity == Decimal("0.5")


def test_the_rest_of_a_market_buy_is_not_sent_once_trading_is_stopped() -> None:
    desk = quoted()
    trade = propose(desk, plan(desk, Side.BUY, "0.5"))
    first = only(desk, trade)
    desk.accept(first)
    desk.fill(first, Decimal("0.2"))
    desk.core.recorder.record(
        KillSwitchEngaged(at_ns=1, actor=Actor("test"), reason="stop", flatten=False)
    )
    desk.end(first, OrderStatus.EXPIRED, Decimal("0.2"))
    assert state(desk, trade) is TradeState.COMPLETED
    assert len(desk.outbox.sent) == 1


def test_a_cancelled_limit_ends_without_an_order_more() -> None:
    desk = quoted()
    trade = propose(desk, plan(desk, Side.BUY, "0.5", "99"))
    desk.accept(only(desk, trade))
    desk.core.floor.withdraw(trade.id, "cancelled by user")
    assert [order.trade_id for order in desk.outbox.cancelled] == [trade.id]
    desk.end(only(desk, trade), OrderStatus.CANCELLED)
    assert state(desk, trade) is TradeState.FAILED
    assert (
        desk.ledger.balances[desk.registry.by_id(BTC).venue, desk.registry.by_id(BTC).quote].locked
        == 0
    )


def test_a_sell_that_only_reduces_cannot_sell_more_than_the_position() -> None:
    desk = quoted()
    denied = desk.core.propose(plan(desk, Side.SELL, "0.5", reduce_only=True))
    assert isinstance(denied, Denied)
    assert str(denied).startswith("NOT_REDUCING")
    desk.complete(only(desk, propose(desk, plan(desk, Side.BUY, "0.5"))))
    sold = propose(desk, plan(desk, Side.SELL, "0.5", reduce_only=True))
    desk.complete(only(desk, sold))
    assert desk.ledger.positions[MINE, BTC].quantity == 0

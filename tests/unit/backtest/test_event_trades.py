"""What a recorded event trade came to: contracts held in pairs, and what was left alone."""

from decimal import Decimal
from uuid import UUID

import pytest

from arbiter.backtest.event_trades import EventFill, fill_of
from arbiter.model.ids import Actor, ClientOrderId, StrategyId, Symbol, TradeId
from arbiter.model.orders import Order, Side
from arbiter.model.plans import Family
from arbiter.model.trades import PlannedLeg, Trade
from arbiter.opportunities.event_edge import Lockup
from tests.unit.books.listings import T0
from tests.unit.opportunities.event_house import FIRST, SECOND

D = Decimal
YEAR = Lockup(days=D(365), rate=D("0.1"))
LISTED = {"a": FIRST, "b": SECOND}
TRADE = TradeId(UUID(int=1))


def order(leg: str, side: Side, size: str, price: str, *, number: int = 0) -> Order:
    """An order that filled `size` contracts of 100 at `price` of YES."""
    return Order(
        client_order_id=ClientOrderId(f"{leg}{side}{number}"),
        strategy=StrategyId("event-arbitrage"),
        actor=Actor("engine"),
        trade_id=TRADE,
        leg=leg,
        instrument=LISTED[leg].id,
        venue=LISTED[leg].venue,
        symbol=Symbol("FED/USD"),
        side=side,
        size=D(100),
        price=D(price),
        planned_price=D(price),
        filled_size=D(size),
        filled_value=D(size) * D(price),
        created_ns=T0,
        updated_ns=T0,
    )


def summed(*orders: Order, fees: str = "0") -> EventFill | None:
    """Of a trade that buys YES at the first venue and NO at the second."""
    legs = tuple(
        PlannedLeg(
            role=role,
            instrument=LISTED[role].id,
            side=side,
            size=D(100),
            limit=D("0.5"),
            planned_price=D("0.5"),
            order=ClientOrderId(role),
        )
        for role, side in (("a", Side.BUY), ("b", Side.SELL))
    )
    trade = Trade(
        id=TRADE,
        seq=1,
        strategy=StrategyId("event-arbitrage"),
        family=Family.EVENTS,
        actor=Actor("engine"),
        symbol=Symbol("FED/USD"),
        quote="USD",
        legs=legs,
        started_ns=T0,
    )
    return fill_of(trade, orders, D(fees), YEAR)


def known(*orders: Order, fees: str = "0") -> EventFill:
    fill = summed(*orders, fees=fees)
    assert fill is not None
    return fill


def test_both_legs_pay_one_and_cost_what_yes_and_no_cost() -> None:
    fill = known(order("a", Side.BUY, "100", "0.4"), order("b", Side.SELL, "100", "0.5"), fees="2")
    assert (fill.size, fill.alone) == (D(100), D(0))
    assert fill.cost == 100 * (D("0.4") + D("0.5"))
    assert (fill.spent, fill.profit) == (D(92), D(8))
    # A year at a tenth of all that was spent, fees included.
    assert fill.capital == D("9.2")
    assert fill.net == D("-1.2")


def test_what_lacks_its_other_leg_is_paid_for_and_worth_nothing() -> None:
    fill = known(order("a", Side.BUY, "100", "0.4"), order("b", Side.SELL, "70", "0.5"))
    assert (fill.size, fill.alone) == (D(70), D(30))
    assert fill.cost == 40 + 35
    assert fill.profit == 70 - 75


def test_what_was_sold_again_gives_its_price_back() -> None:
    """30 YES bought at 0.40 go at 0.35; 30 NO bought at 0.50 (YES at 0.50) at 0.45."""
    yes = known(
        order("a", Side.BUY, "100", "0.4"),
        order("a", Side.SELL, "30", "0.35", number=1),
        order("b", Side.SELL, "70", "0.5"),
    )
    assert (yes.size, yes.alone) == (D(70), D(0))
    assert yes.cost == 40 - D("10.5") + 35
    no = known(
        order("a", Side.BUY, "70", "0.4"),
        order("b", Side.SELL, "100", "0.5"),
        order("b", Side.BUY, "30", "0.55", number=1),
    )
    assert (no.size, no.alone) == (D(70), D(0))
    assert no.cost == 28 + 50 - 30 * D("0.45")
    assert no.prices == (D("0.4"), D("0.5"))


def test_a_leg_closed_again_in_full_locks_nothing_and_leaves_its_loss() -> None:
    fill = known(
        order("a", Side.BUY, "100", "0.4"), order("a", Side.SELL, "100", "0.38", number=1), fees="1"
    )
    assert (fill.size, fill.alone, fill.capital) == (D(0), D(0), D(0))
    assert fill.net == -3
    assert fill.prices == (D("0.4"), D(0))


def test_a_chased_leg_counts_all_its_orders() -> None:
    fill = known(
        order("a", Side.BUY, "100", "0.4"),
        order("b", Side.SELL, "60", "0.5"),
        order("b", Side.SELL, "40", "0.45", number=1),
    )
    assert (fill.size, fill.cost) == (D(100), 40 + 60 * D("0.5") + 40 * D("0.55"))
    assert fill.prices[1] == D("0.48")


@pytest.mark.parametrize("orders", [(), (order("a", Side.BUY, "0", "0.4"),)])
def test_a_trade_that_filled_nothing_is_none(orders: tuple[Order, ...]) -> None:
    assert summed(*orders) is None

"""Positions that are over: what went in came out, and nothing is lost between two of them."""

from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from arbiter.ledger.positions import Positions
from arbiter.model.changes import Changes
from arbiter.model.ids import (
    Actor,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    Symbol,
    TradeId,
    VenueId,
)
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, Side

ORDER = Order(
    client_order_id=ClientOrderId("o"),
    strategy=StrategyId("manual"),
    actor=Actor("user:alice"),
    trade_id=TradeId(UUID(int=1)),
    leg="a",
    instrument=InstrumentId("BTCUSDT.BINANCE"),
    venue=VenueId("binance"),
    symbol=Symbol("BTC/USDT"),
    side=Side.BUY,
    size=Decimal(1),
    price=Decimal(1),
    planned_price=Decimal(1),
    created_ns=1,
    updated_ns=1,
)


sized = st.decimals(min_value="0.1", max_value="5", places=1)
priced = st.decimals(min_value="50", max_value="150", places=2)


@given(st.lists(st.tuples(st.booleans(), sized, priced), max_size=30))
def test_positions_that_ended_and_the_one_held_add_up_to_what_was_realized(
    executions: list[tuple[bool, Decimal, Decimal]],
) -> None:
    positions, changes = Positions(), Changes()
    for at_ns, (buys, size, price) in enumerate(executions, 1):
        units = size if buys else -size
        positions.fill(ORDER, units, price, ZERO, netted=False, at_ns=at_ns, changes=changes)
    rows = list(positions.rows.values())
    if not rows:
        assert not changes.closed_positions
        return
    (row,) = rows
    held = row.left_value - (row.entered_value - row.cost)
    realized = sum((each.realized_pnl for each in changes.closed_positions.values()), ZERO)
    if row.quantity:
        realized += held if row.quantity > ZERO else -held
        assert row.entered - row.left == abs(row.quantity)
        assert row.number == len(changes.closed_positions) + 1
    assert realized == row.realized_pnl
    for number, ended in enumerate(changes.closed_positions.values(), 1):
        assert ended.number == number
        assert ended.opened_ns < ended.closed_ns
        assert ended.size > ZERO

"""Budgets: reserved is what is in use, and it always comes back."""

import pytest

from arbiter.model import events as ev
from arbiter.model.errors import LedgerError
from arbiter.model.holdings import Budget
from arbiter.model.orders import Side
from arbiter.model.plans import Family
from arbiter.model.trades import TradeState
from tests.unit.ledger.tape import BINANCE, BYBIT, SPOT, USDT, USER, Tape, d


@pytest.fixture
def tape() -> Tape:
    tape = Tape()
    tape.opening(BINANCE, BTC=10, USDT=10_000)
    tape.opening(BYBIT, BTC=10, USDT=10_000)
    tape.budget(1000)
    return tape


def row(tape: Tape) -> Budget:
    return tape.ledger.budgets[SPOT, USDT]


def test_available_is_allocated_less_reserved(tape: Tape) -> None:
    trade = tape.trade(buy=d(200))
    tape.filled(tape.leg(trade, "a0"), fee=d("41.3"))
    assert (row(tape).allocated, row(tape).reserved, row(tape).available) == (
        d(1000),
        d(200),
        d(800),
    )
    assert row(tape).total_fees == d("41.3")


def test_an_open_buy_reserves_with_its_fee_and_a_sell_of_inventory_nothing(tape: Tape) -> None:
    tape.trade()
    assert row(tape).reserved == d("100.1")


def test_a_partial_fill_moves_its_share_to_the_position_at_its_own_price(tape: Tape) -> None:
    trade = tape.trade(sell=None, family=Family.MANUAL)
    tape.filled(tape.leg(trade, "a0"), d("0.4"), d(90))
    assert row(tape).reserved == d("100.1") * d("0.6") + d("0.4") * 90
    tape.ended(tape.leg(trade, "a0"))
    assert row(tape).reserved == 36


def test_both_legs_filled_return_everything(tape: Tape) -> None:
    trade = tape.trade()
    for name in ("b0", "a0"):
        tape.filled(tape.leg(trade, name), fee=d("0.1"))
    assert row(tape).reserved == 0
    assert (row(tape).realized_pnl, row(tape).total_fees) == (d(2), d("0.2"))
    assert all(not position.quantity for position in tape.ledger.positions.values())


def test_outside_arbitrage_a_sale_elsewhere_does_not_close_a_position(tape: Tape) -> None:
    trade = tape.trade(family=Family.MANUAL)
    for name in ("a0", "b0"):
        tape.filled(tape.leg(trade, name))
    quantities = {key[1]: held.quantity for key, held in tape.ledger.positions.items()}
    assert quantities == {"BTCUSDT.BINANCE": 1, "BTCUSDT.BYBIT": -1}
    assert row(tape).reserved == 100


def test_reducing_returns_cost_pro_rata_at_the_average(tape: Tape) -> None:
    trade = tape.trade(size=d(2), sell=None, family=Family.MANUAL)
    tape.filled(tape.leg(trade, "a0"), d(1), d(100))
    tape.filled(tape.leg(trade, "a0"), d(1), d(110))
    exit_order = tape.more(trade, "u0", BINANCE, Side.SELL, d(1))
    tape.filled(exit_order, price=d(120))
    assert (row(tape).reserved, row(tape).realized_pnl) == (d(105), d(15))


def test_a_sale_beyond_the_position_turns_it_short_at_the_sales_price(tape: Tape) -> None:
    trade = tape.trade(sell=None, family=Family.MANUAL)
    tape.filled(tape.leg(trade, "a0"))
    tape.filled(tape.more(trade, "u0", BINANCE, Side.SELL, d(3)), price=d(120))
    held = tape.ledger.positions[SPOT, tape.leg(trade, "a0").instrument]
    assert (held.quantity, held.cost, held.realized_pnl) == (d(-2), d(240), d(20))
    assert row(tape).reserved == 0


@pytest.mark.parametrize("end", ["cancelled", "rejected", "abandoned"])
def test_an_order_that_ends_unfilled_returns_its_reserve_and_lock(tape: Tape, end: str) -> None:
    trade = tape.trade()
    order = tape.leg(trade, "a0")
    if end == "cancelled":
        tape.ended(order)
    elif end == "rejected":
        tape.rejected(order)
    else:
        tape.apply(
            ev.OrderAbandoned(
                at_ns=tape.now_ns, client_order_id=order.client_order_id, reason="EDGE_GONE"
            )
        )
    assert row(tape).reserved == 0
    assert tape.ledger.balances[BINANCE, USDT].locked == 0


def test_allocating_less_than_is_reserved_leaves_a_negative_availability(tape: Tape) -> None:
    tape.trade()
    tape.budget(50)
    assert row(tape).available == d("-50.1")


def test_a_removed_budget_goes_but_keeps_counting_what_is_still_in_use(tape: Tape) -> None:
    removed = ev.BudgetRemoved(at_ns=tape.now_ns, strategy=SPOT, currency=USDT, actor=USER)
    trade = tape.trade()
    changes = tape.apply(removed)
    assert changes.budgets[SPOT, USDT].allocated is None
    assert not changes.removed_budgets
    for name in ("a0", "b0"):
        tape.ended(tape.leg(trade, name))
    tape.advanced(trade, TradeState.FAILED)
    assert row(tape).reserved == 0
    assert tape.apply(removed).removed_budgets == {(SPOT, USDT)}
    with pytest.raises(LedgerError, match="no budget"):
        tape.apply(removed)


def test_a_strategy_without_a_budget_is_counted_and_not_limited() -> None:
    tape = Tape()
    tape.trade()
    assert row(tape).reserved == d("100.1")
    assert row(tape).available is None

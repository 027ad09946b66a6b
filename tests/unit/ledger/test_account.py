"""What a trade earned, what it left over, and which day it counts on."""

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.ledger.alarms import AlarmCode
from arbiter.ledger.ledger import Ledger
from arbiter.ledger.pnl import settle
from arbiter.ledger.spot_account import SpotStatus, spot_account, spot_status
from arbiter.model.errors import LedgerError
from arbiter.model.orders import Side
from arbiter.model.time import NS_PER_DAY, NS_PER_MINUTE
from arbiter.model.trades import Trade, TradeState
from tests.unit.ledger.tape import BINANCE, BNB, BTC, BYBIT, SPOT, START_NS, USDT, Tape, d


@pytest.fixture
def tape() -> Tape:
    tape = Tape()
    tape.opening(BINANCE, BTC=10, USDT=10_000, BNB=5)
    tape.opening(BYBIT, BTC=10, USDT=10_000)
    return tape


def completed(tape: Tape, sell: Decimal | None = None) -> Trade:
    trade = tape.trade(sell=d(102) if sell is None else sell)
    for name in ("a0", "b0"):
        tape.filled(tape.leg(trade, name))
    return tape.advanced(trade, TradeState.COMPLETED)


def test_actual_profit_and_slippage_follow_the_published_formulas(tape: Tape) -> None:
    trade = tape.trade(size=d(2), buy=d("43249.00"), sell=d("43251.00"))
    tape.filled(tape.leg(trade, "a0"), price=d("43249.50"), fee=d("0.10"))
    tape.filled(tape.leg(trade, "b0"), d("0.5"), d("43250.90"), fee=d("0.02"))
    tape.filled(tape.leg(trade, "b0"), d("1.5"), d("43250.50"), fee=d("0.03"))
    tape.now_ns = trade.started_ns + 250_000_000
    trade = tape.advanced(trade, TradeState.COMPLETED)
    account = spot_account(trade, tape.ledger.orders_of(trade.id))
    assert account.planned_profit == (d("43251.00") - d("43249.00")) * 2
    assert account.actual_buy_price == d("43249.50")
    assert account.actual_sell_price == d("43250.60")
    assert account.fees_paid == d("0.15")
    assert account.actual_profit == trade.pnl == d("1.10") * 2 - d("0.15")
    assert account.gross_profit == d("2.20")
    assert account.slippage == (d("0.50") + d("0.40")) * 2
    assert account.execution_time_ms == 250
    assert (account.buy_venue, account.sell_venue) == (BINANCE, BYBIT)
    assert (account.quantity, account.status, account.successful) == (
        d(2),
        SpotStatus.COMPLETED,
        True,
    )


def test_a_running_trade_has_no_actual_profit_yet(tape: Tape) -> None:
    trade = tape.trade()
    assert spot_status(trade) is SpotStatus.PENDING
    tape.filled(tape.leg(trade, "a0"), d("0.25"))
    account = spot_account(tape.now(trade), tape.ledger.orders_of(trade.id))
    assert account.status is SpotStatus.PARTIALLY_FILLED
    assert account.actual_buy_price == 100
    assert account.actual_sell_price is account.actual_profit is account.slippage is None
    assert account.execution_time_ms is None


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (TradeState.ABANDONED, SpotStatus.CANCELLED),
        (TradeState.FAILED, SpotStatus.FAILED),
        (TradeState.UNWOUND, SpotStatus.FAILED),
        (TradeState.COMPLETED, SpotStatus.COMPLETED),
        (TradeState.HELD, SpotStatus.PENDING),
    ],
)
def test_each_end_has_its_word_and_an_empty_trade_earns_nothing(
    tape: Tape, state: TradeState, status: SpotStatus
) -> None:
    trade = tape.advanced(tape.trade(), state)
    assert spot_status(trade) is status
    assert trade.pnl == (0 if state.terminal else None)
    assert (trade.id in tape.ledger.trades) is not state.terminal


def test_an_unwound_trade_books_its_loss(tape: Tape) -> None:
    trade = tape.trade()
    tape.filled(tape.leg(trade, "a0"), fee=d("0.1"))
    tape.rejected(tape.leg(trade, "b0"))
    tape.advanced(trade, TradeState.UNWINDING)
    tape.filled(tape.more(trade, "u0", BINANCE, Side.SELL, d(1)), fee=d("0.1"))
    trade = tape.advanced(trade, TradeState.UNWOUND)
    assert trade.pnl == d("-1.2")
    assert trade.residual == 0
    assert tape.ledger.realized_today(tape.now_ns) == d("-1.2")
    assert not tape.ledger.residuals
    assert tape.ledger.positions[SPOT, tape.leg(trade, "a0").instrument].quantity == 0


def test_a_fee_in_base_is_charged_at_the_fills_price_and_carried_as_a_shortage(tape: Tape) -> None:
    trade = tape.trade()
    tape.filled(tape.leg(trade, "a0"), fee=d("0.001"), fee_asset=BTC)
    tape.filled(tape.leg(trade, "b0"), fee=d("0.102"))
    trade = tape.advanced(trade, TradeState.COMPLETED)
    assert trade.pnl == 2 - d("0.1") - d("0.102")
    assert tape.ledger.balances[BINANCE, BTC].total == d("10.999")
    left = tape.ledger.residuals[SPOT, BTC, USDT]
    assert (left.quantity, left.cost) == (d("-0.001"), d("-0.1"))


@pytest.mark.parametrize(("told", "charged"), [(d("0.6"), d("0.6")), (None, d(0))])
def test_a_fee_in_a_third_asset_counts_as_it_was_valued(
    tape: Tape, told: Decimal | None, charged: Decimal
) -> None:
    trade = tape.trade()
    tape.filled(tape.leg(trade, "a0"), fee=d("0.001"), fee_asset=BNB, fee_in_quote=told)
    tape.filled(tape.leg(trade, "b0"))
    assert tape.advanced(trade, TradeState.COMPLETED).pnl == 2 - charged
    assert tape.ledger.balances[BINANCE, BNB].total == d("4.999")
    alarms = [alarm.code for alarm in tape.ledger.alarms]
    assert alarms == ([] if told is not None else [AlarmCode.FEE_UNVALUED])


def test_a_rebate_is_income_and_enters_the_balance(tape: Tape) -> None:
    trade = tape.trade()
    tape.filled(tape.leg(trade, "a0"), fee=d("-0.05"))
    tape.filled(tape.leg(trade, "b0"))
    trade = tape.advanced(trade, TradeState.COMPLETED)
    assert (trade.fees_quote, trade.pnl) == (d("-0.05"), d("2.05"))
    assert tape.ledger.balances[BINANCE, USDT].total == d("9900.05")


def test_unequal_legs_earn_on_what_matched_and_carry_the_rest_at_cost(tape: Tape) -> None:
    trade = tape.trade(size=d(3))
    tape.filled(tape.leg(trade, "a0"), d(1), d(100))
    tape.filled(tape.leg(trade, "a0"), d(2), d(101))
    tape.filled(tape.leg(trade, "b0"), d(2), d(102))
    for name in ("a0", "b0"):
        tape.ended(tape.leg(trade, name))
    trade = tape.advanced(trade, TradeState.COMPLETED)
    third = Decimal("0.666666666666666667")
    matched = 201 + third - Decimal("0.333333333333333334")
    assert settle(trade).matched_spent == matched
    assert trade.pnl == 204 - matched
    left = tape.ledger.residuals[SPOT, BTC, USDT]
    assert (left.quantity, left.cost) == (d(1), 302 - matched)


def test_leftovers_of_opposite_sign_realize_the_difference_of_their_costs(tape: Tape) -> None:
    held = tape.trade()
    tape.filled(tape.leg(held, "a0"), price=d(100))
    tape.ended(tape.leg(held, "b0"))
    tape.advanced(held, TradeState.COMPLETED)
    assert tape.ledger.cumulative_pnl == 0
    hedge = tape.trade(size=d("0.5"), buy=None, sell=d(90))
    tape.filled(tape.leg(hedge, "b0"))
    tape.advanced(hedge, TradeState.COMPLETED)
    left = tape.ledger.residuals[SPOT, BTC, USDT]
    assert (left.quantity, left.cost, left.realized_pnl) == (d("0.5"), d(50), d(-5))
    assert tape.ledger.cumulative_pnl == -5


def test_a_fill_after_the_close_corrects_pnl_its_day_and_the_leftovers(tape: Tape) -> None:
    trade = tape.trade()
    tape.filled(tape.leg(trade, "a0"))
    tape.filled(tape.leg(trade, "b0"), d("0.5"))
    tape.ended(tape.leg(trade, "b0"))
    trade = tape.advanced(trade, TradeState.COMPLETED)
    assert trade.pnl == 1
    assert tape.ledger.residuals[SPOT, BTC, USDT].quantity == d("0.5")
    tape.now_ns += NS_PER_DAY
    completed(tape)
    tape.filled(tape.leg(trade, "b0"), d("0.5"))
    assert tape.now(trade).pnl == 2
    assert tape.now(trade).completed_ns == trade.completed_ns
    assert tape.ledger.realized_today(START_NS) == 2
    assert tape.ledger.realized_today(tape.now_ns) == 2
    assert tape.ledger.cumulative_pnl == 4
    left = tape.ledger.residuals[SPOT, BTC, USDT]
    assert (left.quantity, left.cost, left.realized_pnl) == (d(0), d(0), d(0))


def test_a_trade_opened_again_takes_its_result_back_until_it_closes(tape: Tape) -> None:
    trade = completed(tape)
    assert tape.ledger.cumulative_pnl == 2
    trade = tape.advanced(trade, TradeState.UNWINDING)
    assert (trade.pnl, trade.completed_ns) == (None, None)
    assert tape.ledger.cumulative_pnl == 0
    assert tape.ledger.exposure_usd == 102
    assert tape.advanced(trade, TradeState.COMPLETED).pnl == 2
    assert (tape.ledger.cumulative_pnl, tape.ledger.exposure_usd) == (d(2), d(0))


def test_drawdown_is_measured_from_the_peak_of_trading_pnl(tape: Tape) -> None:
    completed(tape)
    completed(tape, sell=d(95))
    tape.now_ns += NS_PER_DAY
    completed(tape)
    assert (tape.ledger.peak_pnl, tape.ledger.cumulative_pnl) == (d(2), d(-1))
    assert tape.ledger.realized_today(START_NS) == -3
    assert tape.ledger.realized_today(tape.now_ns) == 2
    assert tape.ledger.realized_today(tape.now_ns + NS_PER_DAY) == 0


def test_only_the_newest_days_stay_in_memory(tape: Tape) -> None:
    for _ in range(10):
        completed(tape)
        tape.now_ns += NS_PER_DAY
    assert len(tape.ledger.days) == 8
    assert tape.ledger.cumulative_pnl == 20
    assert tape.ledger.realized_today(START_NS) == 0


def test_exposure_is_the_larger_side_of_every_open_trade(tape: Tape) -> None:
    first = tape.trade(size=d(2))
    tape.trade()
    assert tape.ledger.exposure_usd == 3 * 102
    tape.advanced(first, TradeState.HELD)
    assert tape.ledger.exposure_usd == 3 * 102
    tape.advanced(first, TradeState.UNWOUND)
    assert tape.ledger.exposure_usd == 102
    tape.trade(buy=d(110))
    assert tape.ledger.exposure_usd == 102 + 110
    tape.trade(sell=None)
    assert tape.ledger.exposure_usd == 102 + 110 + 100


@given(
    bought=st.decimals("0", "1e9", places=8),
    sold=st.decimals("0", "1e9", places=8),
    base_fee=st.decimals("-1", "1", places=8),
    price=st.decimals("0.00000001", "1e8", places=8),
)
def test_cash_and_cost_of_the_rest_are_the_profit_to_the_last_digit(
    bought: Decimal, sold: Decimal, base_fee: Decimal, price: Decimal
) -> None:
    trade = Tape().trade()
    fees, value = d("1.23"), base_fee * price
    trade = type(trade)(
        **{
            **{name: getattr(trade, name) for name in trade.__struct_fields__},
            "bought": bought,
            "spent": bought * price,
            "sold": sold,
            "received": sold * price * d("1.01"),
            "fees_quote": fees + value,
            "base_fees": base_fee,
            "base_fees_value": value,
        }
    )
    account = settle(trade)
    cash = trade.received - trade.spent - fees
    assert cash + account.residual_cost == account.pnl
    assert account.residual == bought - sold - base_fee


def test_huge_and_tiny_amounts_lose_no_digit() -> None:
    tape = Tape()
    tape.opening(BINANCE, USDT="123456789012345678901234.000000000000000001", BTC=0)
    tape.opening(BYBIT, BTC="1e-18", USDT=0)
    trade = tape.trade(size=d("0.000000000000000001"), buy=d("99999999.99999999"), hold=False)
    tape.filled(tape.leg(trade, "a0"))
    assert tape.ledger.balances[BINANCE, BTC].total == d("1e-18")
    spent = d("0.00000000009999999999999999")
    total = tape.ledger.balances[BINANCE, USDT].total
    assert total + spent == d("123456789012345678901234.000000000000000001")


def test_a_ledger_is_not_built_where_money_would_be_rounded() -> None:
    with (
        decimal.localcontext(decimal.Context(prec=28)),
        pytest.raises(LedgerError, match="use_wide_context"),
    ):
        Ledger()


def test_pnl_by_the_minute_counts_when_booked_and_stays_as_it_was(tape: Tape) -> None:
    trade = completed(tape)
    first = tape.ledger.image().minutes
    tape.now_ns += NS_PER_MINUTE
    tape.advanced(trade, TradeState.UNWINDING)
    completed(tape, sell=d(107))
    (second,) = tape.ledger.image().minutes
    assert [row.realized for row in first] == [d(2)]
    assert (second.realized, second.strategy) == (d(7 - 2), SPOT)
    assert second.minute_ns == first[0].minute_ns + NS_PER_MINUTE
    again = Ledger()
    again.restore(tape.ledger.image())
    assert again.image().minutes == (second,)

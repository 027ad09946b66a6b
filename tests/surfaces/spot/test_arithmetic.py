"""The page's own figures, and the formulas behind them."""

import math
import statistics
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.api.spot.performance import (
    day_row,
    metrics,
    period_start,
    sharpe,
    total_value,
    win_rate,
)
from arbiter.api.spot.rows import signal_row
from arbiter.books.registry import MarketRegistry
from arbiter.model.ids import Asset, InstrumentId, SignalId, StrategyId, Symbol, VenueId, uuid7
from arbiter.model.plans import Signal
from arbiter.model.time import NS_PER_DAY, utc_date
from arbiter.opportunities.spreads import percent_of, profit_after_fees
from arbiter.ports.spot_history import DayResult, Result
from tests.fakes.engine import spot_instrument

BINANCE, BYBIT = VenueId("binance"), VenueId("bybit")
USDT, BTC = Asset("USDT"), Asset("BTC")
DAY = 1_704_067_200_000_000_000
"""2024-01-01."""


def test_spread_of_two_dollars_is_0_0046_percent() -> None:
    assert round(percent_of(43251.00 - 43249.00, 43249.00), 4) == 0.0046
    assert round(percent_of(0.85, 43249.00), 3) == 0.002


def test_fees_are_charged_on_both_legs() -> None:
    paid = profit_after_fees(Decimal(100), Decimal(102), Decimal("0.001"), Decimal("0.002"))
    assert paid == Decimal("1.696")


def test_318_of_342_trades_is_92_98_percent() -> None:
    assert round(win_rate(318, 342), 2) == 92.98
    assert round(win_rate(14, 15), 2) == 93.33
    assert win_rate(0, 0) == 0.0


def test_net_profit_is_1158_53() -> None:
    told = metrics(
        Result(
            trades=342,
            successful=318,
            gross=Decimal("1247.85"),
            fees=Decimal("89.32"),
            best=Decimal("45.67"),
            worst=Decimal("-12.34"),
            won=Decimal("1520.53"),
            lost=Decimal(-362),
            mean_duration_ns=42.5e9,
            drawdown=Decimal("0.028"),
        ),
        [],
        DAY,
    )
    assert told.net_profit == 1158.53
    assert round(told.avg_profit_per_trade, 2) == 3.65
    assert round(told.win_rate, 2) == 92.98
    assert (told.max_profit, told.max_loss) == (45.67, -12.34)
    assert told.avg_execution_time_seconds == 42.5
    assert told.max_drawdown_percent == 2.8
    assert round(told.profit_factor, 1) == 4.2


def test_account_is_worth_23645_75() -> None:
    held = {
        (BINANCE, USDT): Decimal("10000.00"),
        (BINANCE, BTC): Decimal("0.20"),
        (BYBIT, USDT): Decimal("5000.00"),
    }
    value, unpriced = total_value(held, {USDT: Decimal(1), BTC: Decimal("43228.75")})
    assert (value, unpriced) == (Decimal("23645.75"), [])


def test_asset_without_a_price_is_named_and_left_out() -> None:
    held = {(BINANCE, USDT): Decimal(5), (BINANCE, Asset("XYZ")): Decimal(7)}
    assert total_value(held, {USDT: Decimal(1)}) == (Decimal(5), ["XYZ"])


def test_signal_profit_is_gross() -> None:
    registry = MarketRegistry([spot_instrument(BINANCE), spot_instrument(BYBIT)])
    row = signal_row(
        registry,
        Signal(
            id=SignalId(uuid7(DAY, 1)),
            seq=456,
            strategy=StrategyId("spot-arbitrage"),
            symbol=Symbol("BTC/USDT"),
            buy_instrument=InstrumentId("BTCUSDT.BYBIT"),
            sell_instrument=InstrumentId("BTCUSDT.BINANCE"),
            buy_venue=BYBIT,
            sell_venue=BINANCE,
            buy_price=Decimal("43249.00"),
            sell_price=Decimal("43251.00"),
            edge=Decimal("-0.003"),
            confidence=Decimal("0.85"),
            detected_ns=1_640_995_200_123_000_000,
        ),
    )
    assert (row.profit, round(row.profit_percent, 4)) == (2.0, 0.0046)
    assert (row.timestamp, row.symbol, row.id) == (1640995200.123, "BTCUSDT", 456)


def test_no_trade_gives_zeros_and_no_loss_a_finite_factor() -> None:
    nothing = metrics(Result(), [], DAY)
    assert nothing.total_trades == 0
    assert (nothing.win_rate, nothing.profit_factor, nothing.sharpe_ratio) == (0.0, 0.0, 0.0)
    lucky = metrics(Result(trades=1, won=Decimal(2), best=Decimal(2), worst=Decimal(2)), [], DAY)
    assert (lucky.profit_factor, lucky.max_loss) == (200.0, 0.0)


@given(st.lists(st.integers(-500, 500), min_size=2, max_size=40))
def test_sharpe_is_of_daily_net_profit_with_idle_days(nets: list[int]) -> None:
    days = [
        DayResult(day_ns=DAY + n * NS_PER_DAY, trades=1, successful=0, net=Decimal(net))
        for n, net in enumerate(nets)
        if net or n == 0
    ]
    told = sharpe(days, DAY + len(nets) * NS_PER_DAY)
    deviation = statistics.stdev(nets)
    if deviation == 0:
        assert told == 0 or len(days) == len(nets)
    else:
        expected = statistics.mean(nets) / deviation * math.sqrt(365)
        assert told == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_one_day_has_no_sharpe_ratio() -> None:
    day = DayResult(day_ns=DAY, trades=15, successful=14, net=Decimal("52.34"))
    assert sharpe([day], DAY + NS_PER_DAY) == 0.0
    row = day_row(day)
    assert (row.date, row.trades, row.profit, round(row.win_rate, 2)) == (
        "2024-01-01",
        15,
        52.34,
        93.33,
    )


@pytest.mark.parametrize(
    ("period", "first"),
    [
        ("day", "2024-01-31"),
        ("week", "2024-01-29"),
        ("month", "2024-01-01"),
        ("year", "2024-01-01"),
    ],
)
def test_period_is_the_calendar_one_to_date(period: str, first: str) -> None:
    today = utc_date(DAY + 30 * NS_PER_DAY)
    assert today.isoformat() == "2024-01-31"
    assert period_start(period, today).isoformat() == first

"""Which candidates become signals, and how often."""

from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace

from arbiter.books.board import QuoteRows
from arbiter.model.errors import BadConfig
from arbiter.model.ids import Asset, InstrumentId, Symbol
from arbiter.model.instruments import Instrument
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from tests.unit.books.listings import BINANCE, OKX, T0, S, perpetual
from tests.unit.opportunities.house import (
    BTC_A,
    BTC_B,
    BTC_C,
    ETH_A,
    ETH_B,
    OPEN,
    House,
    with_,
)

HOUR = 3600 * S
RISING = [100 + 0.05 * n for n in range(30)]
FALLING = [100 - 0.05 * n for n in range(30)]
FLAT = [100.0] * 30


def test_signal_buys_at_the_ask_and_sells_at_the_bid() -> None:
    signal = House().signal()
    assert (signal.buy_venue, signal.buy_price) == ("binance", Decimal(100))
    assert (signal.sell_venue, signal.sell_price) == ("bybit", Decimal(102))
    assert signal.gross == 2
    # 2 − 0.1 − 0.102 − 0.1 on 100.
    assert signal.edge == Decimal("0.01698")
    assert not signal.executed


def test_signals_are_numbered_in_order() -> None:
    house = House()
    first = house.signal()
    second = house.signal(ETH_A, ETH_B)
    assert (first.seq, second.seq) == (1, 2)
    assert first.id != second.id


def test_confidence_is_normalised_by_notional() -> None:
    """0.01 of a coin at 100,000 counts as much as 1,000 of one at 1."""
    dear, cheap = House(), House()
    for house, scale, size in ((dear, 1000.0, 0.005), (cheap, 0.01, 500.0)):
        house.quote(BTC_A, 99.9 * scale, 100.0 * scale, size=size)
        house.quote(BTC_B, 102.0 * scale, 102.1 * scale, size=size)
    signals = [house.consider() for house in (dear, cheap)]
    assert [s.confidence for s in signals if s] == [Decimal("0.75"), Decimal("0.75")]


def test_confidence_falls_with_the_age_of_the_older_quote() -> None:
    house = House()
    house.open_spread()
    house.quote(BTC_B, 102.0, 102.1, at_ns=T0 + 2 * S)
    signal = house.consider(at_ns=T0 + 2 * S)
    assert signal is not None
    assert signal.confidence == (1 + Decimal("0.6")) / 2


def test_cooldown_is_per_symbol_and_direction() -> None:
    house = House()
    house.spot.note_traded(house.signal(), T0)
    later = T0 + 30 * S
    house.open_spread(at_ns=later)
    assert house.consider(at_ns=later) is None
    assert house.signal(BTC_B, BTC_A, at_ns=later).buy_venue == "bybit"
    assert house.signal(BTC_A, BTC_C, at_ns=later).sell_venue == "okx"
    assert house.signal(ETH_A, ETH_B, at_ns=later).symbol == "ETH/USDT"


def test_cooldown_ends_after_its_time_and_not_before() -> None:
    house = House()
    house.spot.note_traded(house.signal(), T0)
    for elapsed, expected in ((60 * S - 1, False), (60 * S, True)):
        house.open_spread(at_ns=T0 + elapsed)
        assert (house.consider(at_ns=T0 + elapsed) is not None) is expected


def test_a_shorter_cooldown_holds_for_trades_already_made() -> None:
    house = House()
    house.spot.note_traded(house.signal(), T0)
    house.spot.reconfigure(with_(OPEN, cooldown_seconds=10.0))
    house.signal(at_ns=T0 + 10 * S)


def scanned(house: House, at_ns: int) -> tuple[bool, int]:
    """Scan the quote that opens BTC_A to BTC_B: whether it is found, and how many are hushed."""
    house.quote(BTC_A, 99.9, 100.0, at_ns=at_ns)
    rows = QuoteRows(
        slots=np.array([house.slot(BTC_B)], dtype=np.int32),
        prices=np.array([[102.0, 102.1, 9.0, 9.0]]),
        times=np.array([[at_ns, at_ns]]),
    )
    row, code, hushed = house.board.scan(rows, 0, at_ns + 1)
    assert row == 1
    return code > 0, hushed


def test_a_scan_is_spared_what_a_cooling_direction_says_nothing_to() -> None:
    house = House()
    assert scanned(house, T0) == (True, 0)
    house.spot.note_traded(house.signal(), T0)
    for elapsed in (S, 60 * S - 1):
        assert scanned(house, T0 + elapsed) == (False, 1)
    house.spot.reconfigure(with_(OPEN, cooldown_seconds=90.0))
    assert scanned(house, T0 + 90 * S - 1) == (False, 1)
    assert scanned(house, T0 + 90 * S) == (True, 0)


def test_other_settings_end_the_silence_after_a_signal_for_a_scan_too() -> None:
    house = House()
    house.signal()
    assert scanned(house, T0 + S // 2) == (False, 1)
    house.spot.reconfigure(OPEN)
    assert scanned(house, T0 + S // 2) == (True, 0)


def test_a_signal_that_came_to_nothing_is_tried_again_but_not_every_tick() -> None:
    house = House()
    signal = house.signal()
    assert house.spot.note_refused(signal, T0)
    assert house.consider(at_ns=T0 + S // 2) is None
    again = house.signal(at_ns=T0 + S)
    assert not house.spot.note_refused(again, T0 + S)
    much_later = T0 + 60 * S
    assert house.spot.note_refused(house.signal(at_ns=much_later), much_later)


def test_hourly_cap_stops_signals_until_the_oldest_trade_is_an_hour_old() -> None:
    house = House(with_(OPEN, max_trades_per_hour=2, cooldown_seconds=0.0))
    for at_ns in (T0, T0 + 1800 * S):
        house.spot.note_traded(house.signal(at_ns=at_ns), at_ns)
    house.open_spread(at_ns=T0 + HOUR - 1)
    stopped = house.consider(at_ns=T0 + HOUR - 1)
    assert stopped is not None
    assert stopped.verdict == "HOURLY_CAP: max_trades_per_hour=2"
    assert house.signal(at_ns=T0 + HOUR).verdict == ""
    assert house.spot.trades_last_hour(T0 + HOUR) == 1


def test_hourly_cap_counts_all_symbols_together() -> None:
    house = House(with_(OPEN, max_trades_per_hour=1))
    house.spot.note_traded(house.signal(), T0)
    house.open_spread(ETH_A, ETH_B)
    stopped = house.consider(ETH_A, ETH_B)
    assert stopped is not None
    assert stopped.verdict.startswith("HOURLY_CAP")


def test_hourly_cap_counts_a_trade_of_a_market_that_is_not_listed_any_more() -> None:
    house = House(with_(OPEN, max_trades_per_hour=1))
    gone = replace(house.signal(), sell_instrument=InstrumentId("GONE.BYBIT"))
    house.spot.note_traded(gone, T0)
    stopped = house.consider(at_ns=T0 + S)
    assert stopped is not None
    assert stopped.verdict.startswith("HOURLY_CAP")


@pytest.mark.parametrize(
    ("mode", "prices", "allowed"),
    [
        (TrendFilterMode.UPTREND_BUY_LOW, RISING, True),
        (TrendFilterMode.UPTREND_BUY_LOW, FALLING, False),
        (TrendFilterMode.UPTREND_BUY_LOW, FLAT, False),
        (TrendFilterMode.DOWNTREND_SELL_HIGH, RISING, False),
        (TrendFilterMode.DOWNTREND_SELL_HIGH, FALLING, True),
        (TrendFilterMode.DOWNTREND_SELL_HIGH, FLAT, False),
        (TrendFilterMode.BOTH, RISING, True),
        (TrendFilterMode.BOTH, FALLING, True),
        (TrendFilterMode.BOTH, FLAT, False),
        (TrendFilterMode.DISABLED, FLAT, True),
    ],
)
@pytest.mark.parametrize("moving", [BTC_A, BTC_B])
def test_trend_filter_looks_at_either_venue(
    mode: TrendFilterMode, prices: list[float], allowed: bool, moving: Instrument
) -> None:
    house = House(SpotSettings(trend_filter_mode=mode))
    at_ns = house.trend_of(moving, prices, from_ns=T0)
    house.open_spread(at_ns=at_ns)
    signal = house.consider(at_ns=at_ns)
    assert signal is not None
    assert signal.verdict == ("" if allowed else f"TREND_FILTER: mode={mode}")


def test_trend_filter_both_blocks_a_flat_market() -> None:
    house = House(SpotSettings(trend_filter_mode=TrendFilterMode.BOTH))
    at_ns = house.trend_of(BTC_A, FLAT, from_ns=T0)
    house.open_spread(at_ns=at_ns)
    signal = house.consider(at_ns=at_ns)
    assert signal is not None
    assert signal.verdict == "TREND_FILTER: mode=both"


@pytest.mark.parametrize("mode", [m for m in TrendFilterMode if m != TrendFilterMode.DISABLED])
def test_a_market_without_history_counts_as_flat_and_blocks(mode: TrendFilterMode) -> None:
    house = House(SpotSettings(trend_filter_mode=mode))
    house.open_spread()
    signal = house.consider()
    assert signal is not None
    assert signal.verdict.startswith("TREND_FILTER")


def test_a_trend_of_another_symbol_lets_nothing_through() -> None:
    house = House(SpotSettings(trend_filter_mode=TrendFilterMode.BOTH))
    at_ns = house.trend_of(ETH_A, RISING, from_ns=T0)
    house.open_spread(at_ns=at_ns)
    signal = house.consider(at_ns=at_ns)
    assert signal is not None
    assert signal.verdict.startswith("TREND_FILTER")


def test_switching_the_filter_off_overrides_its_mode() -> None:
    house = House(SpotSettings(use_trend_filter=False, trend_filter_mode=TrendFilterMode.BOTH))
    house.signal()


def test_a_blocked_opening_gives_one_signal_and_not_one_per_tick() -> None:
    house = House(SpotSettings())
    house.open_spread()
    seen = [house.consider(at_ns=T0 + tick * S // 10) for tick in range(100)]
    assert [signal is not None for signal in seen].index(True) == 0
    assert sum(signal is not None for signal in seen) == 1
    assert house.ids.signals == 1


def test_an_opening_that_closed_and_came_back_is_told_again() -> None:
    house = House(SpotSettings())
    house.open_spread()
    assert house.consider() is not None
    assert house.consider(at_ns=T0 + 5 * S) is None
    assert house.consider(at_ns=T0 + 10 * S + 1) is not None


def test_a_blocked_opening_trades_as_soon_as_the_trend_allows_it() -> None:
    house = House(SpotSettings(trend_filter_mode=TrendFilterMode.BOTH))
    house.open_spread()
    blocked = house.consider()
    assert blocked is not None
    assert blocked.verdict
    at_ns = house.trend_of(BTC_A, RISING, from_ns=T0)
    house.open_spread(at_ns=at_ns)
    allowed = house.consider(at_ns=at_ns)
    assert allowed is not None
    assert allowed.verdict == ""


def test_an_opening_blocked_again_after_it_was_free_is_told_again() -> None:
    house = House(SpotSettings())
    for settings, blocked in ((SpotSettings(), True), (OPEN, False), (SpotSettings(), True)):
        house.spot.reconfigure(with_(settings, retry_seconds=0.0))
        house.open_spread()
        signal = house.consider()
        assert signal is not None
        assert bool(signal.verdict) is blocked


def test_a_blocked_opening_neither_cools_down_nor_counts_towards_the_cap() -> None:
    house = House(SpotSettings(max_trades_per_hour=1))
    house.open_spread()
    assert house.consider() is not None
    assert house.spot.trades_last_hour(T0) == 0
    house.spot.reconfigure(with_(OPEN, max_trades_per_hour=1))
    house.signal()


def test_no_signal_from_a_venue_lost_since_the_candidate() -> None:
    house = House()
    house.open_spread()
    house.board.set_venue_health(BINANCE, False, "lost")
    assert house.consider() is None


def test_premium_detection_leaves_a_sudden_spread_alone() -> None:
    settings = with_(OPEN, premium_detection=True, premium_samples=20, premium_min_samples=10)
    house = House(settings)
    at_ns = T0
    for second in range(20):
        at_ns += S
        house.quote(BTC_A, 99.9, 100.0, at_ns=at_ns)
        house.quote(BTC_B, 100.0 + 0.01 * (second % 2), 100.1, at_ns=at_ns)
        house.spot.sample(at_ns)
    house.open_spread(at_ns=at_ns)
    signal = house.consider(at_ns=at_ns)
    assert signal is not None
    assert signal.verdict == "PREMIUM: max_z=2.0"


def test_premium_detection_lets_a_standing_spread_through() -> None:
    settings = with_(OPEN, premium_detection=True, premium_samples=20, premium_min_samples=10)
    house = House(settings)
    at_ns = T0
    for second in range(20):
        at_ns += S
        house.quote(BTC_A, 99.9, 100.0, at_ns=at_ns)
        house.quote(BTC_B, 102.0 + 0.01 * (second % 2), 102.1, at_ns=at_ns)
        house.spot.sample(at_ns)
    house.signal(at_ns=at_ns)


def test_premium_detection_says_nothing_before_enough_samples() -> None:
    house = House(with_(OPEN, premium_detection=True))
    at_ns = T0
    for second in range(49):
        at_ns += S
        house.quote(BTC_A, 99.9, 100.0, at_ns=at_ns)
        house.quote(BTC_B, 100.0 + 0.01 * (second % 2), 100.1, at_ns=at_ns)
        house.spot.sample(at_ns)
    house.signal(at_ns=at_ns)


def test_settings_reach_the_board() -> None:
    house = House()
    house.open_spread()
    assert house.quote(BTC_B, 102.0, 102.1) > 0
    house.spot.reconfigure(with_(OPEN, min_profit_threshold=Decimal("0.02")))
    assert house.quote(BTC_B, 102.0, 102.1) == 0
    house.spot.reconfigure(with_(OPEN, max_spread_threshold=Decimal("0.01")))
    assert house.quote(BTC_B, 102.0, 102.1) == 0
    house.spot.reconfigure(with_(OPEN, slippage_tolerance=Decimal("0.02")))
    assert house.quote(BTC_B, 102.0, 102.1) == 0
    house.spot.reconfigure(OPEN)
    assert house.quote(BTC_B, 102.0, 102.1) > 0


@pytest.mark.parametrize(
    "change",
    [
        {"symbols": (Symbol("ETH/USDT"),)},
        {"exchanges": (BINANCE, OKX)},
        {"quote_currencies": (Asset("USDC"),)},
        {"max_symbols": 0},
    ],
)
def test_what_is_not_enabled_gives_no_candidate(change: dict[str, object]) -> None:
    house = House(with_(OPEN, **change))
    house.open_spread()
    assert house.quote(BTC_B, 102.0, 102.1) == 0


def test_only_the_first_symbols_are_watched_above_the_limit() -> None:
    house = House(with_(OPEN, max_symbols=1))
    house.open_spread()
    house.open_spread(ETH_A, ETH_B)
    assert house.quote(BTC_B, 102.0, 102.1) > 0
    assert house.quote(ETH_B, 102.0, 102.1) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"min_profit_threshold": Decimal("-0.1")},
        {"min_profit_threshold": Decimal(5)},
        {"min_profit_threshold": Decimal("NaN")},
        {"max_spread_threshold": Decimal("0.001")},
        {"slippage_tolerance": Decimal(1)},
        {"max_spread_age_seconds": 0.0},
        {"max_spread_age_seconds": float("inf")},
        {"cooldown_seconds": -1.0},
        {"max_trades_per_hour": -1},
        {"trade_amount_usd": Decimal(0)},
        {"max_position_size": Decimal(-1)},
        {"moving_average_periods": 1},
        {"premium_samples": 10},
        {"premium_min_samples": 1},
        {"premium_max_z": 0.0},
        {"full_confidence_amounts": Decimal(0)},
        {"retry_seconds": -1.0},
        {"trend_confirmation_threshold": -0.001},
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_name(change: dict[str, object]) -> None:
    with pytest.raises(BadConfig, match=next(iter(change))):
        SpotSettings(**change)  # type: ignore[arg-type]


def test_settings_at_their_bounds_are_taken() -> None:
    one_edge = SpotSettings(
        min_profit_threshold=Decimal("0.01"), max_spread_threshold=Decimal("0.01")
    )
    assert one_edge.min_profit_threshold == one_edge.max_spread_threshold
    assert SpotSettings(premium_samples=50).premium_min_samples == 50
    assert SpotSettings(max_spread_age_seconds=1.5).max_age_ns == 3 * S // 2


def test_a_perpetual_never_makes_a_spot_candidate() -> None:
    left, right = perpetual(BINANCE), perpetual(OKX)
    house = House(with_(OPEN, quote_currencies=()), left, right)
    house.open_spread(left, right)
    assert house.quote(right, 102.0, 102.1) == 0

"""The spot strategy between venues that differ: fees, sizes on either side, prices on coarse ticks.

Where both venues are alike, a figure taken from the wrong one looks right.
"""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.model.instruments import Instrument
from arbiter.model.plans import Plan, Signal
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from arbiter.opportunities.spreads import current_spreads
from tests.unit.books.listings import BINANCE, BYBIT, T0, S, quote, spot
from tests.unit.opportunities.house import (
    BTC_A,
    BTC_B,
    ETH_A,
    ETH_B,
    OPEN,
    House,
    rich,
    with_,
)

D = Decimal
CHEAP = replace(spot(BINANCE), taker_fee=D("0.001"), maker_fee=D("0.0002"))
DEAR = replace(spot(BYBIT), taker_fee=D("0.004"), maker_fee=D("0.0003"))


def show(
    house: House,
    listed: Instrument,
    prices: tuple[float, float],
    sizes: tuple[float, float],
    *,
    at_ns: int = T0,
) -> int:
    """Quote (bid, ask) with what is shown at either."""
    (bid, ask), (bid_size, ask_size) = prices, sizes
    board = house.board
    return quote(board, listed, bid, ask, bid_size=bid_size, ask_size=ask_size, at_ns=at_ns)


# Fees


def test_the_edge_counts_each_venues_own_taker_fee() -> None:
    signal = House(OPEN, CHEAP, DEAR).signal(CHEAP, DEAR)
    # 2 − 100·0.1 % − 102·0.4 % − 100·0.1 % of slippage, on 100.
    assert signal.edge == D("0.01392")


def test_a_shown_profit_counts_each_venues_own_taker_fee() -> None:
    house = House(OPEN, CHEAP, DEAR)
    house.open_spread(CHEAP, DEAR)
    (row,) = current_spreads(house.board, house.registry, T0)
    assert row.profit_after_fees == pytest.approx(2 - 0.1 - 0.408)


def test_rows_are_ranked_by_percent_after_fees() -> None:
    """More in dollars or before fees is not more for the money."""
    dear = replace(spot(BYBIT, "ETH"), taker_fee=D("0.004"))
    house = House(OPEN, BTC_A, BTC_B, ETH_A, dear)
    house.open_spread()
    for listed, (bid, ask) in ((ETH_A, (999.0, 1000.0)), (dear, (1021.0, 1022.0))):
        house.quote(listed, bid, ask)
    first, second = current_spreads(house.board, house.registry, T0)
    assert (first.name, second.name) == ("BTCUSDT", "ETHUSDT")
    assert second.profit_after_fees > first.profit_after_fees
    assert second.spread_percent > first.spread_percent


def test_a_rebate_does_not_pay_for_the_buy_itself() -> None:
    paid_to_take = replace(spot(BINANCE, tick="0.1"), taker_fee=D("-0.002"), maker_fee=D("-0.002"))
    house = House(OPEN, paid_to_take, BTC_B)
    signal = house.signal(paid_to_take, BTC_B)
    made = house.spot.plan(
        signal, lambda venue, _: D("50.05") if venue == BINANCE else D(10**9), T0
    )
    assert isinstance(made, Plan)
    assert made.legs[0].size == D("0.5")


# What is shown on either side


def test_a_plan_takes_what_the_ask_shows_here_and_the_bid_there() -> None:
    for asked, bidden in ((0.3, 0.7), (0.7, 0.3)):
        house = House()
        show(house, BTC_A, (99.9, 100.0), (0.1, asked))
        show(house, BTC_B, (102.0, 102.1), (bidden, 0.1))
        signal = house.consider()
        assert signal is not None
        assert house.plan(signal).legs[0].size == D("0.3")


def test_confidence_looks_at_what_can_be_taken_and_not_at_the_other_sides() -> None:
    """5 at the ask and 5 at the bid are half of full; what lies on the far sides adds nothing."""
    house = House()
    show(house, BTC_A, (99.9, 100.0), (0.1, 5.0))
    show(house, BTC_B, (102.0, 102.1), (500.0, 0.1))
    signal = house.consider()
    assert signal is not None
    assert signal.confidence == D("0.75")
    thin = House()
    show(thin, BTC_A, (99.9, 100.0), (500.0, 500.0))
    show(thin, BTC_B, (125.0, 125.1), (4.0, 500.0))
    found = thin.consider()
    assert found is not None
    assert found.confidence == D("0.75")


# Limits on coarse ticks


def test_limits_on_a_coarse_tick_still_reach_the_whole_slippage() -> None:
    coarse = spot(BINANCE, tick="0.3"), spot(BYBIT, tick="0.3")
    house = House(OPEN, *coarse)
    plan = house.plan(house.signal(*coarse))
    assert plan.legs[0].price == D("100.2")  # above 100.1
    assert plan.legs[1].price == D("101.7")  # below 101.898


def test_a_buy_must_reach_the_minimum_notional_at_its_ask() -> None:
    """It may be filled at the ask, and the venue would count that."""
    strict = spot(BINANCE, min_notional="50.02", lot="0.1")
    house = House(OPEN, strict, BTC_B)
    said = house.spot.plan(
        house.signal(strict, BTC_B),
        lambda venue, _: D("50.2") if venue == BINANCE else D(10**9),
        T0,
    )
    assert isinstance(said, str)
    assert said.endswith("too little for min_notional on binance")


def test_a_sale_must_reach_the_minimum_notional_at_its_limit() -> None:
    strict = spot(BYBIT, min_notional="50.97", lot="0.1")
    house = House(with_(OPEN, trade_amount_usd=D(50)), BTC_A, strict)
    said = house.spot.plan(house.signal(BTC_A, strict), rich, T0)
    assert isinstance(said, str)
    assert said.endswith("too little for min_notional on bybit")


# Which opening is meant


def considered(house: House, *markets: tuple[Instrument, Instrument]) -> list[Signal]:
    return [house.signal(*pair) for pair in markets]


def test_a_trade_rests_its_own_direction_whatever_was_looked_at_since() -> None:
    house = House(with_(OPEN, retry_seconds=0.0))
    first, _ = considered(house, (BTC_A, BTC_B), (ETH_A, ETH_B))
    house.spot.note_traded(first, T0)
    assert house.consider(BTC_A, BTC_B) is None
    assert house.consider(ETH_A, ETH_B) is not None


@pytest.mark.parametrize("at_once", [True, False])
def test_a_plan_is_made_of_its_own_quotes_whatever_was_looked_at_since(at_once: bool) -> None:
    house = House()
    house.quote(BTC_A, 99.9, 100.0, size=0.4)
    house.quote(BTC_B, 102.0, 102.1, size=0.4)
    first = house.consider()
    assert first is not None
    house.signal(ETH_A, ETH_B)
    made = house.spot.plan(first, rich, T0, at_once=at_once)
    assert isinstance(made, Plan)
    assert made.legs[0].size == D("0.4")


@pytest.mark.parametrize(
    ("retry_s", "after_s", "first"),
    [(1.0, 5.0, False), (1.0, 5.1, True), (10.0, 20.0, False), (10.0, 20.1, True)],
)
def test_refusals_belong_to_one_opening_for_as_long_as_quotes_or_retries_bridge(
    retry_s: float, after_s: float, first: bool
) -> None:
    house = House(with_(OPEN, retry_seconds=retry_s))
    signal = house.signal()
    assert house.spot.note_refused(signal, T0)
    assert house.spot.note_refused(signal, T0 + round(after_s * S)) is first


def test_a_refusal_after_a_trade_is_of_a_new_opening() -> None:
    house = House(with_(OPEN, cooldown_seconds=0.0, retry_seconds=0.0))
    signal = house.signal()
    assert house.spot.note_refused(signal, T0)
    house.spot.note_traded(signal, T0 + 1)
    assert house.spot.note_refused(house.signal(at_ns=T0 + 2), T0 + 2)


# Settings that must reach those who use them


def test_the_largest_quote_age_reaches_the_board() -> None:
    house = House(with_(OPEN, max_spread_age_seconds=1.5))
    house.quote(BTC_A, 99.9, 100.0)
    assert house.quote(BTC_B, 102.0, 102.1, at_ns=T0 + 3 * S // 2) > 0
    assert house.quote(BTC_B, 102.0, 102.1, at_ns=T0 + 3 * S // 2 + 1) == 0


def test_window_and_threshold_of_the_trend_are_those_of_the_settings() -> None:
    rising = [100.0 + 0.05 * n for n in range(30)]
    strict = SpotSettings(trend_filter_mode=TrendFilterMode.BOTH, trend_confirmation_threshold=0.01)
    house = House(strict)
    at_ns = house.trend_of(BTC_A, rising, from_ns=T0)
    house.open_spread(at_ns=at_ns)
    blocked = house.consider(at_ns=at_ns)
    assert blocked is not None
    assert blocked.verdict == "TREND_FILTER: mode=both"
    # The same prices: of the last four the means differ by 0.1, less than a tenth of a percent.
    short = SpotSettings(trend_filter_mode=TrendFilterMode.BOTH, moving_average_periods=4)
    house = House(short)
    at_ns = house.trend_of(BTC_A, rising, from_ns=T0)
    house.open_spread(at_ns=at_ns)
    blocked = house.consider(at_ns=at_ns)
    assert blocked is not None
    assert blocked.verdict == "TREND_FILTER: mode=both"


def premium_house(spreads: list[float], **changes: object) -> tuple[House, int]:
    settings = with_(
        OPEN, premium_detection=True, premium_samples=20, premium_min_samples=10, **changes
    )
    house, at_ns = House(settings), T0
    for spread in spreads:
        at_ns += S
        house.quote(BTC_A, 99.9, 100.0, at_ns=at_ns)
        house.quote(BTC_B, 100.0 + spread, 110.0, at_ns=at_ns)
        house.spot.sample(at_ns)
    return house, at_ns


def test_a_spread_far_below_its_usual_one_is_left_alone_too() -> None:
    house, at_ns = premium_house([4.0, 4.1] * 10)
    house.open_spread(at_ns=at_ns)
    signal = house.consider(at_ns=at_ns)
    assert signal is not None
    assert signal.verdict.startswith("PREMIUM")


def test_a_premiums_samples_outlive_other_settings_unless_its_window_is_another() -> None:
    house, at_ns = premium_house([0.0, 0.01] * 10)
    before = house.spot.settings
    house.spot.reconfigure(with_(before, trade_amount_usd=D(50)))
    house.open_spread(at_ns=at_ns)
    kept = house.consider(at_ns=at_ns)
    assert kept is not None
    assert kept.verdict.startswith("PREMIUM")
    house.spot.reconfigure(with_(before, premium_samples=30))
    assert house.signal(at_ns=at_ns).verdict == ""

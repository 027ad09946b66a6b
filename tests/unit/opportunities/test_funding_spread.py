"""Which funding pairs are worth opening and when one is let go, figure by figure."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arbiter.model.errors import BadConfig
from arbiter.model.ids import InstrumentId, Symbol, TradeId, VenueId
from arbiter.model.pairs import FundingPair, PairId
from arbiter.model.perpetuals import FundingRate
from arbiter.model.time import NS_PER_HOUR, NS_PER_S
from arbiter.opportunities.funding_settings import FUNDING_ARBITRAGE, FundingSettings
from arbiter.opportunities.funding_spread import (
    FundingCandidate,
    FundingSpread,
    PairMemory,
    PairView,
)

D = Decimal
NOW = 1_767_225_600 * NS_PER_S + 600 * NS_PER_S
"""2026-01-01T00:10:00Z: ten minutes after a settlement."""
SYMBOL = Symbol("BTC/USDT:USDT")
FEES = {"binance": D("0.0004"), "bybit": D("0.00055"), "okx": D("0.0005")}
PLAIN = FundingSettings(
    min_funding_spread=D("0.0004"),
    min_expected_value=D("0.0005"),
    staleness_haircut=D("0.0003"),
    slippage=D("0.0001"),
    hold_hours=D(72),
)


def told(
    venue: str, rate: str, hours: int = 8, *, due_in_s: float | None = None, age_s: float = 0.0
) -> FundingRate:
    """A venue's rate; its next settlement lies on the hours of its own interval unless said."""
    interval = hours * NS_PER_HOUR
    due = (NOW // interval + 1) * interval if due_in_s is None else NOW + round(due_in_s * NS_PER_S)
    return FundingRate(
        instrument=InstrumentId(f"BTCUSDT-PERP.{venue.upper()}"),
        venue=VenueId(venue),
        symbol=SYMBOL,
        rate=D(rate),
        interval_hours=hours,
        next_funding_ns=due,
        mark=D(50_000),
        updated_ns=NOW - round(age_s * NS_PER_S),
    )


def fee_of(instrument: InstrumentId) -> Decimal:
    return FEES[instrument.rpartition(".")[2].lower()]


def found(*rates: FundingRate, **changes: Any) -> list[FundingCandidate]:
    return FundingSpread(replace(PLAIN, **changes)).candidates(rates, fee_of, NOW)


# Entry


def test_the_lower_rate_is_held_long_and_the_higher_short() -> None:
    (candidate,) = found(told("bybit", "0.001"), told("binance", "-0.0005"))
    assert (candidate.long.venue, candidate.short.venue) == ("binance", "bybit")
    assert candidate.spread == D("0.0015")


def test_the_value_of_an_entry_is_funding_less_both_round_trips_slippage_and_haircut() -> None:
    # 72 hours from 00:10: nine settlements at 8 h, eighteen at 4 h.
    (candidate,) = found(told("binance", "-0.0001", 4), told("bybit", "0.0006", 8))
    assert candidate.spread == D("0.0006") + 2 * D("0.0001")
    assert candidate.expected == 9 * D("0.0006") + 18 * D("0.0001")
    fees = 2 * (FEES["binance"] + FEES["bybit"])
    assert candidate.value == candidate.expected - fees - 4 * D("0.0001") - D("0.0003")


def test_two_positive_rates_earn_their_difference() -> None:
    (candidate,) = found(told("binance", "0.0001"), told("bybit", "0.0008"))
    assert candidate.expected == 9 * (D("0.0008") - D("0.0001"))


def test_a_settlement_that_comes_soon_counts_and_one_beyond_the_hold_does_not() -> None:
    spread = FundingSpread(PLAIN)
    hold = 72 * 3_600
    for due_in_s, expected in ((120, 9), (8 * 3_600 - 120, 9), (7 * 3_600, 9), (8 * 3_600, 9)):
        assert spread.settlements_ahead(told("okx", "0.001", due_in_s=due_in_s), NOW) == expected
    far = told("okx", "0.001", 8, due_in_s=hold)
    assert spread.settlements_ahead(far, NOW) == 1
    for later_ns in (1, 20 * NS_PER_HOUR):
        beyond = replace(far, next_funding_ns=far.next_funding_ns + later_ns)
        assert spread.settlements_ahead(beyond, NOW) == 0


@given(
    hours=st.sampled_from([1, 2, 4, 8]),
    due_s=st.integers(0, 8 * 3_600),
    hold_h=st.integers(1, 200),
)
def test_settlements_ahead_are_those_that_a_calendar_shows(
    hours: int, due_s: int, hold_h: int
) -> None:
    rate = told("okx", "0.001", hours, due_in_s=due_s)
    spread = FundingSpread(replace(PLAIN, hold_hours=D(hold_h)))
    calendar = range(due_s, hold_h * 3_600 + 1, hours * 3_600)
    assert spread.settlements_ahead(rate, NOW) == len(calendar)


def test_hours_of_a_faster_world_are_shorter() -> None:
    fast = FundingSettings(time_scale=D(60), quiet_before_seconds=D(60))
    assert fast.hours_ns(D(1)) == 60 * NS_PER_S
    assert fast.seconds_ns(D(60)) == NS_PER_S


def test_one_venue_makes_no_pair_even_with_two_rates() -> None:
    low = told("binance", "-0.001")
    high = replace(told("binance", "0.001"), instrument=InstrumentId("BTCUSDC-PERP.BINANCE"))
    assert found(low, high) == []


def test_a_spread_of_just_the_minimum_is_enough_and_a_little_less_is_not() -> None:
    low, high = told("binance", "0.0001"), told("bybit", "0.0007")
    assert found(low, high, min_funding_spread=D("0.0006"))
    assert found(low, high, min_funding_spread=D("0.00060001")) == []
    spread = FundingSpread(replace(PLAIN, min_funding_spread=D("0.0006")))
    assert spread.wide_enough([low, high])
    assert not spread.wide_enough([low, told("bybit", "0.00069999")])
    assert not spread.wide_enough([high])


def test_a_spread_that_the_costs_eat_up_is_left_alone() -> None:
    low, high = told("binance", "0.0001"), told("bybit", "0.0007")
    (candidate,) = found(low, high)
    assert found(low, high, min_expected_value=candidate.value)
    assert found(low, high, min_expected_value=candidate.value + D("1e-9")) == []


def test_a_wide_spread_whose_settlements_lie_beyond_the_hold_is_worth_nothing() -> None:
    """The rate that would pay falls due after the hold; the one that costs does not."""
    low, high = told("binance", "0.0001", 1), told("bybit", "0.004", 8)
    assert found(low, high, hold_hours=D(7)) == []
    assert found(low, high, hold_hours=D(8))


@pytest.mark.parametrize("late", ["binance", "bybit"])
def test_no_entry_on_a_rate_older_than_allowed(late: str) -> None:
    rates = [told("binance", "0.0001"), told("bybit", "0.0007")]
    for age_s, expected in ((30.0, 1), (30.000001, 0)):
        aged = [
            replace(rate, updated_ns=NOW - round(age_s * NS_PER_S)) if rate.venue == late else rate
            for rate in rates
        ]
        assert len(found(*aged)) == expected


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("due_in_s", "allowed"),
    [
        (60.0, False),
        (60.000001, True),
        (8 * 3_600 - 30, True),
        (8 * 3_600 - 29.999999, False),
        (-1.0, False),
    ],
)
def test_no_entry_within_the_quiet_time_around_either_legs_settlement(
    which: int, due_in_s: float, allowed: bool
) -> None:
    rates = [told("binance", "0.0001"), told("bybit", "0.0007")]
    rates[which] = replace(rates[which], next_funding_ns=NOW + round(due_in_s * NS_PER_S))
    assert bool(found(*rates)) is allowed


def test_candidates_come_by_value_and_not_by_spread() -> None:
    """bybit's spread is the wider, but its fees leave less than okx's."""
    rates = (told("binance", "0.0001"), told("okx", "0.0007"), told("bybit", "0.00071"))
    first, second = found(*rates)
    assert (first.short.venue, second.short.venue) == ("okx", "bybit")
    assert first.spread < second.spread
    assert first.value > second.value


def test_an_interval_that_changed_is_reckoned_with_at_once() -> None:
    spread = FundingSpread(PLAIN)
    rate = told("okx", "0.0001", 8)
    assert spread.per_8h(rate) == D("0.0001")
    assert spread.per_8h(replace(rate, interval_hours=1)) == D("0.0008")


# Exit

LOW, HIGH = told("binance", "0.0001"), told("bybit", "0.0007")


def pair(**changes: Any) -> FundingPair:
    values: dict[str, Any] = {
        "id": PairId(UUID(int=1)),
        "strategy": FUNDING_ARBITRAGE,
        "symbol": SYMBOL,
        "long_instrument": LOW.instrument,
        "short_instrument": HIGH.instrument,
        "long_venue": LOW.venue,
        "short_venue": HIGH.venue,
        "open_trade": TradeId(UUID(int=2)),
        "planned_units": D("0.02"),
        "entry_spread": D("0.0006"),
        "entry_price": D(50_000),
        "opened_ns": NOW,
    }
    return FundingPair(**values | changes)


def view(**changes: Any) -> PairView:
    values: dict[str, Any] = {
        "pair": pair(),
        "long": LOW,
        "short": HIGH,
        "profit": D(0),
        "notional": D(1_000),
        "distance": D("0.3"),
        "adl_rank": 0,
        "trouble": "",
    }
    return PairView(**values | changes)


def reason(now_ns: int = NOW, memory: PairMemory | None = None, **changes: Any) -> str | None:
    return FundingSpread(PLAIN).exit_reason(view(**changes), memory or PairMemory(), now_ns)


def test_a_pair_that_goes_as_planned_is_held() -> None:
    assert reason() is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"distance": D("0.0799")}, "LIQUIDATION_NEAR"),
        ({"distance": D("0.08")}, None),
        ({"distance": None}, None),
        ({"adl_rank": 4}, "ADL_NEAR"),
        ({"adl_rank": 3}, None),
        ({"profit": D(20)}, "TARGET_PROFIT"),
        ({"profit": D("19.99")}, None),
        ({"profit": None}, None),
        ({"distance": D("0.01"), "adl_rank": 4, "profit": D(20)}, "LIQUIDATION_NEAR"),
    ],
)
def test_each_limit_closes_at_its_figure_and_the_most_urgent_is_named(
    changes: dict[str, Any], why: str | None
) -> None:
    said = reason(**changes)
    assert (None if said is None else said.partition(":")[0]) == why


def test_a_pair_is_held_no_longer_than_the_longest_time() -> None:
    longest = 720 * NS_PER_HOUR
    fresh = {"long": None, "short": None}
    assert reason(NOW + longest - 1, **fresh) is None
    assert reason(NOW + longest, **fresh) == "MAX_DURATION"


def test_trouble_closes_after_its_time_and_is_forgotten_when_it_ends() -> None:
    memory, spread = PairMemory(), FundingSpread(PLAIN)
    away, back = view(trouble="bybit: lost"), view()
    assert spread.exit_reason(away, memory, NOW) is None
    assert spread.exit_reason(away, memory, NOW + 60 * NS_PER_S - 1) is None
    assert spread.exit_reason(away, memory, NOW + 60 * NS_PER_S) == "VENUE_TROUBLE: bybit: lost"
    assert spread.exit_reason(back, memory, NOW + 61 * NS_PER_S) is None
    assert spread.exit_reason(away, memory, NOW + 122 * NS_PER_S) is None


def test_the_trailing_stop_counts_from_the_peak_and_only_once_it_was_high_enough() -> None:
    spread = FundingSpread(PLAIN)
    low, high = PairMemory(), PairMemory()
    # 0.49 % was never the half percent that the stop begins at.
    for profit in ("4.9", "-5.2"):
        assert spread.exit_reason(view(profit=D(profit)), low, NOW) is None
    assert spread.exit_reason(view(profit=D(5)), high, NOW) is None
    assert spread.exit_reason(view(profit=D(2)), high, NOW) is None
    assert spread.exit_reason(view(profit=D("-4.99")), high, NOW) is None
    said = spread.exit_reason(view(profit=D(-5)), high, NOW)
    assert said == "TRAILING_STOP: peak=0.00500 profit=-0.00500"


def test_a_narrow_spread_closes_after_three_intervals_of_the_slower_leg() -> None:
    memory, spread = PairMemory(), FundingSpread(PLAIN)
    narrow = view(long=told("binance", "0.0001", 4), short=told("bybit", "0.0002", 8))
    day = 3 * 8 * NS_PER_HOUR
    assert spread.exit_reason(narrow, memory, NOW) is None
    assert spread.exit_reason(narrow, memory, NOW + day - 1) is None
    assert spread.exit_reason(narrow, memory, NOW + day) == "SPREAD_REVERSED"


def test_a_spread_is_narrow_by_eight_hours_and_not_by_raw_rates() -> None:
    """0.0002 an hour is much more than 0.0008 in eight."""
    memory, spread = PairMemory(), FundingSpread(PLAIN)
    raw_reversed = view(long=told("binance", "0.0003", 8), short=told("bybit", "0.0002", 1))
    spread.exit_reason(raw_reversed, memory, NOW)
    assert memory.narrow_since_ns is None
    raw_wide = view(long=told("binance", "0.0001", 1), short=told("bybit", "0.0008", 8))
    spread.exit_reason(raw_wide, memory, NOW)
    assert memory.narrow_since_ns == NOW


def test_a_spread_of_just_the_floor_is_not_narrow_and_unknown_rates_say_nothing() -> None:
    memory, spread = PairMemory(narrow_since_ns=NOW - 1), FundingSpread(PLAIN)
    spread.exit_reason(view(long=None), memory, NOW)
    assert memory.narrow_since_ns == NOW - 1
    floor = view(long=told("binance", "0.0001"), short=told("bybit", "0.00015"))
    spread.exit_reason(floor, memory, NOW)
    assert memory.narrow_since_ns is None


def test_a_peak_is_noted_in_steps_and_narrowness_at_once() -> None:
    spread = FundingSpread(PLAIN)
    known = pair(peak_profit=D("0.01"))
    assert not spread.note(known, PairMemory(peak=D("0.010499")))
    assert spread.note(known, PairMemory(peak=D("0.0105")))
    assert spread.note(known, PairMemory(peak=D("0.01"), narrow_since_ns=NOW))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_funding_spread", "-0.0001"),
        ("slippage", "-0.0001"),
        ("max_rate_age_seconds", "0"),
        ("trailing_stop", "0"),
        ("leverage", "0.5"),
        ("leverage", "NaN"),
        ("leverage", "Infinity"),
        ("min_expected_value", "NaN"),
        ("narrow_spread", "NaN"),
        ("time_scale", "Infinity"),
    ],
)
def test_a_setting_that_is_out_of_range_or_no_number_is_refused_by_its_name(
    name: str, value: str
) -> None:
    change: dict[str, Any] = {name: D(value)}
    with pytest.raises(BadConfig, match=f"funding.{name}"):
        FundingSettings(**change)


def test_counts_begin_at_one() -> None:
    with pytest.raises(BadConfig, match="max_pairs"):
        FundingSettings(max_pairs=0)
    with pytest.raises(BadConfig, match="narrow_spread_exit_periods"):
        FundingSettings(narrow_spread_exit_periods=0)

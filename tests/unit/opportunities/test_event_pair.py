"""Event arbitrage: its arithmetic against another one, and when it trades and when not."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from arbiter.model.errors import BadConfig, InvalidValue
from arbiter.model.event_fees import EventFee, FeeForm, kalshi_fee, polymarket_fee
from arbiter.model.event_pairs import Polarity, Review
from arbiter.model.money import quotient
from arbiter.model.orders import Side
from arbiter.model.plans import Plan
from arbiter.model.time import NS_PER_DAY, NS_PER_MS, NS_PER_S
from arbiter.opportunities.event_pair import EventSpread
from arbiter.opportunities.event_settings import EventSettings
from tests.unit.books.listings import T0
from tests.unit.opportunities.event_house import (
    FIRST,
    PAIR,
    SECOND,
    SETTINGS,
    EventHouse,
    FullPurse,
    binary,
    pair,
)
from tests.unit.opportunities.event_listings import KALSHI, POLYMARKET

CENT = Decimal("0.01")


def with_(**changes: Any) -> EventSettings:
    return msgspec.structs.replace(SETTINGS, **changes)


# Fees


@pytest.mark.parametrize(
    ("size", "price", "fee"),
    [
        (1, "0.50", "0.02"),  # 1.75 cents
        (100, "0.50", "1.75"),
        (100, "0.01", "0.07"),  # 6.93 cents
        (3, "0.90", "0.02"),  # 1.89 cents
        (10, "0.99", "0.01"),
    ],
)
def test_kalshi_rounds_the_fee_of_an_order_up_to_the_cent(size: int, price: str, fee: str) -> None:
    assert kalshi_fee().of(Decimal(size), Decimal(price)) == Decimal(fee)


def test_polymarket_charges_a_markets_basis_points_on_the_nearer_side() -> None:
    fee = polymarket_fee(Decimal(200))
    assert fee.of(Decimal(100), Decimal("0.9")) == Decimal("0.2")
    assert fee.of(Decimal(100), Decimal("0.1")) == Decimal("0.2")
    assert polymarket_fee(Decimal(0)).of(Decimal(100), Decimal("0.5")) == 0


forms = st.sampled_from(FeeForm)
costs = st.integers(1, 99).map(lambda cents: Decimal(cents) / 100)
fees = st.builds(
    EventFee,
    form=forms,
    rate=st.sampled_from([Decimal(0), Decimal("0.02"), Decimal("0.07")]),
    step=st.sampled_from([Decimal(0), CENT, Decimal("0.0001")]),
)


@given(fees, st.integers(1, 10_000).map(Decimal), costs)
def test_a_fee_is_rounded_up_by_less_than_a_step_and_never_down(
    fee: EventFee, size: Decimal, cost: Decimal
) -> None:
    exact = size * fee.unit(cost)
    charged = fee.of(size, cost)
    assert exact <= charged
    assert charged == exact if not fee.step else charged - exact < fee.step
    assert not fee.step or charged % fee.step == 0


@given(fees, costs, costs, costs)
def test_no_price_between_two_costs_more_in_fees_than_the_worst(
    fee: EventFee, one: Decimal, two: Decimal, three: Decimal
) -> None:
    low, middle, high = sorted((one, two, three))
    assert fee.unit(middle) <= fee.worst_unit(low, high)


@pytest.mark.parametrize("bad", [{"rate": Decimal("-0.1")}, {"step": Decimal(-1)}])
def test_a_fee_out_of_range_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        EventFee(**bad)


# The edge, recomputed in fractions from the quotes alone


def independent_net(plan: Plan, house: EventHouse, at_limits: bool) -> Fraction:
    """Net profit of a whole plan: 1 a contract, less costs, rounded fees and capital cost."""
    settings, approved = house.spread.settings, house.pair
    spent = Fraction(0)
    size = Fraction(plan.legs[0].size)
    for leg in plan.legs:
        price = leg.price if at_limits else leg.planned_price
        assert price is not None
        cost = Fraction(price) if leg.side is Side.BUY else 1 - Fraction(price)
        venue = house.registry.by_id(leg.instrument).venue
        fee = settings.fees[venue]
        if fee.form is FeeForm.QUADRATIC:
            unit = Fraction(fee.rate) * cost * (1 - cost)
        elif fee.form is FeeForm.NEARER_SIDE:
            unit = Fraction(fee.rate) * min(cost, 1 - cost)
        else:
            unit = Fraction(fee.rate) * cost
        charged = unit * size
        if fee.step:
            steps = charged / Fraction(fee.step)
            charged = -(-steps.numerator // steps.denominator) * Fraction(fee.step)
        spent += size * cost + charged
    days = Fraction(max(approved.payout_ns - T0, 0), NS_PER_DAY)
    return size - spent - spent * Fraction(settings.capital_rate) * days / 365


NOISE = Fraction(1, 10**9)


@given(
    bids=st.tuples(st.integers(1, 97), st.integers(1, 97)),
    widths=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    size=st.integers(1, 5_000),
    polarity=st.sampled_from(Polarity),
    fee=st.tuples(fees, fees),
    min_spread=st.sampled_from(["0", "0.005", "0.02"]),
    days=st.integers(0, 400),
    slippage=st.sampled_from(["0", "0.01", "0.05"]),
)
def test_no_plan_loses_at_its_limits_nor_earns_less_than_min_spread_at_the_touch(
    bids: tuple[int, int],
    widths: tuple[int, int],
    size: int,
    polarity: Polarity,
    fee: tuple[EventFee, EventFee],
    min_spread: str,
    days: int,
    slippage: str,
) -> None:
    assume(all(bid + width < 100 for bid, width in zip(bids, widths, strict=True)))
    settings = with_(
        fees={POLYMARKET: fee[0], KALSHI: fee[1]},
        min_spread=Decimal(min_spread),
        limit_slippage=Decimal(slippage),
    )
    approved = pair(polarity, payout_ns=T0 + days * NS_PER_DAY)
    house = EventHouse(settings, approved)
    for which in (0, 1):
        bid, ask = bids[which], bids[which] + widths[which]
        house.quote(which, bid / 100, ask / 100, size=float(size))
    opening = house.spread.consider(house.pair, T0)
    if opening is None:
        return
    made = house.spread.plan(opening, FullPurse(), T0)
    if isinstance(made, str):
        return
    assert {leg.size for leg in made.legs} == {made.legs[0].size}
    contracts = Fraction(made.legs[0].size)
    at_touch = independent_net(made, house, at_limits=False)
    assert at_touch >= Fraction(min_spread) * contracts - NOISE
    assert independent_net(made, house, at_limits=True) >= -NOISE
    sides = tuple(leg.side for leg in made.legs)
    assert sides in approved.directions
    assert house.spread.gone(made, T0) is None


@given(
    cap=st.integers(10, 3_000),
    already=st.integers(0, 3_000),
    size=st.integers(10, 5_000),
    free=st.integers(5, 3_000),
)
def test_a_pair_cannot_cost_more_than_its_cap_even_when_both_legs_lose(
    cap: int, already: int, size: int, free: int
) -> None:
    house = EventHouse(SETTINGS, pair(cap_usd=Decimal(cap)))
    house.open(size=float(size))
    purse = FullPurse(free=Decimal(free), open_usd=Decimal(already))
    made = house.spread.plan(house.opening(), purse, T0)
    if isinstance(made, str):
        return
    contracts = made.legs[0].size
    spent = []
    for leg in made.legs:
        assert leg.price is not None
        cost = leg.price if leg.side is Side.BUY else 1 - leg.price
        venue = house.registry.by_id(leg.instrument).venue
        spent.append(contracts * cost + house.spread.settings.fees[venue].of(contracts, cost))
    assert sum(spent) + already <= cap
    assert sum(spent) <= SETTINGS.max_position_size
    assert max(spent) <= free
    assert contracts <= size


# Directions


def test_same_buys_yes_here_and_no_there() -> None:
    house = EventHouse()
    house.open()
    yes, no = house.plan().legs
    assert (yes.instrument, yes.side) == (FIRST.id, Side.BUY)
    assert (no.instrument, no.side) == (SECOND.id, Side.SELL)


def test_same_the_other_way_round() -> None:
    house = EventHouse()
    house.quote(0, 0.55, 0.56)
    house.quote(1, 0.40, 0.41)
    no, yes = house.plan().legs
    assert (no.instrument, no.side) == (FIRST.id, Side.SELL)
    assert (yes.instrument, yes.side) == (SECOND.id, Side.BUY)


@pytest.mark.parametrize(
    ("quotes", "side"),
    [(((0.39, 0.40), (0.49, 0.50)), Side.BUY), (((0.60, 0.61), (0.55, 0.56)), Side.SELL)],
)
def test_a_complement_takes_the_same_side_on_both_venues(quotes: Any, side: Side) -> None:
    house = EventHouse(SETTINGS, pair(Polarity.COMPLEMENT))
    for which, (bid, ask) in enumerate(quotes):
        house.quote(which, bid, ask)
    plan = house.plan()
    assert [leg.side for leg in plan.legs] == [side, side]
    assert house.spread.gone(plan, T0) is None


def test_yes_and_no_of_a_complement_bought_as_a_same_pair_would_double_the_exposure() -> None:
    house = EventHouse(SETTINGS, pair(Polarity.COMPLEMENT))
    house.open()  # an edge for SAME: for COMPLEMENT these two prices sum to 0.91 of YES and YES
    opening = house.opening()
    assert [leg.side for leg in opening.legs] == [Side.BUY, Side.BUY]


def test_size_is_in_whole_contracts_where_one_venue_knows_no_fractions() -> None:
    house = EventHouse()
    house.open(size=123.7)
    assert house.plan().legs[0].size == 123
    fractional = binary(KALSHI, lot=Decimal("0.01"))
    both = EventHouse(second=fractional)
    both.open(size=123.7)
    assert both.plan().legs[0].size == Decimal("123.7")


# Costs that take an edge away


def test_an_edge_of_min_spread_before_fees_is_none_after_them() -> None:
    house = EventHouse()
    house.quote(0, 0.45, 0.46)
    house.quote(1, 0.48, 0.49)
    assert house.spread.consider(house.pair, T0) is None


def test_capital_locked_for_a_year_costs_more_than_a_small_edge() -> None:
    far = pair(payout_ns=T0 + 365 * NS_PER_DAY)
    free_of_fees = with_(fees={}, min_spread=Decimal("0.02"), capital_rate=Decimal("0.05"))
    now, later = EventHouse(free_of_fees), EventHouse(free_of_fees, far)
    for house in (now, later):
        house.quote(0, 0.46, 0.47)
        house.quote(1, 0.50, 0.51)
    opening = now.spread.consider(now.pair, T0)
    assert opening is not None
    assert later.spread.consider(later.pair, T0) is None
    assert opening.edge.capital == quotient(opening.edge.cost * 10 * Decimal("0.05"), Decimal(365))


def test_a_small_order_may_not_pay_for_its_rounded_fee() -> None:
    first = binary(POLYMARKET, min_size=CENT)
    many, one = EventHouse(first=first), EventHouse(first=first)
    for house, size in ((many, 100.0), (one, 1.0)):
        house.quote(0, 0.44, 0.45, size=size)
        house.quote(1, 0.49, 0.50, size=size)
    opening = many.spread.consider(many.pair, T0)
    assert opening is not None
    assert opening.edge.fees == Decimal("1.75")
    assert one.spread.consider(one.pair, T0) is None  # 2 cents of fee on 4 of gross profit


# When it may trade


@pytest.mark.parametrize("state", [Review.PROPOSED, Review.REJECTED, Review.SUSPENDED])
def test_only_an_approved_pair_is_looked_at(state: Review) -> None:
    house = EventHouse(SETTINGS, pair(state=state))
    assert house.spread.watched == ()
    assert house.spread.of(FIRST.id) == ()


def test_a_simulated_pair_trades_on_simulated_markets_alone() -> None:
    spread = EventHouse().spread
    for simulated in (True, False):
        spread.watch([pair(simulated=simulated)], simulated=simulated)
        assert spread.of(FIRST.id) == spread.watched
        assert [found.id for found in spread.watched] == [PAIR]
        spread.watch([pair(simulated=simulated)], simulated=not simulated)
        assert not spread.watched


def test_a_suspension_stops_a_plan_that_waits_for_its_commit() -> None:
    house = EventHouse()
    house.open()
    plan = house.plan()
    assert house.spread.gone(plan, T0) is None
    house.spread.watch([pair(state=Review.SUSPENDED)], simulated=False)
    assert house.spread.gone(plan, T0) == "PAIR: no longer approved"


@pytest.mark.parametrize("which", [0, 1])
def test_a_stale_leg_hides_the_pair_and_stops_its_plan(which: int) -> None:
    house = EventHouse()
    house.open()
    plan = house.plan()
    threshold = SETTINGS.staleness_threshold_ms * NS_PER_MS
    late = T0 + threshold + 1
    assert house.spread.consider(house.pair, T0 + threshold) is not None
    house.quote(which, *((0.39, 0.40) if which == 0 else (0.50, 0.51)), size=200.0, at_ns=late)
    assert house.spread.consider(house.pair, late) is None
    told = house.spread.gone(plan, late)
    assert told is not None
    assert told.startswith("STALE")


def test_a_lost_venue_hides_the_pair() -> None:
    house = EventHouse()
    house.open()
    house.board.set_venue_health(KALSHI, False, "gone")
    assert house.spread.consider(house.pair, T0) is None


def test_an_edge_that_shrank_before_sending_stops_the_plan() -> None:
    house = EventHouse()
    house.open()
    plan = house.plan()
    house.quote(1, 0.41, 0.42)
    told = house.spread.gone(plan, T0)
    assert told is not None
    assert told.startswith("EDGE")


def test_nothing_is_opened_outside_the_window() -> None:
    house = EventHouse(SETTINGS, pair(opens_ns=T0 + 1))
    house.open()
    assert house.spread.consider(house.pair, T0) is None
    closed = EventHouse(SETTINGS, pair(closes_ns=T0 + NS_PER_S))
    closed.open()
    plan = closed.plan()
    told = closed.spread.gone(plan, T0 + NS_PER_S)
    assert told is not None
    assert told.startswith("WINDOW")


def test_a_market_that_is_not_listed_or_not_binary_is_named() -> None:
    house = EventHouse(second=binary(KALSHI, contract_size=Decimal(100)))
    assert house.troubles == ("fed-hold: FED-HOLD.KALSHI does not pay 1 or 0 a contract",)
    alone = EventSpread(
        SETTINGS,
        house.board,
        EventHouse(first=binary(POLYMARKET, name="X")).registry,
        None,  # type: ignore[arg-type]
    )
    assert alone.watch([pair()], simulated=False) == (
        "fed-hold: FED-HOLD.POLYMARKET is not listed",
    )


# Openings


def test_an_opening_is_counted_once_and_not_per_tick() -> None:
    house = EventHouse()
    seen = []
    for tick in range(50):
        at_ns = T0 + tick * 10 * NS_PER_MS
        house.open(at_ns=at_ns, size=200.0 + tick)
        seen.append(house.opening(at_ns=at_ns).new)
    assert seen == [True] + [False] * 49
    assert house.spread.openings_today(T0) == 1


def test_an_opening_that_closed_and_came_back_is_another_one() -> None:
    house = EventHouse()
    house.open()
    assert house.opening().new
    house.quote(1, 0.40, 0.41)
    assert house.spread.consider(house.pair, T0) is None
    house.open()
    assert house.opening().new
    assert house.spread.openings_today(T0) == 2
    assert house.spread.openings_today(T0 + NS_PER_DAY) == 0


def test_a_refusal_is_told_once_per_opening_and_a_trade_rests_the_pair() -> None:
    house = EventHouse()
    house.open()
    opening = house.opening()
    assert house.spread.note_refused(opening, T0)
    assert not house.spread.note_refused(opening, T0 + NS_PER_S)
    assert house.spread.resting(PAIR, T0 + NS_PER_S)
    house.spread.note_traded(opening, T0)
    assert house.spread.resting(PAIR, T0 + SETTINGS.cooldown_ns - 1)
    assert not house.spread.resting(PAIR, T0 + SETTINGS.cooldown_ns)


@pytest.mark.parametrize(
    ("purse", "bound"),
    [
        (FullPurse(free=Decimal(1)), "balance_kalshi"),
        (FullPurse(open_usd=Decimal(5_000)), "pair_cap"),
    ],
)
def test_a_bound_that_leaves_nothing_is_named(purse: FullPurse, bound: str) -> None:
    house = EventHouse()
    house.open()
    told = house.spread.plan(house.opening(), purse, T0)
    assert isinstance(told, str)
    assert bound in told


def test_what_ends_both_legs_needs_no_room_under_a_cap() -> None:
    house = EventHouse()
    house.open()
    opening = house.opening()
    against = {leg.instrument.id: Decimal(-60) * leg.side.sign for leg in opening.legs}
    full = FullPurse(open_usd=Decimal(50_000), held=against)
    made = house.spread.plan(opening, full, T0)
    assert isinstance(made, Plan)
    assert {leg.size for leg in made.legs} == {Decimal(60)}
    lesser = FullPurse(
        open_usd=Decimal(50_000), held=against | {opening.legs[1].instrument.id: Decimal(0)}
    )
    assert isinstance(house.spread.plan(opening, lesser, T0), str), "one leg alone ends no pair"
    alike = {name: -size for name, size in against.items()}
    more = house.spread.plan(opening, FullPurse(open_usd=Decimal(50_000), held=alike), T0)
    assert isinstance(more, str), "it would add to what is held"


def test_a_signal_shows_gross_profit_as_sell_less_buy_price() -> None:
    house = EventHouse(SETTINGS, pair(Polarity.COMPLEMENT))
    house.quote(0, 0.39, 0.40)
    house.quote(1, 0.49, 0.50)
    opening = house.opening()
    signal = house.spread.signal(opening, T0, executed=True)
    assert signal.gross == Decimal("0.1")
    assert signal.gross * opening.edge.size == opening.edge.gross
    assert 0 < signal.edge < signal.gross / signal.buy_price
    assert 0 <= signal.confidence <= 1


@pytest.mark.parametrize(
    "bad",
    [
        {"min_spread": Decimal(1)},
        {"min_spread": Decimal("-0.01")},
        {"staleness_threshold_ms": 0},
        {"max_position_size": Decimal(0)},
        {"capital_rate": Decimal("NaN")},
    ],
)
def test_settings_out_of_range_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(BadConfig, match=f"events.{next(iter(bad))}"):
        EventSettings(**bad)


@given(st.lists(st.tuples(st.integers(40, 60), st.integers(1, 6), st.booleans()), max_size=60))
def test_openings_are_the_times_that_the_edge_came_up(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever the quotes do: as many openings as changes from 'pays not' to 'pays'."""
    house = EventHouse(with_(fees={}, capital_rate=Decimal(0), min_spread=Decimal("0.05")))
    house.quote(0, 0.44, 0.45)
    expected, stood, counted = 0, False, 0
    for at, (bid, width, again) in enumerate(steps):
        now = T0 + at * NS_PER_MS
        house.quote(0, 0.44, 0.45, at_ns=now)
        house.quote(1, bid / 100, (bid + width) / 100, at_ns=now)
        pays = bid - 45 >= 5 or 44 - bid - width >= 5
        expected += pays and not stood
        stood = pays
        for _ in range(1 + again):
            opening = house.spread.consider(house.pair, now)
            assert (opening is not None) is pays
            counted += opening is not None and opening.new
    assert counted == expected == house.spread.openings_today(T0)

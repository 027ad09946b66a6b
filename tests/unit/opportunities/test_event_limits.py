"""What an event pair's orders may cost at worst, and which figures its decisions are made of."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from arbiter.model.event_fees import EventFee, FeeForm, kalshi_fee
from arbiter.model.event_pairs import Polarity
from arbiter.model.instruments import InstrumentKind
from arbiter.model.money import quotient
from arbiter.model.orders import Side
from arbiter.model.plans import Plan
from arbiter.model.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_S
from arbiter.opportunities.event_edge import EventLeg, Lockup, edge_of, worst_of
from arbiter.opportunities.event_pair import Opening
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

D = Decimal
NO_FEES = msgspec.structs.replace(SETTINGS, fees={}, capital_rate=D(0))


def with_(base: EventSettings = SETTINGS, **changes: Any) -> EventSettings:
    return msgspec.structs.replace(base, **changes)


def leg(side: Side, price: str, fee: EventFee | None = None, depth: str = "100") -> EventLeg:
    instrument = FIRST if side is Side.BUY else SECOND
    return EventLeg(
        instrument=instrument, side=side, price=D(price), depth=D(depth), fee=fee or EventFee()
    )


def planned(house: EventHouse, purse: FullPurse | None = None) -> Plan | str:
    return house.spread.plan(house.opening(), purse or FullPurse(), T0)


def made(house: EventHouse, purse: FullPurse | None = None) -> Plan:
    plan = planned(house, purse)
    assert isinstance(plan, Plan), plan
    return plan


# Limits of orders


@pytest.mark.parametrize(
    ("side", "price", "slippage", "limit"),
    [
        (Side.BUY, "0.40", "0.01", "0.41"),
        (Side.BUY, "0.40", "0.019", "0.41"),  # on the tick, and not beyond what is allowed
        (Side.BUY, "0.405", "0.001", "0.41"),  # never short of the touch
        (Side.BUY, "0.97", "0.05", "0.99"),  # never a certainty
        (Side.SELL, "0.50", "0.01", "0.49"),
        (Side.SELL, "0.50", "0.019", "0.49"),
        (Side.SELL, "0.505", "0.001", "0.50"),
        (Side.SELL, "0.03", "0.05", "0.01"),
    ],
)
def test_a_limit_lies_on_the_tick_within_the_slippage(
    side: Side, price: str, slippage: str, limit: str
) -> None:
    assert leg(side, price).limit(D(slippage)) == D(limit)


def test_each_leg_may_slip_by_half_of_the_edge_and_not_by_more() -> None:
    house = EventHouse(with_(NO_FEES, limit_slippage=D("0.5")))
    house.open()  # 10 cents
    assert [each.price for each in made(house).legs] == [D("0.45"), D("0.45")]


def test_where_any_slippage_may_lose_the_orders_go_at_the_touch() -> None:
    """Rounding may add a step to each order's fee: on few contracts that is the whole edge."""
    rounded = EventFee(rate=D("0.1"), step=D("0.5"))  # just half a dollar on ten at 0.50
    house = EventHouse(with_(NO_FEES, fees={KALSHI: rounded}, limit_slippage=D("0.5")))
    house.open(size=10.0)
    assert [each.price for each in made(house).legs] == [D("0.40"), D("0.50")]


def test_a_limit_that_rounds_to_a_certainty_is_refused() -> None:
    house = EventHouse(with_(NO_FEES, min_spread=D("0.001")))
    house.quote(0, 0.99, 0.993)
    house.quote(1, 0.998, 0.999)
    assert planned(house) == "PRICE: a limit lies outside (0, 1)"


def test_the_dearest_fee_between_touch_and_limit_counts() -> None:
    """Kalshi charges most at one half, which lies between these two."""
    fee = kalshi_fee()
    worst = worst_of((leg(Side.BUY, "0.47", fee), leg(Side.SELL, "0.40")), D("0.06"))
    assert worst.limits == (D("0.53"), D("0.34"))
    assert worst.unit_costs == (D("0.53") + D("0.07") / 4, D("0.66"))
    assert worst.spent(D(10)) == 10 * sum(worst.unit_costs) + fee.step


def test_capital_is_locked_for_the_fees_too() -> None:
    fee = EventFee(form=FeeForm.NOTIONAL, rate=D("0.1"))
    lockup = Lockup(days=D(73), rate=D("0.05"))
    edge = edge_of((leg(Side.BUY, "0.4", fee), leg(Side.SELL, "0.6")), D(100), lockup)
    assert (edge.cost, edge.fees) == (D(80), D(4))
    assert edge.capital == D(84) * D("0.01")
    assert edge.net == D(100) - 80 - 4 - D("0.84")


def test_a_pair_that_recurs_locks_capital_until_the_round_at_hand_pays() -> None:
    hourly = pair(payout_ns=T0 - NS_PER_HOUR // 2, recurs_ns=NS_PER_HOUR)
    house = EventHouse(SETTINGS, hourly)
    assert house.spread.lockup(hourly, T0).days == quotient(D(1), D(48))
    assert house.spread.lockup(pair(payout_ns=T0 - 1), T0).days == 0


def test_days_of_a_faster_world_are_shorter() -> None:
    fast = EventHouse(with_(time_scale=D(1_440)))
    due = pair(payout_ns=T0 + 60 * NS_PER_S)
    assert fast.spread.lockup(due, T0).days == 1


# Sizes


def show(house: EventHouse, which: int, bid: float, ask: float, sizes: tuple[float, float]) -> None:
    """Quote with what is shown at the bid and at the ask."""
    slot = house.registry.slot(house.instruments[which].id)
    assert house.board.update(slot, bid, ask, *sizes, T0, T0) >= 0


@pytest.mark.parametrize(("asked", "bidden"), [(30.0, 70.0), (70.0, 30.0)])
def test_size_is_what_the_ask_shows_here_and_the_bid_there(asked: float, bidden: float) -> None:
    house = EventHouse()
    show(house, 0, 0.39, 0.40, (10.0, asked))
    show(house, 1, 0.50, 0.51, (bidden, 10.0))
    opening = house.opening()
    assert opening.edge.size == 30
    assert made(house).legs[0].size == 30


def test_an_openings_edge_is_that_of_what_one_trade_may_cost() -> None:
    house = EventHouse(with_(NO_FEES, max_position_size=D(90)))
    house.open(size=5_000.0)
    assert house.opening().edge.size == 100  # 0.40 + 0.50 each


@pytest.mark.parametrize(
    ("purse", "changes", "bound"),
    [
        ({"open_usd": D(950)}, {"max_total_exposure": D(1_000)}, "max_total_exposure"),
        ({"open_usd": D(4_950)}, {}, "pair_cap"),
        ({}, {"max_position_size": D(50)}, "max_position_size"),
    ],
)
def test_every_cap_holds_at_the_worst_prices(
    purse: dict[str, Any], changes: dict[str, Any], bound: str
) -> None:
    house = EventHouse(with_(NO_FEES, **changes))
    house.open()
    size = made(house, FullPurse(**purse)).legs[0].size
    # 50 dollars buy 54 at 0.41 + 0.51; at the touch they would buy 55.
    assert size == 54, bound


def test_a_balance_covers_the_rounding_of_the_fee() -> None:
    """100 cost 41 + 51 and a fee; a balance short of one cent of rounding buys 99."""
    house = EventHouse(with_(NO_FEES, fees={KALSHI: EventFee(rate=D(0), step=D("0.01"))}))
    house.open(size=100.0)
    assert made(house, FullPurse(free=D("51.01"))).legs[0].size == 100
    assert made(house, FullPurse(free=D("51.00"))).legs[0].size == 99


def test_a_cap_covers_the_rounding_of_both_fees() -> None:
    fees = {venue: EventFee(rate=D(0), step=D("0.01")) for venue in (POLYMARKET, KALSHI)}
    house = EventHouse(with_(NO_FEES, fees=fees), pair(cap_usd=D("92.01")))
    house.open(size=100.0)
    assert made(house).legs[0].size == 99
    house = EventHouse(with_(NO_FEES, fees=fees), pair(cap_usd=D("92.02")))
    house.open(size=100.0)
    assert made(house).legs[0].size == 100


def test_the_gates_scale_shrinks_the_size_and_the_edge_is_asked_for_at_that_size() -> None:
    house = EventHouse()
    house.open(size=100.0)
    opening = house.opening()
    half = house.spread.plan(opening, FullPurse(), T0, D("0.5"))
    assert isinstance(half, Plan)
    assert half.legs[0].size == 50
    dear = EventHouse(with_(NO_FEES, fees={KALSHI: EventFee(rate=D("0.0001"), step=D("0.5"))}))
    dear.open(size=10.0)
    opening = dear.opening()
    told = dear.spread.plan(opening, FullPurse(), T0, D("0.5"))
    assert told == "EDGE: 0.000000 is below 0.02 at 5"


def test_what_ends_both_legs_adds_to_the_room_that_is_left() -> None:
    house = EventHouse(NO_FEES)
    house.open()
    opening = house.opening()
    against = {each.instrument.id: D(-60) * each.side.sign for each in opening.legs}
    against[FIRST.id] = D(-40)  # one leg's 40 are all that both can end
    for already, size in ((4_950, 40 + 54), (5_000, 40), (6_000, 40)):
        purse = FullPurse(open_usd=D(already), held=against)
        assert made(house, purse).legs[0].size == size


def test_a_minimum_notional_is_of_what_the_outcome_costs() -> None:
    """NO at 0.50 − whether YES is dear or cheap there is not what its buyer pays."""
    cheap_no = binary(KALSHI, min_notional=D(30))
    house = EventHouse(NO_FEES, second=cheap_no)
    house.quote(0, 0.60, 0.61)
    house.quote(1, 0.80, 0.81)  # 200 of NO for 40 dollars, and 100 for 20
    assert isinstance(planned(house), Plan)
    house.quote(0, 0.60, 0.61, size=100.0)
    house.quote(1, 0.80, 0.81, size=100.0)
    assert house.spread.consider(house.pair, T0) is None


def test_no_fewer_contracts_than_asked_for_are_opened() -> None:
    house = EventHouse(with_(NO_FEES, min_size=D(50)))
    house.open(size=50.0)
    assert house.opening().edge.size == 50
    house.open(size=49.0)
    assert house.spread.consider(house.pair, T0) is None


# Decisions


def test_an_edge_of_just_min_spread_is_an_opening_and_still_stands_at_sending() -> None:
    house = EventHouse(with_(NO_FEES, min_spread=D("0.1")))
    house.open()
    assert house.spread.gone(made(house), T0) is None
    dearer = EventHouse(with_(NO_FEES, min_spread=D("0.1001")))
    dearer.open()
    assert dearer.spread.consider(dearer.pair, T0) is None


def test_a_plan_is_asked_for_the_edge_of_its_own_size_before_sending() -> None:
    """One contract pays 2 cents of fee where many pay 1.75 each."""
    house = EventHouse(with_(capital_rate=D(0)), first=binary(POLYMARKET, min_size=D("0.01")))
    house.quote(0, 0.44, 0.455, size=1.0)
    house.quote(1, 0.50, 0.51, size=1.0)
    plan = made(house)
    assert house.spread.gone(plan, T0) is None
    house.quote(0, 0.44, 0.461, size=1_000.0)
    house.quote(1, 0.50, 0.51, size=1_000.0)
    assert house.spread.gone(plan, T0) == "EDGE: 0.019000 is below 0.02"
    assert house.spread.consider(house.pair, T0) is not None


def test_a_plan_of_the_other_polarity_has_no_pair_any_more() -> None:
    house = EventHouse()
    house.open()
    plan = made(house)
    house.spread.watch([pair(Polarity.COMPLEMENT)], simulated=False)
    assert house.spread.gone(plan, T0) == "PAIR: no longer approved"


def test_a_refusal_rests_the_pair_for_the_retry_time_alone() -> None:
    house = EventHouse()
    house.open()
    house.spread.note_refused(house.opening(), T0)
    assert house.spread.resting(PAIR, T0 + SETTINGS.retry_ns - 1)
    assert not house.spread.resting(PAIR, T0 + SETTINGS.retry_ns)


def closed_and_opened_again(house: EventHouse) -> Opening:
    house.quote(1, 0.40, 0.41)
    assert house.spread.consider(house.pair, T0) is None
    house.open()
    return house.opening()


def test_the_refusal_of_an_opening_that_came_back_is_told_again() -> None:
    house = EventHouse()
    house.open()
    assert house.spread.note_refused(house.opening(), T0)
    assert house.spread.note_refused(closed_and_opened_again(house), T0)


def test_a_refusal_after_a_trade_is_told_again() -> None:
    house = EventHouse()
    house.open()
    opening = house.opening()
    assert house.spread.note_refused(opening, T0)
    house.spread.note_traded(opening, T0)
    assert house.spread.note_refused(opening, T0)


def test_a_pair_that_was_suspended_meanwhile_begins_anew() -> None:
    house = EventHouse()
    house.open()
    assert house.spread.note_refused(house.opening(), T0)
    house.spread.watch([], simulated=False)
    house.spread.watch([house.pair], simulated=False)
    again = house.opening()
    assert again.new
    assert house.spread.note_refused(again, T0)


def test_openings_are_counted_by_the_day() -> None:
    house = EventHouse(NO_FEES)
    house.open()
    house.opening()
    tomorrow = T0 + NS_PER_DAY
    house.quote(0, 0.39, 0.40, at_ns=tomorrow)
    house.quote(1, 0.40, 0.41, at_ns=tomorrow)
    assert house.spread.consider(house.pair, tomorrow) is None
    house.open(at_ns=tomorrow)
    house.opening(at_ns=tomorrow)
    assert house.spread.openings_today(tomorrow) == 1


def test_both_ways_round_are_shown_the_better_first_though_none_pays() -> None:
    house = EventHouse(NO_FEES)
    house.quote(0, 0.50, 0.51)
    house.quote(1, 0.50, 0.53)
    better, worse = house.spread.ways(house.pair, T0)
    assert (better.legs[0].side, worse.legs[0].side) == (Side.BUY, Side.SELL)
    assert better.edge.per_contract == D("-0.01")
    assert worse.edge.per_contract == D("-0.03")


def test_a_signals_edge_is_a_part_of_what_its_buy_costs() -> None:
    house = EventHouse(NO_FEES)
    house.quote(0, 0.39, 0.40)
    house.quote(1, 0.60, 0.61)
    signal = house.spread.signal(house.opening(), T0)
    assert (signal.buy_price, signal.sell_price) == (D("0.4"), D("0.6"))
    assert signal.edge == D("0.5")


@pytest.mark.parametrize(
    ("age_ms", "confidence"), [(0, "0.545"), (1_000, "0.295"), (2_000, "0.045"), (9_000, "0.045")]
)
def test_confidence_is_of_the_older_quote_and_of_how_much_of_a_trade_is_shown(
    age_ms: int, confidence: str
) -> None:
    house = EventHouse(NO_FEES)
    house.open(size=100.0)  # 90 dollars of 1,000
    opening = house.opening()
    now = T0 + age_ms * 10**6
    house.quote(0, 0.39, 0.40, at_ns=now)
    assert house.spread.signal(opening, now).confidence == D(confidence)


def test_a_market_of_another_kind_than_binary_is_no_leg() -> None:
    linear = binary(KALSHI, kind=InstrumentKind.LINEAR)
    house = EventHouse(second=linear)
    assert house.troubles == ("fed-hold: FED-HOLD.KALSHI does not pay 1 or 0 a contract",)


def test_a_markets_own_fee_comes_before_its_venues() -> None:
    own = EventFee(rate=D("0.02"))
    settings = with_(market_fees={SECOND.id: own})
    assert settings.fee_of(KALSHI, SECOND.id) == own
    assert settings.fee_of(KALSHI, FIRST.id) == SETTINGS.fees[KALSHI]
    free_market = with_(market_fees={SECOND.id: EventFee()})
    assert free_market.fee_of(KALSHI, SECOND.id) == EventFee()

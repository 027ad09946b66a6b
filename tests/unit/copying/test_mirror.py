"""The order that leads to a target, and the prices it may have."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arbiter.copying.mirror import SETTLED, Touch, Waiting, Wanted, next_order
from arbiter.copying.settings import CopySettings, check_terms, check_wallet
from arbiter.copying.targets import Lot, Target
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Side
from tests.unit.copying.follower import market

SETTINGS = CopySettings(slippage=Decimal("0.1"), exit_slippage=Decimal("0.2"))
CENTS = replace(market("m", lot="1"), tick=Decimal("0.01"), min_size=Decimal(5))
PERP = replace(CENTS, kind=InstrumentKind.LINEAR)


def wanted(size: str, price: str) -> Target:
    """A target opened at one price of YES."""
    units = Decimal(size)
    return Target(market="m", size=units, lots=(Lot(abs(units), Decimal(price)),))


def step(
    target: Target,
    held: str = "0",
    bid: str | None = "0.39",
    ask: str | None = "0.41",
    *,
    cap: str = "1000",
    instrument: Instrument = CENTS,
) -> Wanted | Waiting:
    touch = Touch(None if bid is None else Decimal(bid), None if ask is None else Decimal(ask))
    return next_order(target, Decimal(held), instrument, touch, Decimal(cap), SETTINGS)


def test_an_entry_goes_to_the_leaders_price_and_the_slippage_allowed() -> None:
    assert step(wanted("100", "0.40")) == Wanted(
        side=Side.BUY,
        size=Decimal(100),
        limit=Decimal("0.44"),
        planned_price=Decimal("0.41"),
        exits=False,
    )


def test_an_entry_waits_while_the_market_is_beyond_the_leaders_price() -> None:
    found = step(wanted("100", "0.40"), bid="0.50", ask="0.52")
    assert found == Waiting("m.POLYMARKET shows 0.52 to buy, the leader's 0.4 allows 0.44")


def test_slippage_of_no_is_a_fraction_of_its_own_price() -> None:
    found = step(wanted("-100", "0.80"), bid="0.79", ask="0.81")
    assert isinstance(found, Wanted)
    assert (found.side, found.limit) == (Side.SELL, Decimal("0.78"))  # NO at 0.2 may cost 0.22
    assert isinstance(step(wanted("-100", "0.80"), bid="0.77", ask="0.81"), Waiting)


def test_a_short_perpetual_is_sold_no_lower_than_the_slippage_allows() -> None:
    found = step(wanted("-10", "100"), bid="95", ask="96", instrument=PERP, cap="100000")
    assert isinstance(found, Wanted)
    assert found.limit == 90


def test_an_exit_is_not_bound_to_the_leaders_price() -> None:
    found = step(wanted("40", "0.40"), held="100", bid="0.10", ask="0.12")
    assert found == Wanted(
        side=Side.SELL,
        size=Decimal(60),
        limit=Decimal("0.08"),
        planned_price=Decimal("0.10"),
        exits=True,
    )


def test_an_exit_from_no_buys_yes_back_through_the_touch() -> None:
    found = step(Target(market="m"), held="-50", bid="0.78", ask="0.80")
    assert isinstance(found, Wanted)
    assert (found.side, found.size, found.exits) == (Side.BUY, Decimal(50), True)
    assert found.limit == Decimal("0.84")  # NO at 0.2 may go for 0.16


def test_a_flip_leaves_first_and_enters_after() -> None:
    first = step(wanted("-20", "0.40"), held="30")
    assert isinstance(first, Wanted)
    assert (first.side, first.size, first.exits) == (Side.SELL, Decimal(30), True)


def test_one_order_costs_no_more_than_one_copy_may() -> None:
    found = step(wanted("1000", "0.40"), cap="44")
    assert isinstance(found, Wanted)
    assert found.size * found.limit <= 44
    assert found.size == 100


def test_one_order_of_no_costs_no_more_than_one_copy_may() -> None:
    found = step(wanted("-1000", "0.20"), bid="0.19", ask="0.21", cap="88")
    assert isinstance(found, Wanted)
    assert found.limit == Decimal("0.12")
    assert found.size * (1 - found.limit) <= 88
    assert found.size == 100


def test_less_than_a_lot_is_settled_and_less_than_the_smallest_order_waits() -> None:
    assert step(wanted("10.7", "0.40"), held="10") is SETTLED
    assert step(wanted("13", "0.40"), held="10") == Waiting("3 of m.POLYMARKET break its min_size")


def test_all_of_a_perpetual_is_closed_whatever_it_is_worth_and_a_part_is_not() -> None:
    dear = replace(PERP, min_size=ONE, min_notional=Decimal(10))
    whole = step(Target(market="m"), held="-7", bid="0.99", ask="1", instrument=dear)
    assert isinstance(whole, Wanted)
    assert (whole.side, whole.size, whole.exits) == (Side.BUY, Decimal(7), True)
    part = step(wanted("-1", "1"), held="-7", bid="0.99", ask="1", instrument=dear)
    assert part == Waiting("6 of m.POLYMARKET break its min_notional")


def test_nothing_is_ordered_without_a_price_on_the_side_that_is_needed() -> None:
    assert isinstance(step(wanted("100", "0.40"), ask=None), Waiting)
    assert isinstance(step(Target(market="m"), held="10", bid=None), Waiting)


@given(
    price=st.integers(2, 98),
    touch=st.integers(1, 99),
    size=st.integers(-500, 500).filter(bool),
    held=st.integers(-500, 500),
    cap=st.integers(1, 600),
)
def test_an_entry_never_pays_more_than_the_cap_and_a_step_never_goes_past_the_target(
    price: int, touch: int, size: int, held: int, cap: int
) -> None:
    yes, shown = Decimal(price) / 100, Decimal(touch) / 100
    target = Target(market="m", size=Decimal(size), lots=(Lot(Decimal(abs(size)), yes),))
    free = replace(CENTS, min_size=ZERO)
    found = next_order(target, Decimal(held), free, Touch(shown, shown), Decimal(cap), SETTINGS)
    if not isinstance(found, Wanted):
        return
    after = held + found.size * found.side.sign
    assert min(held, size) <= after <= max(held, size)
    assert not held > 0 > after
    assert not held < 0 < after
    assert ZERO < found.limit < ONE
    if not found.exits:
        ours, leaders = (found.limit, yes) if found.side is Side.BUY else (1 - found.limit, 1 - yes)
        assert ours <= leaders * (1 + SETTINGS.slippage)
        assert ours * found.size <= cap
        assert found.planned_price <= found.limit or found.side is Side.SELL


@pytest.mark.parametrize(
    ("venue", "multiplier", "cap"),
    [("kalshi", "1", "1"), ("polymarket", "0", "1"), ("polymarket", "1", "-5"), ("", "1", "1")],
)
def test_terms_that_cannot_be_followed_are_refused(venue: str, multiplier: str, cap: str) -> None:
    with pytest.raises(InvalidValue):
        check_terms(VenueId(venue), Decimal(multiplier), Decimal(cap))


def test_a_wallet_is_taken_in_any_case_and_anything_else_refused() -> None:
    assert check_wallet(" 0xAB" + "cd" * 19 + " ") == "0xab" + "cd" * 19
    for wrong in ("", "0x12", "ab" * 20, "0x" + "zz" * 20):
        with pytest.raises(InvalidValue):
            check_wallet(wrong)

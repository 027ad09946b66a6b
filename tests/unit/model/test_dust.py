"""Dust: what no order that the venue takes would make smaller."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arbiter.model.ids import VenueId
from tests.fakes.binaries import POLYMARKET
from tests.fakes.engine import spot_instrument
from tests.fakes.perpetuals import perpetual

BTC = replace(
    spot_instrument(VenueId("binance")),
    lot=Decimal("0.001"),
    min_size=Decimal("0.002"),
    min_notional=Decimal(5),
)


@pytest.mark.parametrize(
    ("quantity", "price", "dust"),
    [
        ("0.0009", "50000", True),  # below the lot
        ("0.0029", "50000", False),
        ("0.0019", "50000", True),  # a lot, and less than the least
        ("0.002", "2000", True),  # worth 4
        ("-0.0009", "50000", True),
        ("-0.01", "50000", False),
    ],
)
def test_a_leftover_is_dust_below_what_the_venue_takes(
    quantity: str, price: str, dust: bool
) -> None:
    assert BTC.is_dust(Decimal(quantity), Decimal(price)) is dust


@given(st.decimals("0.0001", 10_000, places=4), st.integers(1, 99))
def test_what_is_no_dust_can_be_ordered(size: Decimal, cents: int) -> None:
    price = Decimal(cents).scaleb(-2)
    takes = POLYMARKET.size_problem(POLYMARKET.floor_size(size), price) is None
    assert POLYMARKET.is_dust(-size, price) is not takes


def test_a_perpetual_may_be_closed_whatever_it_is_worth_but_not_below_its_least_size() -> None:
    perp = perpetual("hyperliquid", min_size=Decimal("0.002"), min_notional=Decimal(10))
    assert not perp.is_dust(Decimal("-0.002"), Decimal(100))
    assert perp.is_dust(Decimal("-0.0019"), Decimal(1_000_000))


def test_without_a_price_nothing_is_worth_too_little() -> None:
    assert not BTC.is_dust(Decimal("0.002"), None)
    assert BTC.is_dust(Decimal("0.0019"), None)

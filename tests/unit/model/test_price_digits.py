"""Prices of so many significant digits: five at Hyperliquid, whole numbers always."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.markets.assets import base_assets
from arbiter.markets.perpetual_settings import PerpetualSettings, perpetual_venue
from arbiter.markets.perpetuals import PerpetualMarket, list_perpetual
from arbiter.model.ids import VenueId
from arbiter.model.instruments import Instrument
from arbiter.simex.depth import DepthBook

HYPERLIQUID = perpetual_venue(VenueId("hyperliquid"))
BTC, ETH, _, SOL = (list_perpetual(asset, HYPERLIQUID) for asset in base_assets(4))
NOW = 1_700_000_000_000_000_000

prices = st.decimals("0.0001", "300000", allow_nan=False, places=9)


def allowed(price: Decimal, listed: Instrument) -> bool:
    """The venue's rule in its own words."""
    digits = price.normalize().as_tuple()
    assert isinstance(digits.exponent, int)
    places = max(-digits.exponent, 0)
    size_places = -listed.lot.normalize().adjusted()
    return places == 0 or (len(digits.digits) <= 5 and places <= 6 - size_places)


@pytest.mark.parametrize(
    ("listed", "price", "fine"),
    [
        (BTC, "43250", True),
        (BTC, "43250.1", False),
        (BTC, "123456", True),
        (BTC, "9999.1", True),
        (BTC, "999.91", False),
        (ETH, "2285.1", True),
        (ETH, "2285.12", False),
        (ETH, "123.45", True),
        (SOL, "98.512", True),
        (SOL, "8.5123", False),
    ],
)
def test_price_has_five_digits_and_the_places_the_size_leaves(
    listed: Instrument, price: str, fine: bool
) -> None:
    assert listed.on_tick(Decimal(price)) is fine
    assert allowed(Decimal(price), listed) is fine


@given(price=prices, listed=st.sampled_from([BTC, ETH, SOL]))
def test_rounded_prices_are_allowed_and_the_nearest_such(
    price: Decimal, listed: Instrument
) -> None:
    low, high = listed.floor_price(price), listed.ceil_price(price)
    assert low <= price <= high
    assert high - low <= listed.price_step(price)
    assert (low == high) == listed.on_tick(price)
    for rounded in (low, high):
        assert not rounded or (listed.on_tick(rounded) and allowed(rounded, listed))


def test_simulated_quotes_keep_the_rule_through_a_change_of_magnitude() -> None:
    settings = PerpetualSettings(symbols=60)
    market = PerpetualMarket(settings, np.random.default_rng(3), NOW, NOW)
    start = np.array([float(asset.price) for asset in base_assets(60)])
    for factor in (0.3, 0.99, 1.0, 2.4, 11.0):
        quotes = market.all_quotes(NOW, start * factor)
        for row, bid, ask in zip(quotes.rows, quotes.bid, quotes.ask, strict=True):
            listed = market.instruments[row]
            for price in (Decimal(repr(float(bid))), Decimal(repr(float(ask)))):
                assert listed.on_tick(price), (listed.id, price)
                assert listed.venue != HYPERLIQUID.venue or allowed(price, listed)
            assert bid < ask


def test_displayed_levels_keep_the_rule_too() -> None:
    book = DepthBook(ETH)
    book.quote(9_999.0, 9_999.4, 1.0, 1.0, NOW)
    for side in book.levels():
        told = [ticks * ETH.tick for ticks, _ in side]
        assert len(told) == 40
        assert all(allowed(price, ETH) for price in told)

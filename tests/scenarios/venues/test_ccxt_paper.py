"""Exchanges that Arbiter has no client of: named as ccxt names them, and followed on paper."""

from decimal import Decimal

import pytest

from arbiter.app.config import load
from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId
from arbiter.model.instruments import FeeCharge
from arbiter.runtime.clock import SystemClock
from arbiter.simex.settings import SimexSettings
from arbiter.venues.catalogue import SUPPORTED, connector, for_paper
from arbiter.venues.ccxt_pro.feed import CcxtFeed
from arbiter.venues.ccxt_pro.listing import CcxtListing, spot_instruments
from arbiter.venues.common.account import AccountWiring
from arbiter.venues.common.endpoints import Endpoints
from tests.scenarios.simex.conftest import serving

US = VenueId("binanceus")
TICKS, PLACES, DIGITS = 4, 2, 3


async def test_listing_of_an_unmodified_class_gives_rules_fees_and_prices() -> None:
    settings = SimexSettings(venues=("binance",), symbols=3, still=True)
    async with serving(settings) as served:
        line = served.lines["binance"]
        wiring = AccountWiring(
            venue=US,
            keys=None,
            clock=SystemClock(),
            endpoints=Endpoints(stream=line["ws"], rest=line["rest"]),
            symbols=("ETH/USDT", "ETH/USDT:PERP"),
        )
        lister = CcxtListing(wiring)
        try:
            (listed,) = await lister.instruments()
            prices = await lister.prices()
        finally:
            await lister.aclose()
        own = next(
            shown.instrument
            for shown in served.simex.servers["binance"].shown.values()
            if shown.instrument.symbol == "ETH/USDT"
        )
    rules = ("market_id", "symbol", "base", "quote", "tick", "lot", "min_notional")
    assert [getattr(listed, name) for name in rules] == [getattr(own, name) for name in rules]
    assert (listed.id, listed.venue) == ("ETHUSDT.BINANCEUS", US)
    assert listed.taker_fee > 0
    assert abs(prices[listed.id] - 2285) < 5


def market(**more: object) -> dict[str, object]:
    return {
        "id": "ETH_USDT",
        "base": "ETH",
        "quote": "USDT",
        "spot": True,
        "active": True,
        "precision": {"price": 0.01, "amount": 1e-05},
        "limits": {"amount": {"min": 0.001}, "cost": {"min": None}},
        "maker": None,
        "taker": 0.0009,
        "feeSide": "quote",
    } | more


def test_steps_are_ticks_or_decimal_places_and_never_significant_digits() -> None:
    (told,) = spot_instruments({"ETH/USDT": market()}, US, TICKS).values()
    assert (told.tick, told.lot, told.min_size) == (
        Decimal("0.01"),
        Decimal("0.00001"),
        Decimal("0.001"),
    )
    places = market(precision={"price": 2, "amount": 0})
    (told,) = spot_instruments({"ETH/USDT": places}, US, PLACES).values()
    assert (told.tick, told.lot) == (Decimal("0.01"), Decimal(1))
    assert not spot_instruments({"ETH/USDT": market()}, US, DIGITS)
    unknown = market(precision={"price": None, "amount": 1.0})
    assert not spot_instruments({"ETH/USDT": unknown}, US, TICKS)


def test_unknown_fee_is_taken_to_be_a_high_one() -> None:
    (told,) = spot_instruments({"ETH/USDT": market()}, US, TICKS).values()
    assert (told.maker_fee, told.taker_fee) == (Decimal("0.002"), Decimal("0.0009"))
    assert told.fee_charge is FeeCharge.QUOTE
    (told,) = spot_instruments({"ETH/USDT": market(feeSide="get")}, US, TICKS).values()
    assert told.fee_charge is FeeCharge.RECEIVED


def test_only_active_spot_markets_that_are_wanted_are_listed() -> None:
    rows = {
        "ETH/USDT": market(active=False),
        "ETH/USDT:USDT": market(spot=False),
        "SOL/USDT": market(base="SOL"),
    }
    assert not spot_instruments(rows, US, TICKS, ("ETH/USDT",))
    assert [i.symbol for i in spot_instruments(rows, US, TICKS).values()] == ["SOL/USDT"]


def test_a_fee_that_is_no_number_keeps_the_market_out() -> None:
    assert not spot_instruments({"ETH/USDT": market(taker=float("nan"))}, US, TICKS)


def test_names_of_the_catalogue_win_over_ccxts() -> None:
    for name in SUPPORTED:
        assert not for_paper(name)
        assert connector(VenueId(name)).quotes is not CcxtFeed
    assert connector(VenueId("gate")).quotes is CcxtFeed
    with pytest.raises(KeyError):
        connector(VenueId("nowhere"))


def settled(mode: str, venue: str) -> tuple[str, ...]:
    flags: dict[str, object] = {
        "engine.mode": mode,
        "venues.enabled": [venue],
        "venues.symbols": ["BTC/USDT"],
    }
    given = {path: ("flag", value) for path, value in flags.items()}
    return load(environment={}, flags=given, file=None).settings.venues.enabled


def test_live_refuses_what_only_paper_can_follow() -> None:
    assert settled("paper", "gate") == ("gate",)
    with pytest.raises(BadConfig, match=r"gate can be followed in mode paper alone"):
        settled("live", "gate")
    with pytest.raises(BadConfig, match=r"'gat' is not supported"):
        settled("paper", "gat")

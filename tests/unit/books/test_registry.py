"""Names of instruments are looked up, never taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arbiter.books.registry import MarketRegistry
from arbiter.model.errors import InvalidValue, NotFound, UnknownSymbol
from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from tests.unit.books.listings import BINANCE, BTC, BYBIT, KRAKEN, OKX, perpetual, spot

FUTURES = VenueId("binance_futures")
BTC_PERP = Symbol("BTC/USDT:USDT")

BTC_BINANCE = spot(BINANCE)
BTC_OKX = spot(OKX, market_id="BTC-USDT")
BTC_KRAKEN = spot(KRAKEN, market_id="XBT/USDT")
PERP = perpetual(FUTURES)


@pytest.fixture
def registry() -> MarketRegistry:
    return MarketRegistry(
        [BTC_BINANCE, spot(BINANCE, "ETH"), BTC_OKX, BTC_KRAKEN, PERP, spot(OKX, "ETH")]
    )


@pytest.mark.parametrize(
    "name",
    ["BTCUSDT", "BTC/USDT", "BTC-USDT", "BTC_USDT", "btcusdt", " BTCUSDT ", "XBT/USDT"],
)
def test_every_spelling_names_one_symbol(registry: MarketRegistry, name: str) -> None:
    assert registry.resolve_symbol(name) == BTC
    assert registry.resolve(name) == (BTC_BINANCE, BTC_OKX, BTC_KRAKEN)


@pytest.mark.parametrize(
    "name", ["BTCUSDT", "BTC/USDT", "BTC-USDT", "btc_usdt", "BTCUSDT.KRAKEN", "XBT/USDT"]
)
def test_every_spelling_names_one_instrument_of_a_venue(
    registry: MarketRegistry, name: str
) -> None:
    assert registry.resolve(name, KRAKEN) is BTC_KRAKEN


@pytest.mark.parametrize(
    "name", ["BTCUSDT.KRAKEN", "btc/usdt.kraken", "BTC-USDT.Kraken", "XBT/USDT.KRAKEN"]
)
def test_a_name_may_carry_its_venue(registry: MarketRegistry, name: str) -> None:
    assert registry.resolve(name) is BTC_KRAKEN
    assert registry.resolve_symbol(name) == BTC


def test_a_name_with_one_venue_does_not_resolve_on_another(registry: MarketRegistry) -> None:
    with pytest.raises(InvalidValue, match="listed on kraken, not on okx"):
        registry.resolve("BTCUSDT.KRAKEN", OKX)


def test_a_perpetual_is_found_by_its_own_names_and_never_by_the_spot_pairs(
    registry: MarketRegistry,
) -> None:
    assert registry.resolve_symbol("BTCUSDT") == BTC
    for name in ("BTCUSDT-PERP", "BTC/USDT:USDT", "BTCUSDT-PERP.BINANCE_FUTURES"):
        assert registry.resolve_symbol(name) == BTC_PERP
    assert registry.resolve("BTCUSDT-PERP.BINANCE_FUTURES") is PERP


def test_on_its_own_venue_a_perpetual_goes_by_the_market_id(registry: MarketRegistry) -> None:
    assert registry.resolve("BTCUSDT", FUTURES) is PERP


def test_where_spot_and_perpetual_share_a_market_id_the_pair_means_spot() -> None:
    pair, perp = spot(BYBIT), perpetual(BYBIT)
    registry = MarketRegistry([perp, pair])
    assert registry.resolve("BTCUSDT", BYBIT) is pair
    assert registry.resolve("BTCUSDT-PERP", BYBIT) is perp


@pytest.mark.parametrize(
    ("base", "quote", "name"),
    [
        ("1000SHIB", "USDT", "1000SHIBUSDT"),
        ("BTCUSDT", "USDC", "BTCUSDTUSDC"),
        ("USDC", "USDT", "USDCUSDT"),
        ("USDUSDT", "USD", "USDUSDTUSD"),
        ("USD", "T", "USDT"),
        ("BNB", "TRY", "BNBTRY"),
        ("WBTC", "BTC", "WBTCBTC"),
        ("DOWN", "BUSD", "DOWNBUSD"),
    ],
)
def test_names_that_cutting_off_a_quote_would_get_wrong(base: str, quote: str, name: str) -> None:
    instrument = spot(BINANCE, base, quote)
    registry = MarketRegistry([spot(BINANCE), spot(BINANCE, "SHIB"), instrument])
    assert registry.resolve(name, BINANCE) is instrument
    assert registry.compact_name(instrument.symbol) == name
    assert (instrument.base, instrument.quote) == (Asset(base), Asset(quote))


def test_two_symbols_with_one_compact_name_are_told_apart_or_refused() -> None:
    left = spot(BINANCE, "BTCUSD", "T")
    right = spot(OKX, "BTC", "USDT")
    registry = MarketRegistry([left, right])
    with pytest.raises(InvalidValue, match="BTCUSD/T or BTC/USDT"):
        registry.resolve_symbol("BTCUSDT")
    assert registry.resolve("BTCUSD/T") == (left,)
    assert registry.resolve("BTCUSDT", BINANCE) is left
    assert registry.resolve("BTCUSDT", OKX) is right
    assert registry.compact_name(left.symbol) == "BTCUSD/T"
    assert registry.compact_name(right.symbol) == "BTC/USDT"


def test_one_market_id_for_two_symbols_asks_which() -> None:
    registry = MarketRegistry(
        [spot(BINANCE, "LUNA", market_id="LUNA1"), spot(OKX, "LUNC", market_id="LUNA1")]
    )
    with pytest.raises(InvalidValue, match="LUNA/USDT or LUNC/USDT"):
        registry.resolve_symbol("LUNA1")
    found = registry.resolve("LUNA1", OKX)
    assert isinstance(found, Instrument)
    assert found.base == "LUNC"


def test_an_unknown_name_suggests_the_nearest(registry: MarketRegistry) -> None:
    with pytest.raises(UnknownSymbol) as refused:
        registry.resolve_symbol("BTCUSTD")
    assert refused.value.suggestions[0] == "BTCUSDT"
    assert "did you mean BTCUSDT" in str(refused.value)


def test_a_symbol_that_a_venue_does_not_list_is_unknown_there(registry: MarketRegistry) -> None:
    with pytest.raises(UnknownSymbol):
        registry.resolve("ETHUSDT", KRAKEN)


def test_unknown_ids_and_venues_are_not_found(registry: MarketRegistry) -> None:
    with pytest.raises(NotFound, match="DOGEUSDT"):
        registry.by_id(InstrumentId("DOGEUSDT.OKX"))
    with pytest.raises(NotFound, match="binance, okx, kraken"):
        registry.resolve("BTCUSDT", VenueId("mtgox"))
    assert registry.find(KRAKEN, Symbol("ETH/USDT")) is None
    assert registry.find(OKX, Symbol("ETH/USDT")) == spot(OKX, "ETH")


def test_a_symbol_listed_twice_on_one_venue_is_refused() -> None:
    twin = spot(BINANCE, market_id="BTCUSDT2")
    with pytest.raises(InvalidValue, match="two instruments"):
        MarketRegistry([BTC_BINANCE, twin])


def test_slots_put_the_venues_of_a_symbol_side_by_side(registry: MarketRegistry) -> None:
    assert registry.venues == (BINANCE, OKX, KRAKEN, FUTURES)
    assert registry.symbols == (BTC, Symbol("ETH/USDT"), BTC_PERP)
    assert registry.n_slots == 12
    assert registry.slot(BTC_KRAKEN.id) == 2
    assert registry.slot(PERP.id) == 11
    assert registry.instrument_at(2) is BTC_KRAKEN
    assert registry.instrument_at(3) is None
    assert registry.instrument_at(-1) is None


def test_an_empty_registry_knows_nothing() -> None:
    registry = MarketRegistry([])
    assert registry.n_slots == 0
    with pytest.raises(UnknownSymbol):
        registry.resolve("BTCUSDT")


ASSETS = st.text(alphabet="ABTUSDC1", min_size=1, max_size=5)


@given(pairs=st.lists(st.tuples(ASSETS, ASSETS), unique=True, min_size=1, max_size=8))
def test_every_listing_is_found_by_its_symbol_id_and_display_name(
    pairs: list[tuple[str, str]],
) -> None:
    listings = [
        spot(venue, base, quote, market_id=f"{base}-{quote}")
        for base, quote in pairs
        for venue in (BINANCE, OKX)
    ]
    unique = {listing.id: listing for listing in listings}
    registry = MarketRegistry(unique.values())
    for instrument in unique.values():
        assert registry.resolve(instrument.id) is instrument
        assert registry.resolve(instrument.symbol, instrument.venue) is instrument
        shown = registry.compact_name(instrument.symbol)
        assert registry.resolve_symbol(shown) == instrument.symbol
        assert registry.instrument_at(registry.slot(instrument.id)) is instrument


# Markets that are listed while the run goes on.


def event(name: str, venue: VenueId = KRAKEN) -> Instrument:
    return replace(
        perpetual(venue),
        id=InstrumentId(f"{name}.{venue.upper()}"),
        symbol=Symbol(f"{name}/USD:EVENT"),
        market_id=f"0x{name.lower()}",
        kind=InstrumentKind.BINARY,
        base=Asset(name),
    )


def test_market_admitted_later_goes_by_its_names_and_moves_no_slot() -> None:
    listed = [BTC_BINANCE, BTC_KRAKEN, PERP]
    registry = MarketRegistry(listed, room=2)
    before = {i.id: registry.slot(i.id) for i in listed}
    late = event("FED-HOLD")
    registry.admit([late])
    assert {i.id: registry.slot(i.id) for i in listed} == before
    assert registry.instruments == (*listed, late)
    assert registry.by_id(late.id) is late
    assert registry.resolve("fed-hold.kraken") is late
    assert registry.resolve("0xfed-hold", KRAKEN) is late
    slot = registry.slot(late.id)
    assert registry.instrument_at(slot) is late
    assert slot not in before.values()
    assert slot < registry.n_slots
    assert registry.compact_name(late.symbol) == "FED-HOLDUSD:EVENT"
    assert registry.room == 1


def test_symbol_known_on_one_venue_takes_no_more_room_on_another() -> None:
    registry = MarketRegistry([BTC_KRAKEN, BTC_OKX], room=1)
    registry.admit([event("FED-HOLD")])
    assert registry.room == 0
    registry.admit([event("FED-HOLD", OKX)])
    assert [i.venue for i in registry.listings(Symbol("FED-HOLD/USD:EVENT"))] == [KRAKEN, OKX]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ([event("A"), event("B")], "room for 1"),
        ([event("A"), event("A")], "twice"),
        ([event("A"), replace(event("A"), id=InstrumentId("B.KRAKEN"))], "twice"),
        ([event("A"), BTC_KRAKEN], "spot pairs"),
        ([event("A"), PERP], "no venue"),
        ([event("A"), event("KNOWN")], "two instruments"),
    ],
)
def test_nothing_is_admitted_where_one_cannot_be(asked: list[Instrument], why: str) -> None:
    registry = MarketRegistry([BTC_KRAKEN, event("KNOWN")], room=1)
    with pytest.raises(InvalidValue, match=why):
        registry.admit(asked)
    assert len(registry.instruments) == 2
    assert registry.room == 1


def test_listing_at_once_and_one_after_the_other_give_the_same_names() -> None:
    markets = [BTC_KRAKEN, event("FED-HOLD"), event("FED-HOLD", OKX), event("FED"), BTC_OKX]
    whole = MarketRegistry([m for m in markets if m.kind is InstrumentKind.SPOT], room=9)
    for market in markets:
        if market.kind is not InstrumentKind.SPOT:
            whole.admit([market])
    at_once = MarketRegistry(sorted(markets, key=lambda m: m.kind is not InstrumentKind.SPOT))
    for market in markets:
        assert whole.listings(market.symbol) == at_once.listings(market.symbol)
        assert whole.compact_name(market.symbol) == at_once.compact_name(market.symbol)
        assert whole.resolve(market.market_id, market.venue) is market

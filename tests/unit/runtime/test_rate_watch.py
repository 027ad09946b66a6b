"""A dollar token is worth what its markets say; one that fell silent is worth nothing certain."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.model.events import AlertRaised
from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.time import NS_PER_S
from arbiter.risk.rates import USD, UsdRates, UsdRateSettings
from arbiter.runtime.rate_watch import RateWatch
from tests.fakes.engine import Desk, spot_instrument

BINANCE, BYBIT, KRAKEN = VenueId("binance"), VenueId("bybit"), VenueId("kraken")
USDT, USDC, FDUSD = Asset("USDT"), Asset("USDC"), Asset("FDUSD")
DOLLARS = (USD, USDT, USDC, FDUSD)
D = Decimal


def listed(base: Asset, quote: Asset, venue: VenueId = BINANCE, **changes: object) -> Instrument:
    fields: dict[str, object] = {
        "id": InstrumentId(f"{base}{quote}.{venue.upper()}"),
        "market_id": f"{base}{quote}",
        "symbol": Symbol(f"{base}/{quote}"),
        "quote": quote,
        "settle": quote,
    }
    return spot_instrument(venue, base, **(fields | changes))


class Watched:
    """A desk with the markets of a test, and the watch over them."""

    def __init__(self, *instruments: Instrument, words: dict[Asset, Decimal] | None = None) -> None:
        self.rates = UsdRates(UsdRateSettings(words=words or {}))
        self.desk = Desk(instruments=instruments, rates=self.rates)
        self.watch = RateWatch(self.desk.core, self.rates)

    @property
    def now_ns(self) -> int:
        return self.desk.clock.now_ns()

    def look(self, after_s: int = 0) -> None:
        self.desk.clock.advance(after_s * NS_PER_S)
        self.watch.look(self.now_ns)

    def rate(self, currency: Asset) -> Decimal | None:
        return self.rates.at(currency, self.now_ns)

    def alerts(self) -> list[tuple[str, str]]:
        return [
            (event.code, event.text)
            for event in self.desk.journal.events
            if isinstance(event, AlertRaised) and event.code.startswith("RATE")
        ]


def test_without_a_market_between_dollars_the_words_stand_and_nothing_is_watched() -> None:
    world = Watched(spot_instrument(BINANCE), spot_instrument(BYBIT), words={USDC: D("0.97")})
    assert world.watch.idle
    world.look(1_000)
    assert world.rate(USDC) == D("0.97")
    assert world.rate(USDT) == 1
    assert world.alerts() == []


def test_mid_of_a_market_is_the_rate_with_its_source_and_the_time_of_the_quote() -> None:
    world = Watched(listed(USDC, USDT))
    world.desk.quote("USDCUSDT.BINANCE", 0.9499, 0.9501)
    quoted_ns = world.now_ns
    world.look(1)
    rate = world.rates.rate(USDC, world.now_ns)
    assert rate is not None
    assert (rate.usd, rate.source, rate.as_of_ns) == (
        D("0.95"),
        "USDC/USDT mid at binance",
        quoted_ns,
    )
    assert world.rate(USDT) == 1, "nothing here says otherwise"


def test_market_listed_the_other_way_round_says_the_same() -> None:
    world = Watched(listed(USDT, USDC))
    world.desk.quote("USDTUSDC.BINANCE", 1.2499, 1.2501)
    world.look()
    assert world.rate(USDC) == D("0.8")
    assert world.rate(USDT) == 1


def test_tether_itself_is_worth_what_it_fetches_in_dollars_and_all_that_hangs_on_it_follows() -> (
    None
):
    world = Watched(listed(USDT, USD, KRAKEN), listed(USDC, USDT), listed(FDUSD, USDC))
    world.desk.quote("USDTUSD.KRAKEN", 0.8999, 0.9001)
    tether_ns = world.now_ns
    world.desk.clock.advance(5 * NS_PER_S)
    world.desk.quote("USDCUSDT.BINANCE", 1.0999, 1.1001)
    world.desk.quote("FDUSDUSDC.BINANCE", 0.9999, 1.0001)
    world.look()
    assert (world.rate(USDT), world.rate(USDC), world.rate(FDUSD)) == (
        D("0.9"),
        D("0.99"),
        D("0.99"),
    )
    rate = world.rates.rate(FDUSD, world.now_ns)
    assert rate is not None
    assert rate.as_of_ns == tether_ns, "as old as the oldest quote it rests on"


def test_one_venue_with_a_wrong_quote_changes_nothing_among_three() -> None:
    world = Watched(*(listed(USDC, USDT, venue) for venue in (BINANCE, BYBIT, KRAKEN)))
    world.desk.quote("USDCUSDT.BINANCE", 0.4999, 0.5001)
    world.desk.quote("USDCUSDT.BYBIT", 0.9989, 0.9991)
    world.desk.quote("USDCUSDT.KRAKEN", 0.9979, 0.9981)
    world.look()
    assert world.rate(USDC) == D("0.998")


def test_of_two_markets_that_disagree_the_dearer_counts_so_that_limits_are_tighter() -> None:
    world = Watched(listed(USDC, USDT), listed(USDC, USDT, BYBIT))
    world.desk.quote("USDCUSDT.BINANCE", 0.4999, 0.5001)
    world.desk.quote("USDCUSDT.BYBIT", 0.9989, 0.9991)
    world.look()
    assert world.rate(USDC) == D("0.999")


@pytest.mark.parametrize(
    ("bid", "ask", "bid_size", "ask_size"),
    [(0.5, 1.5, 5, 5), (0.999, 1.001, 0, 5), (0.999, 1.001, 5, 0)],
)
def test_market_that_is_wide_or_one_sided_says_nothing(
    bid: float, ask: float, bid_size: float, ask_size: float
) -> None:
    world = Watched(listed(USDC, USDT))
    world.desk.quote("USDCUSDT.BINANCE", bid, ask, bid_size, ask_size)
    world.look()
    assert world.rate(USDC) is None


def test_perpetual_or_a_token_named_like_a_dollar_is_no_market_of_dollars() -> None:
    perpetual = listed(USDC, USDT, kind=InstrumentKind.LINEAR)
    look_alike = listed(Asset("AUSDC"), USDT, BYBIT, market_id="USDCUSDT")
    assert Watched(perpetual, look_alike).watch.idle


def test_lost_venue_leaves_the_rate_to_age_until_it_is_none_and_is_told_once() -> None:
    world = Watched(listed(USDC, USDT))
    world.desk.quote("USDCUSDT.BINANCE", 0.9499, 0.9501)
    world.look()
    world.desk.core.on_venue_health(BINANCE, connected=False, reason="gone")
    world.look(60)
    assert world.rate(USDC) == D("0.95")
    assert world.alerts() == []
    for _ in range(5):
        world.look(1)
    assert world.rate(USDC) is None
    assert world.rate(USDT) == 1
    ((code, text),) = world.alerts()
    assert code == "RATE_STALE"
    assert text.startswith("USDC has no fresh USD rate (USDC/USDT mid at binance): nothing is")
    world.desk.core.on_venue_health(BINANCE, connected=True, reason="")
    world.desk.quote("USDCUSDT.BINANCE", 0.9599, 0.9601)
    world.look(1)
    assert world.rate(USDC) == D("0.96")
    assert [code for code, _ in world.alerts()] == ["RATE_STALE", "RATE_BACK"]


def test_market_that_never_speaks_is_told_of_only_after_its_time() -> None:
    world = Watched(listed(USDC, USDT))
    world.look()
    world.look(60)
    assert world.rate(USDC) is None
    assert world.alerts() == []
    world.look(1)
    assert [code for code, _ in world.alerts()] == ["RATE_STALE"]


def test_another_venue_takes_over_when_one_falls_silent() -> None:
    world = Watched(listed(USDC, USDT), listed(USDC, USD, KRAKEN))
    world.desk.quote("USDCUSDT.BINANCE", 0.9989, 0.9991)
    world.look()
    world.desk.clock.advance(50 * NS_PER_S)
    world.desk.quote("USDCUSD.KRAKEN", 0.9899, 0.9901)
    world.look(20)
    assert world.rate(USDC) == D("0.99")
    assert world.alerts() == []


pairs = st.permutations(DOLLARS).map(lambda order: (order[0], order[1]))


@given(
    markets=st.lists(st.tuples(pairs, st.floats(0.5, 2.0)), min_size=1, max_size=8),
    silent=st.booleans(),
)
def test_no_set_of_markets_values_two_currencies_by_each_other(
    markets: list[tuple[tuple[Asset, Asset], float]], silent: bool
) -> None:
    by_pair = dict(markets)
    world = Watched(*(listed(base, quote) for base, quote in by_pair))
    for (base, quote), price in by_pair.items():
        world.desk.quote(f"{base}{quote}.BINANCE", price, price * 1.001)
    world.look()
    before = [world.rate(currency) for currency in DOLLARS]
    assert before[0] == 1
    assert all(rate is not None and rate > 0 for rate in before)
    for _ in range(3):
        world.look(1)
    assert [world.rate(currency) for currency in DOLLARS] == before, "nothing feeds on itself"
    if silent:
        world.look(61)
        told = {currency for pair in by_pair for currency in pair} - {USD}
        stale = {currency for currency in told if world.rate(currency) is None}
        assert stale, "what a market told is gone with it"

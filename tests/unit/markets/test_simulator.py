"""The market simulator: quotes a venue could really show, and enough happening in them."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.markets.settings import DislocationSettings, MarketSettings, PathSettings
from arbiter.markets.simulator import MarketSimulator, QuoteBatch
from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId
from arbiter.model.money import floor_to, from_float
from arbiter.model.time import NS_PER_MS, NS_PER_S

START_NS = 1_800_000_000 * NS_PER_S


def simulator(settings: MarketSettings) -> MarketSimulator:
    return MarketSimulator(settings, np.random.default_rng(settings.seed))


def run(market: MarketSimulator, steps: int, step_ms: int = 10) -> list[QuoteBatch]:
    market.step(START_NS)
    return [market.step(START_NS + n * step_ms * NS_PER_MS) for n in range(1, steps + 1)]


@given(
    seed=st.integers(0, 2**32),
    symbols=st.integers(1, 170),
    largest=st.sampled_from([0.02, 0.5]),
)
def test_quotes_are_never_crossed_and_lie_on_tick_and_lot(
    seed: int, symbols: int, largest: float
) -> None:
    settings = MarketSettings(
        seed=seed,
        symbols=symbols,
        dislocations=DislocationSettings(per_minute=20_000.0, largest=largest),
    )
    market = simulator(settings)
    run(market, 3, step_ms=900)
    batch = market.all_quotes(START_NS + 5 * NS_PER_S)
    assert (batch.bid < batch.ask).all()
    for row, instrument in enumerate(market.instruments):
        bid, ask = from_float(batch.bid[row]), from_float(batch.ask[row])
        assert bid > 0
        assert floor_to(bid, instrument.tick) == bid
        assert floor_to(ask, instrument.tick) == ask
        for size in (from_float(batch.bid_size[row]), from_float(batch.ask_size[row])):
            assert size > 0
            assert floor_to(size, instrument.lot) == size


def test_same_seed_shows_the_same_market() -> None:
    first, again, other = (
        run(simulator(MarketSettings(seed=seed, symbols=5)), 50) for seed in (3, 3, 4)
    )
    assert all(np.array_equal(a.bid, b.bid) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a.bid, b.bid) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize(("rate", "symbols"), [(2_000.0, 50), (50_000.0, 150), (3.0, 2)])
def test_rate_of_quotes_is_the_setting(rate: float, symbols: int) -> None:
    market = simulator(MarketSettings(quotes_per_second=rate, symbols=symbols))
    quotes = sum(len(batch) for batch in run(market, 200))
    assert quotes == pytest.approx(rate * 2.0, abs=1)


def test_every_instrument_is_quoted_in_turn() -> None:
    market = simulator(MarketSettings(symbols=10, quotes_per_second=2_000.0))
    seen = np.concatenate([batch.rows for batch in run(market, 40)])
    assert np.bincount(seen, minlength=40).tolist() == [20] * 40


def test_a_batch_never_names_an_instrument_twice_even_after_a_pause() -> None:
    market = simulator(MarketSettings(symbols=2, quotes_per_second=50_000.0))
    market.step(START_NS)
    batch = market.step(START_NS + 3_600 * NS_PER_S)
    assert len(set(batch.rows.tolist())) == len(batch) == 8


def test_venues_agree_but_for_dislocations() -> None:
    calm = MarketSettings(dislocations=DislocationSettings(per_minute=0.0))
    market = simulator(calm)
    run(market, 500)
    batch = market.all_quotes(START_NS + 6 * NS_PER_S)
    bids = batch.bid.reshape(-1, 4).max(axis=1)
    asks = batch.ask.reshape(-1, 4).min(axis=1)
    assert (bids / asks - 1.0).max() < 0.003


def test_dislocation_stands_and_comes_back() -> None:
    wild = DislocationSettings(
        per_minute=60_000.0,
        smallest=0.02,
        largest=0.02,
        hold_ms_shortest=500.0,
        hold_ms_longest=500.0,
        decay_ms=100.0,
    )
    still = PathSettings(market_volatility=0.0, own_volatility=0.0, trend_share=0.0)
    market = simulator(MarketSettings(symbols=1, noise_bps=0.0, path=still, dislocations=wild))
    market.step(START_NS)
    start = market.step(START_NS + 10 * NS_PER_MS)
    assert market.dislocations_started > 0
    market.stop_dislocations()
    widest = start.ask.max() / start.bid.min() - 1.0
    assert widest > 0.015
    during = market.all_quotes(START_NS + 400 * NS_PER_MS)
    assert during.ask.max() / during.bid.min() - 1.0 > 0.015
    after = market.all_quotes(START_NS + 1_390 * NS_PER_MS)
    assert after.ask.max() / after.bid.min() - 1.0 < 0.005


def test_trend_filter_finds_about_half_of_the_market_moving() -> None:
    """Mean of the newer against the older 15 of 30 one-second mids, beyond 0.1 %."""
    market = simulator(MarketSettings(quotes_per_second=1.0))
    prices = []
    for second in range(400):
        batch = market.all_quotes(START_NS + second * NS_PER_S)
        prices.append((batch.bid + batch.ask) / 2.0)
    moving = []
    for first in range(len(prices) - 30):
        window = np.array(prices[first : first + 30])
        change = window[15:].mean(axis=0) / window[:15].mean(axis=0) - 1.0
        moving.append((np.abs(change) > 0.001).mean())
    assert 0.3 < np.mean(moving) < 0.8


def test_prices_stay_near_their_start_over_hours() -> None:
    market = simulator(MarketSettings(symbols=20, quotes_per_second=1.0))
    for second in range(6 * 3_600):
        market.advance(START_NS + second * NS_PER_S)
    assert np.abs(market.offsets()).max() < 0.25


def test_restart_goes_on_from_the_stored_prices() -> None:
    market = simulator(MarketSettings(symbols=3))
    run(market, 500)
    again = simulator(MarketSettings(seed=99, symbols=4))
    again.resume(market.offsets())
    assert again.offsets() == [*market.offsets(), 0.0]
    assert again.mid(0) == market.mid(0)


def test_markets_carry_the_names_of_their_venues() -> None:
    market = simulator(MarketSettings(symbols=2))
    names = [(i.id, i.market_id) for i in market.instruments[:4]]
    assert names == [
        ("BTCUSDT.BINANCE", "BTCUSDT"),
        ("BTCUSDT.BYBIT", "BTCUSDT"),
        ("BTCUSDT.OKX", "BTC-USDT"),
        ("BTCUSDT.KRAKEN", "XBT/USDT"),
    ]
    assert market.instruments[4].symbol == "ETH/USDT"


def test_any_number_of_symbols_has_distinct_names_and_prices_that_fit_their_ticks() -> None:
    market = simulator(MarketSettings(symbols=700, venues=(VenueId("binance"),)))
    assert len({i.id for i in market.instruments}) == 700
    for row, instrument in enumerate(market.instruments):
        assert market.mid(row) / instrument.tick >= 10_000
        assert Decimal("0.04") < market.mid(row) * instrument.lot < Decimal("0.6")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"symbols": 0}, "sim.markets.symbols must lie in 1..2000, got 0"),
        ({"quotes_per_second": 60_000.0}, "sim.markets.quotes_per_second must lie in 1..50000"),
        ({"venues": ()}, "sim.markets.venues: at least one venue"),
        ({"venues": ("binance", "binance")}, "named twice"),
        ({"venues": ("nowhere",)}, "'nowhere' is not simulated; there are binance, bybit"),
        ({"depth_usd": float("nan")}, "sim.markets.depth_usd must lie in"),
    ],
)
def test_setting_out_of_range_is_refused_by_name(settings: dict[str, object], message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        MarketSettings(**settings)  # type: ignore[arg-type]


def test_dislocations_come_at_their_rate_and_more_often_after_a_start() -> None:
    settings = DislocationSettings(per_minute=600.0, opening_seconds=30.0, opening_factor=3.0)
    market = simulator(MarketSettings(symbols=5, dislocations=settings))
    counts = []
    for second in range(91):
        market.advance(START_NS + second * NS_PER_S)
        counts.append(market.dislocations_started)
    assert 750 < counts[30] < 1_050
    assert 500 < counts[90] - counts[30] < 700

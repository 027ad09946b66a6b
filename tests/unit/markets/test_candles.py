"""The back-filled day."""

import numpy as np

from arbiter.markets.assets import base_assets
from arbiter.markets.candles import backfill, to_candles
from arbiter.markets.settings import MarketSettings
from arbiter.model.ids import InstrumentId
from arbiter.model.time import NS_PER_MINUTE

SETTINGS = MarketSettings(symbols=6)


def test_day_ends_at_the_starting_price_on_every_venue() -> None:
    rows = backfill(SETTINGS, np.random.default_rng(1))
    assert rows.shape == (24, 1_440, 5)
    start = np.repeat([float(asset.price) for asset in base_assets(6)], 4)
    np.testing.assert_allclose(rows[:, -1, 3], start, rtol=1e-12)


def test_candles_hang_together() -> None:
    opened, high, low, close, volume = np.moveaxis(
        backfill(SETTINGS, np.random.default_rng(1), minutes=200), 2, 0
    )
    assert (low > 0).all()
    assert (low <= np.minimum(opened, close)).all()
    assert (high >= np.maximum(opened, close)).all()
    assert (volume > 0).all()
    np.testing.assert_array_equal(opened[:, 1:], close[:, :-1])


def test_same_seed_gives_the_same_day() -> None:
    first, again = (backfill(SETTINGS, np.random.default_rng(5), minutes=30) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_last_candle_is_the_last_whole_minute_before_the_end() -> None:
    rows = backfill(SETTINGS, np.random.default_rng(1), minutes=3)
    end_ns = 1_000 * NS_PER_MINUTE + 17
    candles = to_candles(InstrumentId("BTCUSDT.BINANCE"), rows[0], end_ns)
    assert [c.open_ns // NS_PER_MINUTE for c in candles] == [997, 998, 999]
    assert candles[-1].close == rows[0, -1, 3]

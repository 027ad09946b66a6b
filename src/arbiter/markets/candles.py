"""Back-filled one-minute candles that end at the starting prices.

They follow the same paths as the live market, in steps of seconds, shifted so that the last close
is the price the live path starts from. The same seed gives the same day.
"""

import numpy as np

from arbiter.markets.assets import base_assets
from arbiter.markets.grid import Floats
from arbiter.markets.paths import MidPaths
from arbiter.markets.profiles import profile_of
from arbiter.markets.settings import MarketSettings
from arbiter.model.ids import InstrumentId
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_MINUTE

MINUTES_PER_DAY = 1_440
_FINE = 6
"""Points within a minute from which high and low are taken."""

COLUMNS = ("open", "high", "low", "close", "volume")


def backfill(
    settings: MarketSettings, rng: np.random.Generator, minutes: int = MINUTES_PER_DAY
) -> Floats:
    """Make candles `[n_instruments, minutes, 5]`; instruments as listed, columns as `COLUMNS`.

    Prices in quote per base, volume in base units.
    """
    assets = base_assets(settings.symbols)
    start = np.array([float(asset.price) for asset in assets])
    points = _mids(settings, rng, np.array([asset.volatility for asset in assets]), minutes)
    n_venues = len(settings.venues)
    mids = np.repeat(start[:, None] * np.exp(points), n_venues, axis=0)
    size = np.tile([profile_of(v).basis_bps * 1e-4 for v in settings.venues], len(assets))
    mids[:, :-1] *= np.exp(rng.standard_normal(mids[:, :-1].shape) * size[:, None])
    shape = (len(mids), minutes, _FINE)
    within = mids[:, 1:].reshape(shape)
    close = within[:, :, -1]
    opened = np.concatenate([mids[:, :1], close[:, :-1]], axis=1)
    high = np.maximum(within.max(axis=2), opened)
    low = np.minimum(within.min(axis=2), opened)
    turnover = settings.depth_usd * 40.0 * rng.lognormal(0.0, 0.6, close.shape)
    return np.stack([opened, high, low, close, turnover / close], axis=2)


def to_candles(instrument: InstrumentId, rows: Floats, end_ns: int) -> list[Candle]:
    """Turn one instrument's `[minutes, 5]` into records; the last ends at the minute of `end_ns`."""
    last_open = end_ns - end_ns % NS_PER_MINUTE - NS_PER_MINUTE
    first_open = last_open - (len(rows) - 1) * NS_PER_MINUTE
    return [
        Candle(
            instrument=instrument,
            interval_ns=NS_PER_MINUTE,
            open_ns=first_open + number * NS_PER_MINUTE,
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=volume,
        )
        for number, (opened, high, low, close, volume) in enumerate(rows.tolist())
    ]


def _mids(
    settings: MarketSettings,
    rng: np.random.Generator,
    volatility: Floats,
    minutes: int,
) -> Floats:
    """Log distance from the starting price at every point, `[n_symbols, minutes * _FINE + 1]`."""
    paths = MidPaths(settings.path, volatility, rng)
    points: Floats = np.zeros((minutes * _FINE + 1, len(volatility)))
    for number in range(1, len(points)):
        points[number] = paths.step(60.0 / _FINE)
    shifted: Floats = points - points[-1]
    return shifted.T

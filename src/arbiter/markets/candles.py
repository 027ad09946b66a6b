"""Back-filled one-minute candles that end at the starting prices.

They are made by the same rules as the live path, a minute at a time, and shifted so that the last
close is the price the live path starts from. The same seed gives the same day.
"""

import math

import numpy as np
import numpy.typing as npt

from arbiter.markets.assets import base_assets
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
) -> npt.NDArray[np.float64]:
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


def to_candles(
    instrument: InstrumentId, rows: npt.NDArray[np.float64], end_ns: int
) -> list[Candle]:
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
    volatility: npt.NDArray[np.float64],
    minutes: int,
) -> npt.NDArray[np.float64]:
    """Log distance from the starting price at every point, `[n_symbols, minutes * _FINE + 1]`.

    Trends within minutes are too short to see here: they enter as extra variance.
    """
    path = settings.path
    dt_s = 60.0 / _FINE
    speed = (path.trend_slowest + path.trend_fastest) / 2.0
    trend = path.trend_share * 2.0 * path.trend_seconds * speed * speed
    own = np.sqrt((volatility * path.own_volatility) ** 2 + trend)
    keep = math.exp(-math.log(2.0) / (path.pull_hours * 3_600.0) * dt_s)
    count = minutes * _FINE
    shocks = rng.standard_normal((len(volatility), count)) * own[:, None]
    shocks += rng.standard_normal(count) * path.market_volatility
    shocks *= math.sqrt(dt_s)
    points = np.zeros((len(volatility), count + 1))
    level = np.zeros(len(volatility))
    # Backwards from the starting price: the pull then holds towards the end that is known.
    for number in range(count - 1, -1, -1):
        level = level * keep + shocks[:, number]
        points[:, number] = level
    return points

"""An embedding of the market context: deterministic, offline, the same for ever.

The context is normalised to features in −1..1 that flip their sign with the regime (momentum,
trend, stretch, pressure) plus a few that do not (volatility, trend strength, spread), and projected
by a fixed matrix of ±1 to 1536 dimensions (`sketch`). A random projection keeps angles, so that two equal
regimes are near one another and two opposed ones far apart.
"""

import hashlib
import math

import numpy as np

from arbiter.agents.indicators import change, indicators
from arbiter.agents.orderbook import imbalance
from arbiter.agents.sketch import project
from arbiter.agents.view import Floats, MarketView

_NAME_FEATURES = 6
_SYMBOL_WEIGHT = 0.12
_AGENT_WEIGHT = 0.25


def features(view: MarketView) -> Floats:
    """Normalise a view: `[N]` in −1..1, no unit left."""
    one, five = indicators(view.bars), indicators(view.bars.coarser(5))
    values: list[float] = []
    for found in (one, five):
        if found is None:
            values += [0.0] * 8
            continue
        values += [
            (found.rsi - 50.0) / 30.0,
            math.tanh(found.macd_histogram / (0.15 * found.atr)),
            math.tanh((found.ema_fast - found.ema_slow) / found.atr),
            math.tanh(found.band),
            math.tanh((found.plus_di - found.minus_di) / 15.0),
            math.tanh((found.close - found.middle) / (2.0 * found.atr)),
            0.4 * (found.adx / 30.0 - 1.0),
            0.4 * math.tanh(math.log(max(found.atr / found.close, 1e-9) / 1e-3)),
        ]
    scale = _minute_volatility(view)
    for minutes in (5, 15, 60, 240):
        moved = change(view.bars, minutes)
        values.append(math.tanh(moved / (scale * math.sqrt(minutes))))
    books = view.books or (view.top,)
    values.append(float(np.mean([imbalance(top) for top in books])))
    if view.others:
        mid = float(np.mean([(top.bid + top.ask) / 2 for top in view.others]))
        values.append(math.tanh((view.price / mid - 1.0) / 0.002))
    else:
        values.append(0.0)
    values.append(0.4 * math.tanh((view.top.ask - view.top.bid) / view.price / 0.001))
    values += (_SYMBOL_WEIGHT * _signs(view.symbol)).tolist()
    clipped: Floats = np.clip(np.array(values), -1.0, 1.0)
    return clipped


def embed(view: MarketView, agent: str = "") -> tuple[float, ...]:
    """Give the unit vector of 1536 dimensions for what an agent saw.

    The agent moves it a little: decisions of one agent are a little nearer to one another than to
    what others said at the same moment.
    """
    return project(np.append(features(view), _AGENT_WEIGHT * _signs(agent)))


def _signs(name: str) -> Floats:
    """A name as ±1 values that no other name is likely to share; zeros for none."""
    if not name:
        return np.zeros(_NAME_FEATURES)
    digest = hashlib.sha256(name.encode()).digest()[:_NAME_FEATURES]
    return np.array([1.0 if byte & 1 else -1.0 for byte in digest])


def _minute_volatility(view: MarketView) -> float:
    close = view.bars.close[-240:]
    if len(close) < 3:
        return 1e-3
    return max(float(np.diff(np.log(close)).std()), 1e-5)

"""technical-agent: RSI, MACD, Bollinger bands and moving averages on one-minute bars."""

import math

from arbiter.agents.indicators import indicators
from arbiter.agents.opinions import Opinion, opinion
from arbiter.agents.view import MarketView

NAME = "technical-agent"


def analyse(view: MarketView) -> Opinion | None:
    found = indicators(view.bars)
    if found is None:
        return None
    momentum = math.tanh(found.macd_histogram / (0.15 * found.atr))
    drift = math.tanh((found.ema_fast - found.ema_slow) / found.atr)
    stretched = -_beyond((found.rsi - 50.0) / 20.0)
    banded = -_beyond(found.band)
    trending = min(found.adx / 40.0, 1.0)
    follow = (0.6 * momentum + 0.4 * drift) * (0.5 + 0.5 * trending)
    revert = 0.5 * (stretched + banded) * (1.0 - 0.5 * trending)
    reasons = [
        f"RSI {found.rsi:.1f}{_rsi_word(found.rsi)}",
        f"MACD histogram {'above' if found.macd_histogram > 0 else 'below'} zero",
        f"EMA 9 {'above' if found.ema_fast > found.ema_slow else 'below'} EMA 21",
        f"price at {found.band:+.2f} of its Bollinger bands",
        f"ADX {found.adx:.0f}",
    ]
    context = {
        "price": view.price,
        "rsi": found.rsi,
        "macd": found.macd,
        "macd_histogram": found.macd_histogram,
        "bollinger": found.band,
        "ema_fast": found.ema_fast,
        "ema_slow": found.ema_slow,
        "adx": found.adx,
        "atr": found.atr,
    }
    return opinion(NAME, follow + revert, reasons, dict(context))


def _beyond(value: float) -> float:
    """Nothing inside ±1, the excess outside, at most 1."""
    return math.copysign(min(max(abs(value) - 0.8, 0.0) / 0.6, 1.0), value)


def _rsi_word(rsi: float) -> str:
    if rsi <= 30:
        return " (oversold)"
    return " (overbought)" if rsi >= 70 else ""

"""Indicators by TA-Lib on finished bars: their newest values."""

import math

import msgspec
import numpy as np

from arbiter.agents.ta import talib
from arbiter.agents.view import Bars

ENOUGH = 35
"""Bars the slowest of them (MACD 26 + 9) needs."""


class Indicators(msgspec.Struct, frozen=True, kw_only=True):
    rsi: float
    """RSI 14, 0..100."""
    macd: float
    macd_signal: float
    macd_histogram: float
    """MACD 12/26/9, in quote."""
    upper: float
    middle: float
    lower: float
    """Bollinger bands 20/2."""
    ema_fast: float
    ema_slow: float
    """EMA 9 and 21."""
    adx: float
    """ADX 14, 0..100."""
    plus_di: float
    minus_di: float
    atr: float
    """ATR 14, in quote."""
    close: float

    @property
    def band(self) -> float:
        """Where the price stands within the bands: −1 lower, +1 upper."""
        half = (self.upper - self.lower) / 2
        return (self.close - self.middle) / half if half > 0 else 0.0


def indicators(bars: Bars) -> Indicators | None:
    """Work them out; None where there are too few bars or nothing moved."""
    if len(bars) < ENOUGH:
        return None
    high, low, close = bars.high, bars.low, bars.close
    macd, signal, histogram = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    values = {
        "rsi": talib.RSI(close, 14),
        "macd": macd,
        "macd_signal": signal,
        "macd_histogram": histogram,
        "upper": upper,
        "middle": middle,
        "lower": lower,
        "ema_fast": talib.EMA(close, 9),
        "ema_slow": talib.EMA(close, 21),
        "adx": talib.ADX(high, low, close, 14),
        "plus_di": talib.PLUS_DI(high, low, close, 14),
        "minus_di": talib.MINUS_DI(high, low, close, 14),
        "atr": talib.ATR(high, low, close, 14),
        "close": close,
    }
    newest = {name: float(column[-1]) for name, column in values.items()}
    if not all(math.isfinite(value) for value in newest.values()) or newest["atr"] <= 0:
        return None
    return Indicators(**newest)


def returns(bars: Bars, minutes: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Simple returns over `minutes` one-minute bars, at every bar; oldest first."""
    close = bars.close
    if len(close) <= minutes:
        return np.empty(0)
    changed: np.ndarray[tuple[int], np.dtype[np.float64]] = close[minutes:] / close[:-minutes] - 1.0
    return changed


def change(bars: Bars, minutes: int) -> float:
    """Newest return over `minutes`; 0 without enough bars."""
    if len(bars) <= minutes:
        return 0.0
    return float(bars.close[-1] / bars.close[-1 - minutes] - 1.0)

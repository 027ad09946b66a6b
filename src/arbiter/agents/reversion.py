"""reversion-agent: RSI extremes that touch a Bollinger band are expected to come back."""

from arbiter.agents.indicators import indicators
from arbiter.agents.opinions import Opinion, opinion
from arbiter.agents.view import MarketView

NAME = "reversion-agent"
_OVERSOLD, _OVERBOUGHT = 30.0, 70.0


def analyse(view: MarketView) -> Opinion | None:
    found = indicators(view.bars)
    if found is None:
        return None
    low = max((_OVERSOLD + 5.0 - found.rsi) / 15.0, 0.0)
    high = max((found.rsi - _OVERBOUGHT + 5.0) / 15.0, 0.0)
    touch_low, touch_high = max(-found.band - 0.7, 0.0), max(found.band - 0.7, 0.0)
    score = min(low, 1.0) * min(touch_low * 2.0, 1.0) - min(high, 1.0) * min(touch_high * 2.0, 1.0)
    # Against a strong trend a stretched price is no bargain.
    score *= 1.0 - 0.6 * min(max(found.adx - 25.0, 0.0) / 25.0, 1.0)
    reasons = [f"RSI {found.rsi:.1f}", f"price at {found.band:+.2f} of its Bollinger bands"]
    if score:
        reasons.append("stretched: a move back to the mean is expected")
    context = {
        "price": view.price,
        "rsi": found.rsi,
        "bollinger": found.band,
        "middle": found.middle,
        "adx": found.adx,
    }
    return opinion(NAME, score, reasons, dict(context), quiet=0.15)

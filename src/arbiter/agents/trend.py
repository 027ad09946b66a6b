"""trend-agent: EMA 9 against EMA 21 on five-minute bars, followed where the ADX shows a trend."""

import math

from arbiter.agents.indicators import indicators
from arbiter.agents.opinions import Opinion, opinion
from arbiter.agents.view import MarketView

NAME = "trend-agent"
BAR_MINUTES = 5
_TREND = 25.0


def analyse(view: MarketView) -> Opinion | None:
    found = indicators(view.bars.coarser(BAR_MINUTES))
    if found is None:
        return None
    apart = math.tanh((found.ema_fast - found.ema_slow) / (0.6 * found.atr))
    strength = min(max((found.adx - 12.0) / (_TREND - 12.0), 0.0), 1.3)
    direction = math.tanh((found.plus_di - found.minus_di) / 12.0)
    agreed = apart * direction > 0
    backed = 0.35 * direction * min(abs(apart) / 0.3, 1.0) if agreed else -0.35 * apart
    score = strength * (0.65 * apart + backed)
    word = "up" if score > 0 else "down"
    reasons = [
        f"EMA 9/21 on {BAR_MINUTES}-minute bars {apart:+.2f} apart in ATR terms",
        f"ADX {found.adx:.1f} {'confirms' if found.adx > _TREND else 'shows little'} trend {word}",
    ]
    if not agreed:
        reasons.append("directional movement disagrees")
    context = {
        "price": view.price,
        "ema_fast": found.ema_fast,
        "ema_slow": found.ema_slow,
        "adx": found.adx,
        "plus_di": found.plus_di,
        "minus_di": found.minus_di,
    }
    return opinion(NAME, score, reasons, dict(context))

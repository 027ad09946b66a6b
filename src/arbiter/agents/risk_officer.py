"""risk-agent: the veto after the vote. It can refuse or make smaller, never enlarge.

Its word is final among the agents; what it approves still has to pass the engine's own gate.
"""

import math

import msgspec
import numpy as np

from arbiter.agents.settings import TradingRules
from arbiter.agents.view import Floats

_PRIOR_TRADES = 20
_CLOSE = 0.8
"""From this share of a loss limit on nothing is opened."""
_FEWEST = 30
"""Returns needed for a value at risk; with fewer nothing is opened."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A session's money before the trade; amounts in its quote currency."""

    capital: float
    """Put in at the start."""
    equity: float
    peak_equity: float
    pnl_today: float
    exposure: float
    """Worth of its open positions."""
    open_positions: int
    wins: int
    losses: int
    average_win: float
    average_loss: float
    """Positive."""


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    approved: bool
    fraction: float
    """Of the capital, to be spent; 0 when vetoed."""
    reasons: tuple[str, ...]
    numbers: dict[str, float]

    @property
    def reasoning(self) -> str:
        return "; ".join(self.reasons)


def kelly(p: float, b: float, scale: float) -> float:
    """f = (p·b − q) / b × scale, never below 0; `b` is average win ÷ average loss."""
    if not 0 <= p <= 1 or not b > 0:
        return 0.0
    return max((p * b - (1.0 - p)) / b, 0.0) * scale


def value_at_risk(returns: Floats, level: float = 0.95) -> tuple[float, float]:
    """Historical (VaR, CVaR) as positive fractions: index ⌊n·(1 − level)⌋ of the sorted returns.

    CVaR is the mean of the worst ones up to that index, itself included.
    """
    if len(returns) < _FEWEST:
        return 0.0, 0.0
    worst_first = np.sort(returns)
    # 20·(1 − 0.95) is 1.0000000000000009 in floats: the index is meant exactly.
    index = math.floor(round(len(returns) * (1.0 - level), 9))
    return float(-worst_first[index]), float(-worst_first[: index + 1].mean())


def assess(
    standing: Standing, rules: TradingRules, hourly: Floats, confidence: float
) -> Assessment:
    """Look at a proposed purchase; `hourly` are the symbol's one-hour returns."""
    drawdown = _share(standing.peak_equity - standing.equity, standing.peak_equity)
    daily_loss = _share(-standing.pnl_today, standing.capital)
    var, cvar = value_at_risk(hourly)
    volatility = float(hourly.std()) if len(hourly) >= _FEWEST else 0.0
    odds = _win_rate(standing)
    payoff = _payoff(standing, rules)
    best = kelly(odds * confidence, payoff, rules.kelly_fraction)
    fraction = min(rules.max_position_size, 1.5 * best)
    used = _share(standing.exposure, standing.equity)
    numbers = {
        "drawdown": drawdown,
        "daily_loss": daily_loss,
        "var_95": var,
        "cvar_95": cvar,
        "volatility": volatility,
        "kelly": best,
        "win_rate": odds,
        "payoff": payoff,
        "concentration": used,
    }
    vetoes: list[str] = []
    if standing.equity <= 0:
        vetoes.append("nothing is left of the capital")
    told = {"equity": standing.equity, **numbers}
    unknown = [name for name, figure in told.items() if not math.isfinite(figure)]
    if unknown:
        vetoes.append(f"no number: {', '.join(unknown)}")
    if standing.open_positions >= rules.max_positions:
        vetoes.append(
            f"{standing.open_positions} positions are open, {rules.max_positions} allowed"
        )
    if drawdown >= _CLOSE * rules.max_drawdown:
        vetoes.append(f"drawdown {drawdown:.1%} of {rules.max_drawdown:.1%} allowed")
    if daily_loss >= _CLOSE * rules.max_daily_loss:
        vetoes.append(f"loss today {daily_loss:.1%} of {rules.max_daily_loss:.1%} allowed")
    if len(hourly) < _FEWEST:
        vetoes.append(f"{len(hourly)} returns are too few to measure risk on")
    if volatility > rules.max_volatility:
        vetoes.append(f"hourly volatility {volatility:.2%} above {rules.max_volatility:.2%}")
    if used >= _CLOSE * rules.max_position_size:
        vetoes.append(f"{used:.1%} of the equity is in this symbol already")
    fraction = min(fraction, rules.max_position_size - used)
    if cvar > 0 and fraction * cvar > rules.value_at_risk:
        fraction = rules.value_at_risk / cvar
    if fraction <= 0 and not vetoes:
        vetoes.append("Kelly sees no edge at these odds")
    if vetoes:
        return Assessment(approved=False, fraction=0.0, reasons=tuple(vetoes), numbers=numbers)
    reasons = (
        f"Kelly {best:.1%}",
        f"VaR 95 % {var:.2%}, CVaR {cvar:.2%} an hour",
        f"drawdown {drawdown:.1%}, loss today {daily_loss:.1%}",
        f"{fraction:.1%} of the capital may be spent",
    )
    return Assessment(approved=True, fraction=fraction, reasons=reasons, numbers=numbers)


def _win_rate(standing: Standing) -> float:
    """Wins among closed positions, drawn towards 0.55 while they are few."""
    return (standing.wins + 0.55 * _PRIOR_TRADES) / (
        standing.wins + standing.losses + _PRIOR_TRADES
    )


def _payoff(standing: Standing, rules: TradingRules) -> float:
    planned = rules.default_take_profit / rules.default_stop_loss
    if standing.wins < 3 or standing.losses < 3 or standing.average_loss <= 0:
        return planned
    seen = standing.average_win / standing.average_loss
    share = min((standing.wins + standing.losses) / (2.0 * _PRIOR_TRADES), 1.0)
    return share * seen + (1.0 - share) * planned


def _share(part: float, whole: float) -> float:
    """Nothing of nothing is none; what is no number stays none."""
    return 0.0 if whole <= 0 else max(part, 0.0) / whole

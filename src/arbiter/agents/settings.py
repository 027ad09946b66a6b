"""How the agents work: schedules, weights, thresholds, and what one trade may risk."""

import math
from collections.abc import Mapping

import msgspec

from arbiter.model.errors import InvalidValue

RULES_VERSION = "1"
RULES_PREFIX = "rules-"
RULES_MODEL = f"{RULES_PREFIX}{RULES_VERSION}"


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between two evaluations of a symbol."""

    technical: float = 30.0
    orderbook: float = 10.0
    sentiment: float = 300.0
    trend: float = 300.0
    reversion: float = 60.0
    arbitrage: float = 5.0


DEFAULT_WEIGHTS: Mapping[str, float] = {
    "technical-agent": 0.25,
    "orderbook-agent": 0.20,
    "sentiment-agent": 0.15,
    "trend-agent": 0.30,
    "reversion-agent": 0.25,
    "arbitrage-agent": 0.20,
}


class VoteSettings(msgspec.Struct, frozen=True, kw_only=True):
    every_s: float = 30.0
    consensus: float = 0.5
    """Least share of all weight × confidence cast that the winner must have."""
    max_age_s: float = 300.0
    """Opinions older than this do not count."""
    weights: dict[str, float] = msgspec.field(default_factory=lambda: dict(DEFAULT_WEIGHTS))

    def __post_init__(self) -> None:
        if not 0 < self.consensus <= 1:
            raise InvalidValue(f"agents.consensus must lie in (0, 1], got {self.consensus}")
        if any(not math.isfinite(w) or w < 0 for w in self.weights.values()):
            raise InvalidValue("agents.weights must not be negative")


class TradingRules(msgspec.Struct, frozen=True, kw_only=True):
    """What steers trading and may change at run time; fractions of capital or price."""

    max_positions: int = 3
    max_position_size: float = 0.2
    max_daily_loss: float = 0.05
    max_drawdown: float = 0.15
    default_stop_loss: float = 0.02
    default_take_profit: float = 0.05
    min_confidence: float = 0.6
    llm_approval_required: bool = True
    """No order without a stored risk approval (by a model where one is switched on, else by the
    rules). The hard limits hold either way."""
    kelly_fraction: float = 0.25
    value_at_risk: float = 0.02
    """Largest one-hour loss, at 95 %, of a position, as a fraction of the capital."""
    max_volatility: float = 0.04
    """Standard deviation of hourly returns above which nothing is opened."""

    def __post_init__(self) -> None:
        if self.max_positions < 1:
            raise InvalidValue("max_positions must be at least 1")
        for name in (
            "max_position_size",
            "max_daily_loss",
            "max_drawdown",
            "default_stop_loss",
            "kelly_fraction",
            "value_at_risk",
            "max_volatility",
        ):
            if not 0 < getattr(self, name) <= 1:
                raise InvalidValue(f"{name} must lie in (0, 1], got {getattr(self, name)}")
        if not self.default_take_profit > 0 or not math.isfinite(self.default_take_profit):
            raise InvalidValue("default_take_profit must be more than 0")
        if not 0 <= self.min_confidence <= 1:
            raise InvalidValue("min_confidence must lie in [0, 1]")

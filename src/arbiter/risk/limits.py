"""Risk limits: the figures a person sets, and the only place they live."""

from decimal import Decimal

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.money import ZERO

_POSITIVE = (
    "max_trade_usd",
    "max_total_exposure_usd",
    "daily_loss_limit_usd",
    "max_drawdown_percent",
    "capital_base_usd",
)
_FRACTIONS = ("market_slippage", "min_side_fraction")


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on everything that opens risk; a change is a new record."""

    max_trade_usd: Decimal = Decimal(1_500)
    """Most one trade may be worth: its larger leg at its limit price. Leave headroom over the
    size a strategy aims at, for the limit lies beyond the planned price."""
    max_total_exposure_usd: Decimal = Decimal(10_000)
    """Most all open trades may be worth together, each counted once by its larger leg."""
    max_concurrent_trades: int = 3
    daily_loss_limit_usd: Decimal = Decimal(1_000)
    """Trading loss since 00:00 UTC that stops everything."""
    max_drawdown_percent: Decimal = Decimal(5)
    """Fall of trading equity from its peak, in percent of the peak, that stops everything."""
    capital_base_usd: Decimal = Decimal(10_000)
    """Capital that trading PnL is added to for the drawdown; never a mark of the inventory."""
    staleness_threshold_ms: int = 2_000
    """Oldest quote of any leg that may still be traded on."""
    market_slippage: Decimal = Decimal("0.01")
    """Fraction beyond the far touch that a market order is assumed to cost."""
    min_side_fraction: Decimal = Decimal("0.1")
    """Fraction of its starting holding below which a venue's side is not drawn down."""

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value <= ZERO:
                raise InvalidValue(f"{name} must be more than 0, got {value}")
        for name in _FRACTIONS:
            value = getattr(self, name)
            if not value.is_finite() or not 0 <= value < 1:
                raise InvalidValue(
                    f"{name} must be a fraction from 0 to below 1 (0.1 means 10 %), got {value}"
                )
        if self.max_drawdown_percent > 100:
            raise InvalidValue(
                f"max_drawdown_percent must be at most 100, got {self.max_drawdown_percent}"
            )
        for name in ("max_concurrent_trades", "staleness_threshold_ms"):
            if getattr(self, name) < 1:
                raise InvalidValue(f"{name} must be at least 1, got {getattr(self, name)}")

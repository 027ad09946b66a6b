"""Settings of the spot strategy, as its API shows them."""

import math
from decimal import Decimal
from enum import StrEnum

import msgspec

from arbiter.model.errors import BadConfig
from arbiter.model.ids import Asset, StrategyId, Symbol, VenueId
from arbiter.model.time import NS_PER_S

SPOT_ARBITRAGE = StrategyId("spot-arbitrage")


class TrendFilterMode(StrEnum):
    UPTREND_BUY_LOW = "uptrend_buy_low"
    """Trade when the symbol rises on either venue."""
    DOWNTREND_SELL_HIGH = "downtrend_sell_high"
    """Trade when it falls on either venue."""
    BOTH = "both"
    """Trade when it moves on either venue, up or down."""
    DISABLED = "disabled"


class SpotSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Thresholds are fractions of the buy price, amounts USD, times seconds.

    A value out of its range is a `BadConfig` that names it.
    """

    strategy: StrategyId = SPOT_ARBITRAGE
    min_profit_threshold: Decimal = Decimal("0.005")
    """Smallest net edge: after both taker fees and the slippage tolerance."""
    max_spread_threshold: Decimal = Decimal(1)
    """Largest net edge believed; above it the data are taken to be wrong."""
    slippage_tolerance: Decimal = Decimal("0.001")
    """Counted as a cost of the edge, and allowed to each leg's limit price."""
    max_spread_age_seconds: float = 5.0
    cooldown_seconds: float = 60.0
    """After a trade, per symbol and direction (buy venue, sell venue)."""
    retry_seconds: float = 1.0
    """After a signal that came to nothing, per symbol and direction."""
    max_trades_per_hour: int = 50
    trade_amount_usd: Decimal = Decimal(100)
    max_position_size: Decimal = Decimal(1000)
    """USD per trade."""
    full_confidence_amounts: Decimal = Decimal(10)
    """Trade amounts that both top sizes must hold for a size score of 1."""

    use_trend_filter: bool = True
    trend_filter_mode: TrendFilterMode = TrendFilterMode.UPTREND_BUY_LOW
    moving_average_periods: int = 30
    """One-second prices kept per symbol and venue."""
    trend_confirmation_threshold: float = 0.001
    """Change between the halves' means, as a fraction, that makes a trend."""

    premium_detection: bool = False
    premium_samples: int = 100
    premium_min_samples: int = 50
    premium_max_z: float = 2.0

    quote_currencies: tuple[Asset, ...] = (Asset("USDT"),)
    """Only symbols quoted in one of these; empty for all."""
    symbols: tuple[Symbol, ...] = ()
    """Only these symbols; empty for all."""
    exchanges: tuple[VenueId, ...] = ()
    """Only these venues; empty for all."""
    max_symbols: int = 200
    """Symbols watched for spreads, in the registry's order."""

    def __post_init__(self) -> None:
        _finite(self)
        for name in (
            "max_spread_age_seconds",
            "trade_amount_usd",
            "max_position_size",
            "full_confidence_amounts",
            "premium_max_z",
        ):
            _require(getattr(self, name) > 0, name, "above 0", getattr(self, name))
        for name in (
            "min_profit_threshold",
            "cooldown_seconds",
            "retry_seconds",
            "max_trades_per_hour",
            "trend_confirmation_threshold",
            "max_symbols",
        ):
            _require(getattr(self, name) >= 0, name, "0 or more", getattr(self, name))
        for name in ("min_profit_threshold", "slippage_tolerance"):
            value = getattr(self, name)
            _require(0 <= value < 1, name, "a fraction from 0 to below 1 (0.005 is 0.5 %)", value)
        _require(
            self.max_spread_threshold >= self.min_profit_threshold,
            "max_spread_threshold",
            "at least min_profit_threshold",
            self.max_spread_threshold,
        )
        for name in ("moving_average_periods", "premium_min_samples"):
            _require(getattr(self, name) >= 2, name, "2 or more", getattr(self, name))
        _require(
            self.premium_samples >= self.premium_min_samples,
            "premium_samples",
            "at least premium_min_samples",
            self.premium_samples,
        )

    @property
    def max_age_ns(self) -> int:
        return round(self.max_spread_age_seconds * NS_PER_S)

    @property
    def cooldown_ns(self) -> int:
        return round(self.cooldown_seconds * NS_PER_S)

    @property
    def retry_ns(self) -> int:
        return round(self.retry_seconds * NS_PER_S)

    @property
    def trend_filter(self) -> TrendFilterMode:
        """The mode that holds, with the switch taken into account."""
        return self.trend_filter_mode if self.use_trend_filter else TrendFilterMode.DISABLED


def _finite(settings: SpotSettings) -> None:
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, Decimal | float) and not math.isfinite(value):
            raise BadConfig(f"{name} must be a finite number, got {value}")


def _require(holds: bool, name: str, what: str, value: object) -> None:
    if not holds:
        raise BadConfig(f"{name} must be {what}, got {value}")

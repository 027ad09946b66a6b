"""Settings of event-pair arbitrage."""

from decimal import Decimal

import msgspec

from arbiter.model.errors import BadConfig
from arbiter.model.event_fees import FREE, EventFee
from arbiter.model.ids import InstrumentId, StrategyId, VenueId
from arbiter.model.time import NS_PER_DAY, NS_PER_MS, NS_PER_S

EVENT_ARBITRAGE = StrategyId("event-arbitrage")


class EventSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Spreads in dollars per contract (0.02 is two cents), amounts in USD, times as named."""

    strategy: StrategyId = EVENT_ARBITRAGE
    min_spread: Decimal = Decimal("0.02")
    """Least profit of a contract: after both fees and the cost of the capital."""
    staleness_threshold_ms: int = 2_000
    """Oldest quote of either leg that is decided on, when found and again before sending."""
    max_position_size: Decimal = Decimal(1_000)
    """Cost of one trade, both legs."""
    max_total_exposure: Decimal = Decimal(10_000)
    """Cost of everything open, both legs."""
    capital_rate: Decimal = Decimal("0.05")
    """What the locked capital would earn elsewhere in a year."""
    time_scale: Decimal = Decimal(1)
    """Of the venues: with 1,440 a day of locked capital passes in a minute."""
    limit_slippage: Decimal = Decimal("0.01")
    """How far beyond the touch a leg's limit may go; never so far that the pair could lose."""
    min_size: Decimal = Decimal(1)
    """Contracts below which a pair is not worth opening."""
    cooldown_seconds: Decimal = Decimal(5)
    """After a trade, per pair."""
    retry_seconds: Decimal = Decimal(1)
    """After an opening that came to nothing, per pair."""
    fees: dict[VenueId, EventFee] = {}
    """Taker fees by venue …"""
    market_fees: dict[InstrumentId, EventFee] = {}
    """… and of the markets that have their own."""

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value <= 0:
                raise BadConfig(f"events.{name} must be positive, got {value}")
        for name in _NOT_NEGATIVE:
            value = getattr(self, name)
            if not value.is_finite() or value < 0:
                raise BadConfig(f"events.{name} must not be negative, got {value}")
        if self.min_spread >= 1:
            raise BadConfig(f"events.min_spread is dollars per contract, got {self.min_spread}")
        if self.staleness_threshold_ms <= 0:
            raise BadConfig(
                f"events.staleness_threshold_ms must be positive, got {self.staleness_threshold_ms}"
            )

    @property
    def max_age_ns(self) -> int:
        return self.staleness_threshold_ms * NS_PER_MS

    @property
    def day_ns(self) -> int:
        """Real time of one venue day."""
        return max(int(NS_PER_DAY / self.time_scale), 1)

    @property
    def cooldown_ns(self) -> int:
        return int(self.cooldown_seconds * NS_PER_S)

    @property
    def retry_ns(self) -> int:
        return int(self.retry_seconds * NS_PER_S)

    def fee_of(self, venue: VenueId, instrument: InstrumentId) -> EventFee:
        return self.market_fees.get(instrument) or self.fees.get(venue, FREE)


_POSITIVE = ("max_position_size", "max_total_exposure", "min_size", "time_scale")
_NOT_NEGATIVE = (
    "min_spread",
    "capital_rate",
    "limit_slippage",
    "cooldown_seconds",
    "retry_seconds",
)

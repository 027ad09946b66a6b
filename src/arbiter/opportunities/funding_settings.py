"""Settings of funding-rate arbitrage."""

from decimal import Decimal

import msgspec

from arbiter.model.errors import BadConfig
from arbiter.model.ids import StrategyId, Symbol, VenueId
from arbiter.model.time import NS_PER_HOUR

FUNDING_ARBITRAGE = StrategyId("funding-arbitrage")


class FundingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Spreads and values are fractions of the notional; spreads are over eight hours.

    Hours are those of the venues: with `time_scale` above 1 they are as much shorter.
    """

    min_funding_spread: Decimal = Decimal("0.0004")
    min_expected_value: Decimal = Decimal("0.0005")
    """Of the whole hold: funding expected, less both legs' round-trip fees, slippage, haircut."""
    staleness_haircut: Decimal = Decimal("0.0003")
    """For rates that may change before they are paid."""
    slippage: Decimal = Decimal("0.0001")
    """Expected on each of the four executions."""
    max_entry_basis: Decimal = Decimal("0.002")
    """Most the long may cost above what the short brings."""
    hold_hours: Decimal = Decimal(72)
    """Intended hold, which funding is expected over."""
    quiet_before_seconds: Decimal = Decimal(60)
    """No entry this shortly before either leg's settlement …"""
    quiet_after_seconds: Decimal = Decimal(30)
    """… nor after it: payments may be late and rates jump."""
    size_usd: Decimal = Decimal(1_000)
    """Of each leg."""
    leverage: Decimal = Decimal(3)
    """On both legs; the lower of the venues' maxima where one allows less."""
    limit_slippage: Decimal = Decimal("0.002")
    """How far beyond the touch a leg's limit goes."""
    max_pairs: int = 3
    cooldown_hours: Decimal = Decimal(1)
    """Per symbol after a pair has closed."""
    retry_seconds: Decimal = Decimal(5)
    """Between two tries at what was refused."""
    max_rate_age_seconds: Decimal = Decimal(30)
    target_profit: Decimal = Decimal("0.02")
    """Of the notional, after fees: closes the pair."""
    narrow_spread: Decimal = Decimal("0.00005")
    """A spread below this for `narrow_spread_exit_periods` closes the pair."""
    narrow_spread_exit_periods: int = 3
    """Intervals of the slower leg."""
    trailing_stop: Decimal = Decimal("0.01")
    """Fall of the pair's profit from its peak that closes it, of the notional …"""
    trailing_start: Decimal = Decimal("0.005")
    """… once the peak has been this high."""
    max_duration_hours: Decimal = Decimal(720)
    min_liquidation_distance: Decimal = Decimal("0.08")
    """Of the mark, on either leg: nearer, both legs are closed before the venue does it."""
    max_adl_rank: int = 4
    """A leg this high in the venue's queue is closed, with its other."""
    trouble_seconds: Decimal = Decimal(60)
    """A leg's venue away for so long closes the pair as soon as both can be reached."""
    time_scale: Decimal = Decimal(1)
    symbols: tuple[Symbol, ...] = ()
    """Empty means all that two venues list."""
    venues: tuple[VenueId, ...] = ()

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, Decimal) and not value.is_finite():
                raise BadConfig(f"funding.{name} must be a finite number, got {value}")
        for name in _POSITIVE:
            value = getattr(self, name)
            if value <= 0:
                raise BadConfig(f"funding.{name} must be positive, got {value}")
        for name in _NOT_NEGATIVE:
            value = getattr(self, name)
            if value < 0:
                raise BadConfig(f"funding.{name} must not be negative, got {value}")
        if self.leverage < 1:
            raise BadConfig(f"funding.leverage must be 1 or more, got {self.leverage}")
        if self.max_pairs < 1 or self.narrow_spread_exit_periods < 1:
            raise BadConfig("funding.max_pairs and narrow_spread_exit_periods must be 1 or more")

    @property
    def hour_ns(self) -> int:
        """Real time of one venue hour."""
        return max(int(NS_PER_HOUR / self.time_scale), 1)

    def hours_ns(self, hours: Decimal) -> int:
        return int(hours * self.hour_ns)

    def seconds_ns(self, seconds: Decimal) -> int:
        """Venue seconds in real time."""
        return int(seconds * self.hour_ns / 3_600)


_POSITIVE = (
    "hold_hours",
    "size_usd",
    "target_profit",
    "trailing_stop",
    "max_duration_hours",
    "max_rate_age_seconds",
    "time_scale",
)
_NOT_NEGATIVE = (
    "min_funding_spread",
    "staleness_haircut",
    "slippage",
    "max_entry_basis",
    "quiet_before_seconds",
    "quiet_after_seconds",
    "limit_slippage",
    "cooldown_hours",
    "retry_seconds",
    "trailing_start",
    "min_liquidation_distance",
    "trouble_seconds",
)

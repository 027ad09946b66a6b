"""How two legs are worked: times in milliseconds, prices in basis points."""

from enum import StrEnum

import msgspec

from arbiter.model.errors import InvalidValue


class LegOrder(StrEnum):
    PARALLEL = "parallel"
    """Both legs leave together: fastest, and either may be left alone."""
    SEQUENTIAL = "sequential"
    """The buy leg first, the sell leg sized to its fill."""


class LoneLeg(StrEnum):
    """What is done about units that one leg filled and the other did not."""

    CHEAPEST = "cheapest"
    """Whichever of the two below costs less at the prices of that moment."""
    CHASE = "chase"
    """Fill the missing leg, within `max_chase_bps`; unwind when that cannot be."""
    UNWIND = "unwind"
    """Reverse the filled leg."""
    HOLD = "hold"
    """Send nothing, hold the trade and call a person."""


class ExecutionSettings(msgspec.Struct, frozen=True, kw_only=True):
    leg_order: LegOrder = LegOrder.PARALLEL
    leg_timeout_ms: int = 2_000
    """After this a sent order without its last word is asked for and cancelled."""
    retry_ms: int = 500
    """Between two questions about the same order, and before a second try at a way out; doubled
    with each, up to `max_retry_ms`."""
    max_retry_ms: int = 30_000
    lone_leg: LoneLeg = LoneLeg.CHEAPEST
    max_chase_bps: int = 50
    """How far beyond its planned price a missing leg may still be filled."""
    unwind_slippage_bps: int = 100
    """How far through the touch an unwind may reach."""
    unwind_attempts: int = 5
    """Orders in a row without a fill before the trade is HELD and a person is called; it is still
    retried from state, at `max_retry_ms`."""
    flat_ms: int = 30_000
    """A trade not settled this long after its first order is HELD, with an alert, and goes on."""
    hedge_residuals: bool = True
    """Trade away what finished trades left over, once it is large enough for an order."""
    absent_after_ms: int = 5_000
    """A venue's "no such order" counts only this long after sending: a slow request may still
    arrive."""

    def __post_init__(self) -> None:
        for name in ("leg_timeout_ms", "retry_ms", "max_retry_ms", "unwind_attempts", "flat_ms"):
            if getattr(self, name) <= 0:
                raise InvalidValue(f"execution.{name} must be positive")
        for name in ("unwind_slippage_bps", "max_chase_bps"):
            if not 0 <= getattr(self, name) <= 10_000:
                raise InvalidValue(f"execution.{name} must lie in 0..10000")
        if self.absent_after_ms < 0:
            raise InvalidValue("execution.absent_after_ms must not be negative")
        if self.max_retry_ms < self.retry_ms:
            raise InvalidValue("execution.max_retry_ms must not be below execution.retry_ms")

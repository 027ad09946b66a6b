"""How two legs are worked: times in milliseconds, prices in basis points."""

from enum import StrEnum

import msgspec

from arbiter.model.errors import InvalidValue


class LegOrder(StrEnum):
    PARALLEL = "parallel"
    """Both legs leave together: fastest, and either may be left alone."""
    SEQUENTIAL = "sequential"
    """The buy leg first, the sell leg sized to its fill."""


class ExecutionSettings(msgspec.Struct, frozen=True, kw_only=True):
    leg_order: LegOrder = LegOrder.PARALLEL
    leg_timeout_ms: int = 2_000
    """After this a sent order without its last word is asked for and cancelled."""
    retry_ms: int = 500
    """Between two questions about the same order, and before a second unwind."""
    max_retry_ms: int = 30_000
    unwind_slippage_bps: int = 100
    """How far through the touch an unwind may reach."""
    unwind_attempts: int = 5
    """Unwinds without a fill before the trade is HELD and a person is called; it is still
    retried from state, at `max_retry_ms`."""

    def __post_init__(self) -> None:
        for name in ("leg_timeout_ms", "retry_ms", "max_retry_ms", "unwind_attempts"):
            if getattr(self, name) <= 0:
                raise InvalidValue(f"execution.{name} must be positive")
        if not 0 <= self.unwind_slippage_bps <= 10_000:
            raise InvalidValue("execution.unwind_slippage_bps must lie in 0..10000")

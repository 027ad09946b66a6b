"""How long a message travels to and from a simulated venue."""

from collections.abc import Callable

import msgspec

from arbiter.model.errors import InvalidValue


class LatencySettings(msgspec.Struct, frozen=True, kw_only=True):
    """One-way delays in milliseconds; each is spread evenly over ± `jitter` of itself."""

    order_ms: float = 4.0
    """From our client to the venue's matching: the market may move meanwhile."""
    report_ms: float = 3.0
    """From the matching back to us."""
    jitter: float = 0.5
    """Fraction, 0..1."""

    def __post_init__(self) -> None:
        for name in ("order_ms", "report_ms"):
            value: float = getattr(self, name)
            if not 0.0 <= value <= 600_000.0:
                raise InvalidValue(f"latency.{name} must lie in 0..600000 ms, got {value}")
        if not 0.0 <= self.jitter <= 1.0:
            raise InvalidValue(f"latency.jitter must lie in 0..1, got {self.jitter}")


NO_LATENCY = LatencySettings(order_ms=0.0, report_ms=0.0, jitter=0.0)


def delay_ns(base_ms: float, jitter: float, draw: Callable[[], float]) -> int:
    """Draw one delay; `draw` gives uniform numbers in 0..1 and is not asked when there is none."""
    if base_ms <= 0.0:
        return 0
    spread = 1.0 if jitter <= 0.0 else 1.0 + jitter * (2.0 * draw() - 1.0)
    return int(base_ms * spread * 1e6)

"""How far a venue's clock is ahead of ours, measured by asking it."""

from collections.abc import Awaitable, Callable

import msgspec

from arbiter.model.time import NS_PER_MS
from arbiter.ports.clock import Clock

SAMPLES = 3


class ClockReading(msgspec.Struct, frozen=True):
    offset_ms: int
    """Venue minus us."""
    round_trip_ms: float


async def measure(ask_ms: Callable[[], Awaitable[int]], clock: Clock) -> ClockReading:
    """Ask a few times; the quickest answer is the most exact."""
    best: ClockReading | None = None
    for _ in range(SAMPLES):
        began, sent_ms = clock.monotonic_ns(), clock.now_ns() / NS_PER_MS
        told = await ask_ms()
        trip_ms = (clock.monotonic_ns() - began) / NS_PER_MS
        reading = ClockReading(round(told - (sent_ms + trip_ms / 2)), trip_ms)
        if best is None or reading.round_trip_ms < best.round_trip_ms:
            best = reading
    assert best is not None, "asked at least once"
    return best

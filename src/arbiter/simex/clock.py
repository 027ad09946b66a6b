"""The simulated venues' clock."""

import time
from collections.abc import Callable


def venue_clock() -> Callable[[], int]:
    """Make a clock of UTC nanoseconds that never goes back, whatever the system's does."""
    last = 0

    def now_ns() -> int:
        nonlocal last
        last = max(last, time.time_ns())
        return last

    return now_ns

"""How long a command has taken so far, as somebody with a stopwatch would say."""

import os
import time
from pathlib import Path

_LOADED = time.perf_counter()
_START_TIME = 19
"""Field of `/proc/self/stat` after the name, in clock ticks since the machine started (proc(5))."""


def seconds_in_all() -> float:
    """Give the seconds since the process began, to a hundredth: interpreter and imports included.

    Where the system does not tell when that was, since this module was loaded.
    """
    try:
        told = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        began = int(told[_START_TIME]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - began
    except (OSError, AttributeError, IndexError, ValueError):
        return time.perf_counter() - _LOADED

"""Compile every kernel before the first quote needs it."""

from typing import Any, cast

import numpy as np

from arbiter.kernels.quote_step import (
    FAULTS,
    FEE,
    new_params,
    new_quiet,
    new_state,
    quote_scan,
    quote_step,
)


def warm() -> tuple[str, ...]:
    """Compile the kernels, or load them from numba's cache, and name them.

    Afterwards they take no further argument types: an `int` price is converted, where it would
    otherwise halt the feed for a second of compilation. Calling again costs nothing.
    """
    state, params = new_state(2), new_params(2)
    state[:, FEE] = 0.0
    quote_step(state, params, 0, 1.0, 1.0, 1.0, 1.0, 1, 1)
    quiet, faults = new_quiet(2, 2), np.zeros((2, FAULTS), dtype=np.int64)
    slots, prices = np.zeros(1, dtype=np.int32), np.ones((1, 4))
    times = np.ones((1, 2), dtype=np.int64)
    quote_scan(state, params, quiet, faults, slots, prices, times, 0, 1, 2)
    for kernel in (quote_step, quote_scan):
        cast(Any, kernel).disable_compile()
    return ("quote_step", "quote_scan")

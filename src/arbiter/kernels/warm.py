"""Compile every kernel before the first quote needs it."""

from typing import Any, cast

from arbiter.kernels.quote_step import FEE, new_params, new_state, quote_step


def warm() -> tuple[str, ...]:
    """Compile the kernels, or load them from numba's cache, and name them.

    Afterwards they take no further argument types: an `int` price is converted, where it would
    otherwise halt the feed for a second of compilation. Calling again costs nothing.
    """
    state, params = new_state(2), new_params(2)
    state[:, FEE] = 0.0
    quote_step(state, params, 0, 1.0, 1.0, 1.0, 1.0, 1, 1)
    cast(Any, quote_step).disable_compile()
    return ("quote_step",)

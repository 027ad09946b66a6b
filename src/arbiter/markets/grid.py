"""Numbers on a decimal grid, vectorised: floats that are exactly what their text says."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


class Grid:
    """Steps of many instruments, as whole numbers over powers of ten.

    A multiple n·m/10^d of a step is computed as one exact product and one division, and so is the
    float nearest to the decimal: its shortest text lies on the grid.
    """

    def __init__(self, steps: Sequence[Decimal]) -> None:
        exponents = [int(step.normalize().as_tuple().exponent) for step in steps]
        self._numerator = np.array(
            [
                int(step.normalize().scaleb(-exponent)) * 10 ** max(exponent, 0)
                for step, exponent in zip(steps, exponents, strict=True)
            ],
            dtype=np.float64,
        )
        self._denominator = np.array(
            [10.0 ** max(-exponent, 0) for exponent in exponents], dtype=np.float64
        )
        self._step = self._numerator / self._denominator

    def floor(self, values: Floats, rows: Rows) -> Floats:
        """Count whole steps in `values` of the instruments `rows`."""
        return np.floor(values / self._step[rows])

    def ceil(self, values: Floats, rows: Rows) -> Floats:
        return np.ceil(values / self._step[rows])

    def at(self, counts: Floats, rows: Rows) -> Floats:
        """Give the value of so many steps."""
        return counts * self._numerator[rows] / self._denominator[rows]

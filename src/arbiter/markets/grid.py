"""Numbers on a decimal grid, vectorised: floats that are exactly what their text says."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from arbiter.model.instruments import Instrument

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


class PriceDigits:
    """How many ticks one price step is, where a venue allows a price only so many digits."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._digits = np.array([i.price_digits or 0 for i in instruments], dtype=np.float64)
        self._tick = np.array([i.tick.adjusted() for i in instruments], dtype=np.float64)

    def grain(self, prices: Floats, rows: Rows) -> Floats:
        """Give `Instrument.price_step` at these prices, in ticks; 1 where any digits will do."""
        digits, tick = self._digits[rows], self._tick[rows]
        if not digits.any():
            return np.ones(len(rows))
        finest = np.floor(np.log10(prices)) + 1.0 - digits
        steps: Floats = 10.0 ** np.maximum(np.minimum(finest, 0.0) - tick, 0.0)
        return np.where(digits > 0.0, steps, 1.0)

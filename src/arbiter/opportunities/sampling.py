"""A window of samples taken once a second, as a ring of rows."""

import numpy as np
from numpy.typing import NDArray

from arbiter.model.time import NS_PER_S


class SecondRing:
    """The last `periods` samples of an array of numbers, at most one a second.

    Each is kept twice, `periods` rows apart, so that every window lies in one piece.
    """

    def __init__(self, periods: int, shape: tuple[int, ...]) -> None:
        self.periods = periods
        self._rows = np.full((2 * periods, *shape), np.nan)
        self._taken = 0
        self._last_ns: int | None = None

    def due(self, now_ns: int) -> bool:
        """A second has passed since the last sample."""
        return self._last_ns is None or now_ns - self._last_ns >= NS_PER_S

    def add(self, row: NDArray[np.float64], now_ns: int) -> None:
        """Keep a sample; the oldest makes room."""
        self._rows[self._taken % self.periods :: self.periods] = row
        self._taken += 1
        self._last_ns = now_ns

    def ordered(self) -> NDArray[np.float64]:
        """Give the samples kept, oldest first; a view, good until the next sample."""
        if self._taken <= self.periods:
            return self._rows[: self._taken]
        oldest = self._taken % self.periods
        return self._rows[oldest : oldest + self.periods]

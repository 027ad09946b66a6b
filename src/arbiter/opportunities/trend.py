"""The trend of every slot, from one-second prices.

The mean of the window's older half against that of its newer half: a change above the threshold
is up, below its negative down, anything else flat. Fewer than two samples are flat.
"""

import numpy as np
from numpy.typing import NDArray

from arbiter.opportunities.sampling import SecondRing
from arbiter.opportunities.view import Mids

UP, FLAT, DOWN = 1, 0, -1


class TrendTracker:
    """Directions of `n_slots` slots over the last `periods` one-second mids.

    A second without a fresh quote leaves a gap, which the means pass over; a half that is all
    gaps makes the slot flat. `threshold` is a fraction of the older mean.
    """

    def __init__(self, n_slots: int, *, periods: int = 30, threshold: float = 0.001) -> None:
        self._n_slots = n_slots
        self._threshold = threshold
        self._ring = SecondRing(periods, (n_slots,))
        self._directions: list[int] = [FLAT] * n_slots
        self._judged = True

    def reconfigure(self, *, periods: int, threshold: float) -> None:
        """Use another window (which starts empty) or threshold."""
        self._threshold = threshold
        if periods != self._ring.periods:
            self._ring = SecondRing(periods, (self._n_slots,))
            self._directions = [FLAT] * self._n_slots
        self._judged = False

    def sample(self, board: Mids, now_ns: int) -> bool:
        """Take one price of every slot; more than once a second does nothing and says False."""
        if not self._ring.due(now_ns):
            return False
        self._ring.add(board.mids(now_ns), now_ns)
        self._judged = False
        return True

    def judge(self) -> None:
        """Work the directions out now, so that the next candidate need not wait for it."""
        if not self._judged:
            self._directions = self._judge().tolist()
            self._judged = True

    def direction(self, slot: int) -> int:
        """Give 1 for up, −1 for down, 0 for flat or not known yet."""
        self.judge()
        return self._directions[slot]

    def _judge(self) -> NDArray[np.int8]:
        window = self._ring.ordered()
        middle = len(window) // 2
        older, newer = _mean(window[:middle]), _mean(window[middle:])
        known = np.isfinite(older) & np.isfinite(newer)
        change = np.where(known, newer - older, 0.0) / np.where(known, older, 1.0)
        up, down = change > self._threshold, change < -self._threshold
        return up.astype(np.int8) - down.astype(np.int8)


def _mean(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Column means that pass over gaps; NaN where there is nothing but gaps."""
    if len(rows):
        mean: NDArray[np.float64] = rows.sum(axis=0) / len(rows)
        if np.isfinite(mean).all():  # no gaps: the rule
            return mean
    known = np.isfinite(rows)
    count = known.sum(axis=0)
    total = np.where(known, rows, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)

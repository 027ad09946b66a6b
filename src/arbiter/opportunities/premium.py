"""Premium detection: a spread that is always there is a premium, one that jumps is doubtful data.

The z-score of a pair's present gross spread against its own last one-second samples; beyond the
limit, up or down, the pair is left alone.
"""

import math

import numpy as np
from numpy.typing import NDArray

from arbiter.opportunities.sampling import SecondRing
from arbiter.opportunities.view import GrossSpreads


class PremiumTracker:
    """Means and deviations of all pairs, as [symbol, buy venue, sell venue]."""

    def __init__(
        self, n_symbols: int, n_venues: int, *, samples: int = 100, min_samples: int = 50
    ) -> None:
        self._n_venues = n_venues
        self._min_samples = min_samples
        shape = (n_symbols, n_venues, n_venues)
        self._ring = SecondRing(samples, shape)
        self._mean: NDArray[np.float64] = np.full(shape, np.nan)
        self._deviation: NDArray[np.float64] = np.full(shape, np.nan)

    def sample(self, board: GrossSpreads, now_ns: int) -> bool:
        """Take one spread of every pair; more than once a second does nothing and says False."""
        if not self._ring.due(now_ns):
            return False
        self._ring.add(board.gross_spreads(now_ns), now_ns)
        window = self._ring.ordered()
        known = np.isfinite(window)
        count = known.sum(axis=0)
        enough = count >= self._min_samples
        divisor = np.maximum(count, 1)
        mean = np.where(known, window, 0.0).sum(axis=0) / divisor
        variance = np.where(known, (window - mean) ** 2, 0.0).sum(axis=0) / divisor
        self._mean = np.where(enough, mean, np.nan)
        self._deviation = np.where(enough, np.sqrt(variance), np.nan)
        return True

    def z_score(self, buy_slot: int, sell_slot: int, spread: float) -> float | None:
        """Give the z-score of a gross spread (fraction); None with too few samples to say.

        A pair that has never moved makes any other spread infinitely far.
        """
        symbol, buy_venue = divmod(buy_slot, self._n_venues)
        pair = (symbol, buy_venue, sell_slot % self._n_venues)
        mean, deviation = float(self._mean[pair]), float(self._deviation[pair])
        if math.isnan(mean):
            return None
        if deviation <= abs(mean) * 1e-12:
            same = math.isclose(spread, mean, rel_tol=1e-9, abs_tol=1e-15)
            return 0.0 if same else math.copysign(math.inf, spread - mean)
        return (spread - mean) / deviation

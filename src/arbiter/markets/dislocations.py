"""Dislocations: one venue's price jumps away, stands there for a moment, and comes back."""

import numpy as np

from arbiter.markets.grid import Floats, Rows
from arbiter.markets.settings import DislocationSettings

_GONE = 2e-5
"""Below this fraction a dislocation is over."""


class Dislocations:
    """Those under way, as parallel arrays; times in seconds on the caller's clock."""

    def __init__(
        self, settings: DislocationSettings, n_rows: int, rng: np.random.Generator
    ) -> None:
        self._settings = settings
        self._n_rows = n_rows
        self._rng = rng
        self._rows: Rows = np.empty(0, dtype=np.intp)
        self._size: Floats = np.empty(0)
        self._decays_at: Floats = np.empty(0)
        self._sum: Floats = np.zeros(n_rows)
        self.started = 0
        """How many there have been."""
        self._stopped = False

    def stop(self) -> None:
        """Start no more."""
        self._stopped = True

    def step(self, now_s: float, dt_s: float) -> Floats:
        """Start new ones, drop what is over; gives the sum per row, as log distance."""
        self._start(now_s, dt_s)
        self._sum.fill(0.0)
        if len(self._rows):
            age = np.maximum(now_s - self._decays_at, 0.0)
            left = self._size * np.exp(age * (-1_000.0 / self._settings.decay_ms))
            alive = np.abs(left) > _GONE
            np.add.at(self._sum, self._rows[alive], left[alive])
            if not alive.all():
                self._rows = self._rows[alive]
                self._size = self._size[alive]
                self._decays_at = self._decays_at[alive]
        return self._sum

    def _start(self, now_s: float, dt_s: float) -> None:
        s, rng = self._settings, self._rng
        rate = s.per_minute / 60.0
        if now_s < s.opening_seconds:
            rate *= s.opening_factor
        count = int(rng.poisson(rate * dt_s))
        if not count or self._stopped:
            return
        self.started += count
        sign = np.where(rng.random(count) < 0.5, -1.0, 1.0)
        hold = rng.uniform(s.hold_ms_shortest, s.hold_ms_longest, count) / 1_000.0
        self._rows = np.append(self._rows, rng.integers(0, self._n_rows, count))
        self._size = np.append(self._size, sign * rng.uniform(s.smallest, s.largest, count))
        self._decays_at = np.append(self._decays_at, now_s + hold)

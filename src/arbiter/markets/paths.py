"""Mids of all symbols: one market factor, each symbol's own noise, and slow trends.

The trends matter as much as the noise: a filter that asks whether prices have been moving must
find that they sometimes have and sometimes have not.
"""

import math

import numpy as np

from arbiter.markets.grid import Floats
from arbiter.markets.settings import PathSettings


class MidPaths:
    """Log distance of every symbol from its starting price, `[n_symbols]`."""

    def __init__(
        self, settings: PathSettings, volatility: Floats, rng: np.random.Generator
    ) -> None:
        self._settings = settings
        self._volatility = volatility
        self._rng = rng
        n = len(volatility)
        self.offset: Floats = np.zeros(n)
        self._drift: Floats = np.zeros(n)
        """Fraction per second; zero outside a trend."""
        self._until_s: Floats = np.zeros(n)
        """When each regime ends, on the path's own clock."""
        self._clock_s = 0.0
        self._pull = math.log(2.0) / (settings.pull_hours * 3_600.0)

    @property
    def drift(self) -> Floats:
        return self._drift

    def step(self, dt_s: float) -> Floats:
        """Advance by `dt_s` seconds; gives `offset`."""
        self._clock_s += dt_s
        ended = np.flatnonzero(self._until_s <= self._clock_s)
        if len(ended):
            self._new_regimes(ended)
        s, rng = self._settings, self._rng
        root = math.sqrt(dt_s)
        shock = rng.standard_normal(len(self.offset)) * (self._volatility * s.own_volatility)
        shock += rng.standard_normal() * s.market_volatility
        self.offset += (self._drift - self._pull * self.offset) * dt_s + shock * root
        return self.offset

    def _new_regimes(self, which: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
        """Trends and quiet alternate at random so that their shares of time come out right."""
        s, rng = self._settings, self._rng
        n = len(which)
        trending = rng.random(n) < s.trend_share
        speed = rng.uniform(s.trend_slowest, s.trend_fastest, n)
        sign = np.where(rng.random(n) < 0.5, -1.0, 1.0)
        self._drift[which] = np.where(trending, speed * sign, 0.0)
        self._until_s[which] = self._clock_s + rng.exponential(s.trend_seconds, n)

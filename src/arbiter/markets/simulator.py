"""The market simulator: what every simulated venue displays, batch by batch.

One batch holds the quotes that fall due since the last one, in a fixed rotation over all
instruments. Time is handed in; randomness is the generator's, so that a seed repeats a market.
"""

from decimal import Decimal

import msgspec
import numpy as np

from arbiter.markets.assets import base_assets
from arbiter.markets.dislocations import Dislocations
from arbiter.markets.grid import Floats, Grid, Rows
from arbiter.markets.listing import list_instruments
from arbiter.markets.paths import MidPaths
from arbiter.markets.profiles import profile_of
from arbiter.markets.settings import MarketSettings
from arbiter.model.time import NS_PER_S

_LONGEST_STEP_S = 1.0
"""After a pause the market goes on from where it was instead of catching up."""


class QuoteBatch(msgspec.Struct, frozen=True):
    """Tops of book; `rows` index the instruments as listed, an instrument at most once."""

    rows: Rows
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats
    at_ns: int

    def __len__(self) -> int:
        return len(self.rows)


class MarketSimulator:
    """Prices of `settings.symbols` × `settings.venues` instruments."""

    def __init__(self, settings: MarketSettings, rng: np.random.Generator) -> None:
        self.settings = settings
        self.instruments = list_instruments(settings)
        self._rng = rng
        assets = base_assets(settings.symbols)
        n_venues = len(settings.venues)
        n = len(self.instruments)
        self._start = np.array([float(asset.price) for asset in assets])
        self._symbol_of: Rows = np.repeat(np.arange(len(assets), dtype=np.intp), n_venues)
        profiles = [profile_of(venue) for venue in settings.venues]
        self._half_spread = np.tile([p.spread_bps * 0.5e-4 for p in profiles], len(assets))
        self._basis_size = np.tile([p.basis_bps * 1e-4 for p in profiles], len(assets))
        self._basis: Floats = rng.standard_normal(n) * self._basis_size
        self._paths = MidPaths(settings.path, np.array([asset.volatility for asset in assets]), rng)
        self._dislocations = Dislocations(settings.dislocations, n, rng)
        self._ticks = Grid([i.tick for i in self.instruments])
        self._lots = Grid([i.lot for i in self.instruments])
        self._rotation: Rows = rng.permutation(n).astype(np.intp)
        self._next = 0
        self._owed = 0.0
        self._last_ns: int | None = None
        self._clock_s = 0.0

    @property
    def dislocations_started(self) -> int:
        return self._dislocations.started

    def offsets(self) -> list[float]:
        """Log distance of every symbol from its starting price: what a restart goes on from."""
        return [float(offset) for offset in self._paths.offset]

    def resume(self, offsets: list[float]) -> None:
        """Go on from stored `offsets`; symbols added since start at their starting price."""
        known = min(len(offsets), len(self._paths.offset))
        self._paths.offset[:known] = offsets[:known]

    def mid(self, symbol_index: int) -> Decimal:
        """The market's own mid of a symbol, before any venue's basis."""
        price = self._start[symbol_index] * np.exp(self._paths.offset[symbol_index])
        return Decimal(repr(float(price)))

    def mids(self) -> Floats:
        """The market's own mids of all symbols, before any venue's basis, `[n_symbols]`."""
        prices: Floats = self._start * np.exp(self._paths.offset)
        return prices

    def jump(self, symbol_index: int, fraction: float) -> None:
        """Move a symbol's price on every venue by a fraction of itself, at once."""
        self._paths.offset[symbol_index] += np.log1p(fraction)

    def stop_dislocations(self) -> None:
        """Let those under way run out and start no more."""
        self._dislocations.stop()

    def all_quotes(self, now_ns: int) -> QuoteBatch:
        """Quote every instrument once, for a first sight of the market."""
        self.advance(now_ns)
        return self._quote(np.arange(len(self.instruments), dtype=np.intp), now_ns)

    def step(self, now_ns: int) -> QuoteBatch:
        """Advance to `now_ns` and give the quotes due since the last call."""
        dt_s = self.advance(now_ns)
        n = len(self.instruments)
        self._owed += self.settings.quotes_per_second * dt_s
        count = min(int(self._owed), n)
        self._owed = min(self._owed - count, float(n))
        first = self._next
        self._next = (first + count) % n
        rows = np.take(self._rotation, np.arange(first, first + count), mode="wrap")
        return self._quote(rows, now_ns)

    def advance(self, now_ns: int) -> float:
        """Move everything by the time since the last call, in seconds."""
        last = self._last_ns if self._last_ns is not None else now_ns
        self._last_ns = max(last, now_ns)
        dt_s = min((self._last_ns - last) / NS_PER_S, _LONGEST_STEP_S)
        if dt_s > 0.0:
            self._clock_s += dt_s
            self._paths.step(dt_s)
            self._pull_basis(dt_s)
        self._away = self._dislocations.step(self._clock_s, dt_s)
        return dt_s

    def _pull_basis(self, dt_s: float) -> None:
        """Exact step of a mean-reverting (Ornstein-Uhlenbeck) basis of the venues' usual size."""
        keep = float(np.exp(-dt_s / self.settings.basis_seconds))
        fresh = float(np.sqrt(1.0 - keep * keep))
        noise = self._rng.standard_normal(len(self._basis))
        self._basis = self._basis * keep + noise * (self._basis_size * fresh)

    def _quote(self, rows: Rows, now_ns: int) -> QuoteBatch:
        """Price the given instruments: bid < ask, both on the tick grid, sizes in whole lots."""
        s, rng, k = self.settings, self._rng, len(rows)
        symbols = self._symbol_of[rows]
        noise = rng.standard_normal(k) * (s.noise_bps * 1e-4)
        away = self._basis[rows] + self._away[rows] + noise
        mid = self._start[symbols] * np.exp(self._paths.offset[symbols] + away)
        half = self._half_spread[rows] * rng.lognormal(0.0, 0.3, k)
        bid_ticks = np.maximum(self._ticks.floor(mid * (1.0 - half), rows), 1.0)
        ask_ticks = np.maximum(self._ticks.ceil(mid * (1.0 + half), rows), bid_ticks + 1.0)
        bid = self._ticks.at(bid_ticks, rows)
        ask = self._ticks.at(ask_ticks, rows)
        depth = s.depth_usd * np.exp(rng.standard_normal((2, k)) * s.depth_dispersion)
        bid_size = self._lots.at(np.maximum(self._lots.floor(depth[0] / bid, rows), 1.0), rows)
        ask_size = self._lots.at(np.maximum(self._lots.floor(depth[1] / ask, rows), 1.0), rows)
        return QuoteBatch(rows, bid, ask, bid_size, ask_size, now_ns)

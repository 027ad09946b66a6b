"""Simulated perpetuals: marks near the spot market's mids, funding that differs from venue to venue.

Settlements fall on whole multiples of each market's interval since the epoch, as on the venues
(00:00, 08:00, 16:00 UTC at a time scale of 1). Time is handed in, randomness is the generator's.
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import numpy as np

from arbiter.markets.assets import BaseAsset, base_assets
from arbiter.markets.grid import Floats, Grid, PriceDigits, Rows
from arbiter.markets.inverse import list_inverse
from arbiter.markets.listing import lot_of, tick_of
from arbiter.markets.perpetual_settings import PerpetualSettings, PerpetualVenue, perpetual_venue
from arbiter.markets.simulator import QuoteBatch
from arbiter.model.ids import InstrumentId, Symbol
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE
from arbiter.model.perpetuals import FundingRate
from arbiter.model.time import NS_PER_S

_LONGEST_STEP_S = 1.0
_BASIS_S = 60.0
_RATE_PLACES = 8
_MARK_DIGITS = 7


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """A market's funding falls due."""

    row: int
    instrument: InstrumentId
    rate: Decimal
    mark: Decimal
    settled_ns: int


class PerpetualMarket:
    """`settings.symbols` × `settings.venues` perpetuals; rows in the order of `instruments`."""

    def __init__(
        self, settings: PerpetualSettings, rng: np.random.Generator, now_ns: int, first_ns: int
    ) -> None:
        self.settings = settings
        assets = base_assets(settings.symbols)
        linear = [
            (number, list_perpetual(asset, perpetual_venue(venue)))
            for number, asset in enumerate(assets)
            for venue in settings.venues
        ]
        inverse = [
            (number, list_inverse(asset, profile, profile.contract_usd))
            for number, asset in enumerate(assets[: settings.inverse])
            for profile in map(perpetual_venue, settings.venues)
            if profile.contract_usd is not None
        ]
        self.instruments = tuple(instrument for _, instrument in (*linear, *inverse))
        n, n_venues = len(self.instruments), len(settings.venues)
        self._rng = rng
        self._first_ns = first_ns
        self._symbol_of: Rows = np.array([n for n, _ in (*linear, *inverse)], dtype=np.intp)
        self._contract_usd: Floats = np.array(
            [
                float(i.contract_size) if i.kind is InstrumentKind.INVERSE else 0.0
                for i in self.instruments
            ]
        )
        """What one contract is worth whatever the price; 0 where it is worth its price."""
        profiles = [perpetual_venue(i.venue) for i in self.instruments]
        self._half_spread = np.array([p.spread_bps * 0.5e-4 for p in profiles])
        self._ticks = Grid([i.tick for i in self.instruments])
        self._lots = Grid([i.lot for i in self.instruments])
        self._digits = PriceDigits(self.instruments)
        self._basis: Floats = rng.standard_normal(n) * (settings.basis_bps * 1e-4)
        self._per_8h: Floats = (
            settings.rate_level + rng.standard_normal(n) * settings.rate_dispersion
        )
        self.intervals = [
            profile.intervals[(row // n_venues) % len(profile.intervals)]
            for row, profile in enumerate(profiles)
        ]
        self._marks: Floats = np.zeros(n)
        self._rotation: Rows = rng.permutation(n).astype(np.intp)
        self._next = 0
        self._owed = 0.0
        self._last_ns = now_ns
        self._due = [self._next_funding(row, now_ns) for row in range(n)]
        self._changed = self._is_over(settings.interval_change_after_hours, now_ns)
        self._squeezed = self._is_over(settings.squeeze_after_hours, now_ns)
        if self._changed:
            self._shorten(now_ns)

    def step(self, now_ns: int, mids: Floats) -> QuoteBatch:
        """Advance to `now_ns` with the spot market's `mids` and give the quotes due."""
        dt_s = self.advance(now_ns, mids)
        n = len(self.instruments)
        self._owed += self.settings.quotes_per_second * dt_s
        count = min(int(self._owed), n)
        self._owed = min(self._owed - count, float(n))
        first = self._next
        self._next = (first + count) % n if n else 0
        rows = np.take(self._rotation, np.arange(first, first + count), mode="wrap")
        return self._quote(rows, now_ns)

    def all_quotes(self, now_ns: int, mids: Floats) -> QuoteBatch:
        self.advance(now_ns, mids)
        return self._quote(np.arange(len(self.instruments), dtype=np.intp), now_ns)

    def advance(self, now_ns: int, mids: Floats) -> float:
        dt_s = min(max(now_ns - self._last_ns, 0) / NS_PER_S, _LONGEST_STEP_S)
        self._last_ns = max(self._last_ns, now_ns)
        s, rng, n = self.settings, self._rng, len(self.instruments)
        if dt_s > 0.0 and n:
            self._basis = _towards(self._basis, 0.0, s.basis_bps * 1e-4, dt_s / _BASIS_S, rng)
            hours = dt_s / 3_600.0 * s.time_scale
            self._per_8h = _towards(
                self._per_8h, s.rate_level, s.rate_dispersion, hours / s.rate_hours, rng
            )
        self._marks = mids[self._symbol_of] * (1.0 + self._basis) if n else self._marks
        if not self._changed and self._is_over(s.interval_change_after_hours, now_ns):
            self._changed = True
            self._shorten(now_ns)
        return dt_s

    def squeeze_due(self, now_ns: int) -> bool:
        """Whether the price jump that was asked for falls due, once."""
        if self._squeezed or not self._is_over(self.settings.squeeze_after_hours, now_ns):
            return False
        self._squeezed = True
        return True

    def mark(self, row: int) -> Decimal:
        return Decimal(f"{self._marks[row]:.{_MARK_DIGITS}g}")

    def rates(self, now_ns: int) -> list[FundingRate]:
        """What the venues publish now: the rate of the running interval."""
        return [self._rate(row, now_ns) for row in range(len(self.instruments))]

    def settlements(self, now_ns: int) -> Iterator[Settlement]:
        """Give what has fallen due since the last call."""
        for row, due_ns in enumerate(self._due):
            if due_ns <= now_ns:
                told = self._rate(row, now_ns)
                self._due[row] = self._next_funding(row, now_ns)
                yield Settlement(
                    row=row,
                    instrument=told.instrument,
                    rate=told.rate,
                    mark=told.mark,
                    settled_ns=due_ns,
                )

    def _rate(self, row: int, now_ns: int) -> FundingRate:
        instrument, hours = self.instruments[row], self.intervals[row]
        rate = round(Decimal(float(self._per_8h[row]) * hours / 8.0), _RATE_PLACES)
        return FundingRate(
            instrument=instrument.id,
            venue=instrument.venue,
            symbol=instrument.symbol,
            rate=rate,
            interval_hours=hours,
            next_funding_ns=self._due[row],
            mark=self.mark(row),
            updated_ns=now_ns,
        )

    def _next_funding(self, row: int, now_ns: int) -> int:
        interval_ns = self.intervals[row] * self.settings.hour_ns
        return (now_ns // interval_ns + 1) * interval_ns

    def _is_over(self, hours: float, now_ns: int) -> bool:
        return hours > 0.0 and now_ns - self._first_ns >= hours * self.settings.hour_ns

    def set_interval(self, row: int, hours: int, now_ns: int) -> None:
        """Let one market settle every so many hours from now on."""
        self.intervals[row] = hours
        self._due[row] = self._next_funding(row, now_ns)

    def _shorten(self, now_ns: int) -> None:
        """The first venue goes over to settling every hour."""
        for row, instrument in enumerate(self.instruments):
            if instrument.venue == self.settings.venues[0]:
                self.intervals[row] = 1
                self._due[row] = self._next_funding(row, now_ns)

    def _quote(self, rows: Rows, now_ns: int) -> QuoteBatch:
        """Price the given markets: bid < ask, both on the tick grid, sizes in whole lots."""
        s, rng, k = self.settings, self._rng, len(rows)
        mid = self._marks[rows] * (1.0 + rng.standard_normal(k) * (s.noise_bps * 1e-4))
        half = self._half_spread[rows] * rng.lognormal(0.0, 0.3, k)
        grain = self._digits.grain(mid * (1.0 + half), rows)
        bid_ticks = np.floor(self._ticks.floor(mid * (1.0 - half), rows) / grain) * grain
        bid_ticks = np.maximum(bid_ticks, 1.0)
        ask_ticks = np.ceil(self._ticks.ceil(mid * (1.0 + half), rows) / grain) * grain
        ask_ticks = np.maximum(ask_ticks, bid_ticks + grain)
        bid, ask = self._ticks.at(bid_ticks, rows), self._ticks.at(ask_ticks, rows)
        depth = s.depth_usd * np.exp(rng.standard_normal((2, k)) * s.depth_dispersion)
        fixed = self._contract_usd[rows]
        worth = np.where(fixed > 0.0, fixed, bid), np.where(fixed > 0.0, fixed, ask)
        bid_size = self._lots.at(np.maximum(self._lots.floor(depth[0] / worth[0], rows), 1.0), rows)
        ask_size = self._lots.at(np.maximum(self._lots.floor(depth[1] / worth[1], rows), 1.0), rows)
        return QuoteBatch(rows, bid, ask, bid_size, ask_size, now_ns)


def perpetual_symbol(base: str) -> Symbol:
    """Every venue's perpetual on one asset has this symbol, whatever its collateral."""
    return Symbol(f"{base}/USDT:PERP")


def list_perpetual(asset: BaseAsset, profile: PerpetualVenue) -> Instrument:
    lot, tick = lot_of(asset.price), tick_of(asset.price)
    if profile.price_digits is not None:
        lot = min(lot, ONE)
        tick = ONE.scaleb(-profile.decimals - lot.adjusted())
    return Instrument(
        id=InstrumentId(f"{asset.name}USDT-PERP.{profile.venue.upper()}"),
        venue=profile.venue,
        market_id=profile.market_id(asset.name),
        symbol=perpetual_symbol(asset.name),
        kind=InstrumentKind.LINEAR,
        base=asset.name,
        quote=profile.settle,
        settle=profile.settle,
        tick=tick,
        price_digits=profile.price_digits,
        lot=lot,
        min_size=lot,
        min_notional=profile.min_notional,
        maker_fee=profile.maker_fee,
        taker_fee=profile.taker_fee,
        margin=profile.terms,
    )


def _towards(
    values: Floats, mean: float, size: float, steps: float, rng: np.random.Generator
) -> Floats:
    """Exact step of a mean-reverting (Ornstein-Uhlenbeck) process; `steps` in time constants."""
    keep = float(np.exp(-steps))
    fresh = float(np.sqrt(1.0 - keep * keep)) * size
    moved: Floats = mean + (values - mean) * keep + rng.standard_normal(len(values)) * fresh
    return moved

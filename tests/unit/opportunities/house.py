"""A small spot house for tests: two or three venues, a board, a strategy, ids that count."""

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import msgspec

from arbiter.books.board import BoardSettings, QuoteBoard
from arbiter.books.registry import MarketRegistry
from arbiter.model.ids import Asset, SignalId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.plans import Plan, Signal
from arbiter.opportunities.spot_settings import SpotSettings
from arbiter.opportunities.spot_spread import SpotSpread
from arbiter.opportunities.trend import TrendTracker
from tests.unit.books.listings import BINANCE, BYBIT, OKX, T0, S, quote, spot

BTC_A, BTC_B, BTC_C = spot(BINANCE), spot(BYBIT), spot(OKX)
ETH_A, ETH_B = spot(BINANCE, "ETH"), spot(BYBIT, "ETH")
OPEN = SpotSettings(use_trend_filter=False)
"""The defaults without the trend filter."""


class CountingIds:
    def __init__(self) -> None:
        self.signals = 0

    def signal(self) -> tuple[SignalId, int]:
        self.signals += 1
        return SignalId(UUID(int=self.signals)), self.signals


def rich(venue: VenueId, asset: Asset) -> Decimal:
    """Balances that never bind."""
    return Decimal(10**9)


class House:
    """Everything between a quote and a plan."""

    def __init__(self, settings: SpotSettings = OPEN, *instruments: Instrument) -> None:
        listed = instruments or (BTC_A, BTC_B, BTC_C, ETH_A, ETH_B)
        self.registry = MarketRegistry(listed)
        self.board = QuoteBoard(self.registry, BoardSettings())
        self.trend = TrendTracker(self.registry.n_slots)
        self.ids = CountingIds()
        self.spot = SpotSpread(settings, self.board, self.registry, self.trend, self.ids)

    def slot(self, instrument: Instrument) -> int:
        return self.registry.slot(instrument.id)

    def quote(
        self,
        instrument: Instrument,
        bid: float,
        ask: float,
        *,
        size: float = 100.0,
        at_ns: int = T0,
    ) -> int:
        return quote(self.board, instrument, bid, ask, bid_size=size, ask_size=size, at_ns=at_ns)

    def open_spread(
        self,
        cheap: Instrument = BTC_A,
        dear: Instrument = BTC_B,
        *,
        at_ns: int = T0,
        scale: float = 1.0,
    ) -> None:
        """Quote 99.9/100 here and 102/102.1 there: 1.6 % net."""
        self.quote(cheap, 99.9 * scale, 100.0 * scale, at_ns=at_ns)
        self.quote(dear, 102.0 * scale, 102.1 * scale, at_ns=at_ns)

    def consider(
        self, cheap: Instrument = BTC_A, dear: Instrument = BTC_B, *, at_ns: int = T0
    ) -> Signal | None:
        return self.spot.consider(self.slot(cheap), self.slot(dear), at_ns)

    def signal(
        self, cheap: Instrument = BTC_A, dear: Instrument = BTC_B, *, at_ns: int = T0
    ) -> Signal:
        """Open a spread and expect an executable signal of it."""
        self.open_spread(cheap, dear, at_ns=at_ns)
        found = self.consider(cheap, dear, at_ns=at_ns)
        assert found is not None
        assert found.verdict == ""
        return found

    def plan(
        self,
        signal: Signal,
        free: Callable[[VenueId, Asset], Decimal] = rich,
        scale: Decimal = Decimal(1),
    ) -> Plan:
        made = self.spot.plan(signal, free, T0, scale)
        assert isinstance(made, Plan), made
        return made

    def trend_of(self, instrument: Instrument, prices: list[float], *, from_ns: int) -> int:
        """Feed one mid a second to one instrument; give the time of the last."""
        at_ns = from_ns
        for price in prices:
            at_ns += S
            self.quote(instrument, price - 0.05, price + 0.05, at_ns=at_ns)
            self.spot.sample(at_ns)
        return at_ns


def with_(settings: SpotSettings, **changes: object) -> SpotSettings:
    return msgspec.structs.replace(settings, **changes)

"""The one market behind all servers: spot, perpetual and event rows, batch by batch."""

from decimal import Decimal

import numpy as np

from arbiter.markets.candles import backfill, to_candles
from arbiter.markets.event_catalogue import EventTopic
from arbiter.markets.events import EventMarket, Resolution
from arbiter.markets.grid import Floats
from arbiter.markets.perpetuals import PerpetualMarket, Settlement
from arbiter.markets.simulator import MarketSimulator, QuoteBatch
from arbiter.model.instruments import Instrument
from arbiter.model.perpetuals import FundingRate
from arbiter.model.quotes import Candle
from arbiter.simex.settings import SimexSettings


class Market:
    """Rows number the spot instruments first, then the perpetuals, then the event markets.

    Event markets run on a time of their own, which begins with the start: their closes are then
    spread over the time that a round takes, and all lie ahead.
    """

    def __init__(self, settings: SimexSettings, now_ns: int) -> None:
        seed = settings.seed
        self._seed, self._started_ns = seed, now_ns
        self._past: Floats | None = None
        self.spot = MarketSimulator(settings.markets, np.random.default_rng([seed, 0]))
        self.perpetuals = PerpetualMarket(
            settings.perpetuals, np.random.default_rng([seed, 1]), now_ns, now_ns
        )
        self.n_spot = len(self.spot.instruments)
        events = settings.event_markets
        self._apart_ns = now_ns - 1_000 * events.recurs_ns
        self.events = EventMarket(
            events,
            seed,
            np.random.default_rng([seed, 2]),
            self._events_ns(now_ns),
            resolved={},
        )
        self.events_from = self.n_spot + len(self.perpetuals.instruments)
        self.instruments: tuple[Instrument, ...] = (
            *self.spot.instruments,
            *self.perpetuals.instruments,
            *self.events.instruments,
        )
        n_venues = max(len(events.listed), 1)
        self._closes = [
            self._apart_ns
            + self.events.closes_ns(
                row // n_venues, self.events.round_at(row // n_venues, self._events_ns(now_ns))
            )
            for row in range(len(self.events.instruments))
        ]

    def first(self, now_ns: int) -> QuoteBatch:
        """Quote everything once."""
        return self._joined(
            self.spot.all_quotes(now_ns),
            self.perpetuals.all_quotes(now_ns, self.spot.mids()),
            self.events.all_quotes(self._events_ns(now_ns)),
        )

    def step(self, now_ns: int) -> QuoteBatch:
        return self._joined(
            self.spot.step(now_ns),
            self.perpetuals.step(now_ns, self.spot.mids()),
            self.events.step(self._events_ns(now_ns)),
        )

    def jump(self, symbol_index: int, fraction: float, now_ns: int) -> QuoteBatch:
        """Move a symbol's price everywhere, and quote everything at its new place."""
        self.spot.jump(symbol_index, fraction)
        return self.first(now_ns)

    def mark(self, row: int) -> Decimal:
        return self.perpetuals.mark(row - self.n_spot)

    def mid(self, row: int) -> Decimal:
        """The market's own mid of a spot row's symbol."""
        return self.spot.mid(row // len(self.spot.settings.venues))

    def past(self, row: int) -> list[Candle]:
        """Minutes of the day before the start, up to the starting price; none of event markets.

        A perpetual's are those of its symbol on the first spot venue.
        """
        if row >= self.events_from:
            return []
        settings = self.spot.settings
        if self._past is None:
            self._past = backfill(settings, np.random.default_rng([self._seed, 3]))
        source = row
        if row >= self.n_spot:
            symbol = (row - self.n_spot) // len(self.perpetuals.settings.venues)
            source = symbol * len(settings.venues)
        return to_candles(self.instruments[row].id, self._past[source], self._started_ns)

    def funding(self, now_ns: int) -> dict[int, FundingRate]:
        """What is published now, by row."""
        return dict(enumerate(self.perpetuals.rates(now_ns), self.n_spot))

    def settlements(self, now_ns: int) -> list[tuple[int, Settlement]]:
        return [(self.n_spot + due.row, due) for due in self.perpetuals.settlements(now_ns)]

    def set_interval(self, row: int, hours: int, now_ns: int) -> None:
        self.perpetuals.set_interval(row - self.n_spot, hours, now_ns)

    # Event markets.

    def shift(self, row: int, dollars: float) -> None:
        """Move one venue's price of an event away from the others', for good."""
        self.events.shift(row - self.events_from, dollars)

    def closes_ns(self, row: int) -> int:
        """When an event market of this row ends."""
        return self._closes[row - self.events_from]

    def topic(self, row: int) -> EventTopic:
        n_venues = len(self.events.settings.listed)
        return self.events.topics[(row - self.events_from) // n_venues]

    def resolutions(self, now_ns: int) -> list[tuple[int, Resolution]]:
        """Rounds that have ended since the last call, by row."""
        ended = self.events.resolutions(self._events_ns(now_ns))
        return [(self.events_from + told.row, told) for told in ended]

    def _events_ns(self, now_ns: int) -> int:
        return now_ns - self._apart_ns

    def _joined(self, spot: QuoteBatch, perpetual: QuoteBatch, events: QuoteBatch) -> QuoteBatch:
        if not len(perpetual) and not len(events):
            return spot
        batches = (spot, perpetual, events)
        firsts = (0, self.n_spot, self.events_from)
        return QuoteBatch(
            np.concatenate([b.rows + first for b, first in zip(batches, firsts, strict=True)]),
            np.concatenate([b.bid for b in batches]),
            np.concatenate([b.ask for b in batches]),
            np.concatenate([b.bid_size for b in batches]),
            np.concatenate([b.ask_size for b in batches]),
            spot.at_ns,
        )

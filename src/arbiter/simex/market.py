"""The one market behind all servers: spot and perpetual rows, batch by batch."""

from decimal import Decimal

import numpy as np

from arbiter.markets.perpetuals import PerpetualMarket, Settlement
from arbiter.markets.simulator import MarketSimulator, QuoteBatch
from arbiter.model.instruments import Instrument
from arbiter.model.perpetuals import FundingRate
from arbiter.simex.settings import SimexSettings


class Market:
    """Rows number the spot instruments first, then the perpetuals."""

    def __init__(self, settings: SimexSettings, now_ns: int) -> None:
        seed = settings.seed
        self.spot = MarketSimulator(settings.markets, np.random.default_rng([seed, 0]))
        self.perpetuals = PerpetualMarket(
            settings.perpetuals, np.random.default_rng([seed, 1]), now_ns, now_ns
        )
        self.n_spot = len(self.spot.instruments)
        self.instruments: tuple[Instrument, ...] = (
            *self.spot.instruments,
            *self.perpetuals.instruments,
        )

    def first(self, now_ns: int) -> QuoteBatch:
        """Quote everything once."""
        spot = self.spot.all_quotes(now_ns)
        return self._joined(spot, self.perpetuals.all_quotes(now_ns, self.spot.mids()))

    def step(self, now_ns: int) -> QuoteBatch:
        spot = self.spot.step(now_ns)
        return self._joined(spot, self.perpetuals.step(now_ns, self.spot.mids()))

    def jump(self, symbol_index: int, fraction: float, now_ns: int) -> QuoteBatch:
        """Move a symbol's price everywhere, and quote everything at its new place."""
        self.spot.jump(symbol_index, fraction)
        return self.first(now_ns)

    def mark(self, row: int) -> Decimal:
        return self.perpetuals.mark(row - self.n_spot)

    def mid(self, row: int) -> Decimal:
        """The market's own mid of a spot row's symbol."""
        return self.spot.mid(row // len(self.spot.settings.venues))

    def funding(self, now_ns: int) -> dict[int, FundingRate]:
        """What is published now, by row."""
        return dict(enumerate(self.perpetuals.rates(now_ns), self.n_spot))

    def settlements(self, now_ns: int) -> list[tuple[int, Settlement]]:
        return [(self.n_spot + due.row, due) for due in self.perpetuals.settlements(now_ns)]

    def set_interval(self, row: int, hours: int, now_ns: int) -> None:
        self.perpetuals.set_interval(row - self.n_spot, hours, now_ns)

    def _joined(self, spot: QuoteBatch, perpetual: QuoteBatch) -> QuoteBatch:
        if not len(perpetual):
            return spot
        return QuoteBatch(
            np.concatenate([spot.rows, perpetual.rows + self.n_spot]),
            np.concatenate([spot.bid, perpetual.bid]),
            np.concatenate([spot.ask, perpetual.ask]),
            np.concatenate([spot.bid_size, perpetual.bid_size]),
            np.concatenate([spot.ask_size, perpetual.ask_size]),
            spot.at_ns,
        )

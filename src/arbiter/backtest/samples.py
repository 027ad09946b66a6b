"""Spreads over time for the report: what every pair showed at even intervals.

It only reads the board, so that a run with it and one without make the same trades.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from arbiter.backtest.session import Session
from arbiter.backtest.survey import Survey
from arbiter.model.time import NS_PER_S

POINTS = 1_500
MAX_PAIRS = 24
"""More would neither fit a chart nor be looked at."""


class SpreadSamples:
    """Gross spread and best net edge at about `POINTS` moments of the run.

    Silence (a gap between recordings) takes no points: samples are taken while there are quotes.
    """

    def __init__(self, session: Session, found: Survey) -> None:
        self._session = session
        board = session.core.board
        venues = board.n_venues
        pairs = [
            (symbol * venues + buy, symbol * venues + sell)
            for symbol in range(len(board.registry.symbols))
            for buy in range(venues)
            for sell in range(venues)
            if buy != sell
            and board.registry.instrument_at(symbol * venues + buy) is not None
            and board.registry.instrument_at(symbol * venues + sell) is not None
        ]
        self.pairs: Sequence[tuple[int, int]] = pairs[:MAX_PAIRS]
        self._buys = np.array([buy for buy, _ in self.pairs], dtype=np.intp)
        self._sells = np.array([sell for _, sell in self.pairs], dtype=np.intp)
        self.pairs_left_out = len(pairs) - len(self.pairs)
        self.every_ns = max(found.quoted_ns // POINTS, NS_PER_S)
        self.times_ns: list[int] = []
        self.gross: list[NDArray[np.float64]] = []
        self.best_edges: list[float] = []
        self._next_ns = found.first_ns + self.every_ns
        if pairs:
            session.on_look(self._next_ns, self._look)

    def _look(self, now_ns: int) -> int:
        """Take one sample; gives when to look again."""
        board = self._session.core.board
        gross, net = board.spreads_of(self._buys, self._sells, now_ns)
        fresh = np.isfinite(gross)
        if fresh.any():
            self.times_ns.append(now_ns)
            self.gross.append(gross)
            self.best_edges.append(float(net[fresh].max()))
        return now_ns + self.every_ns

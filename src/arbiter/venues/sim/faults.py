"""Faults of the simulated venues, over the real socket: by chance from a seed, or by script.

They befall every call that is for one venue (the first word of a new connection among them), its
private stream and its quotes; tools that only look ask for the plain truth (`wire.Request.plain`).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from arbiter.markets.simulator import QuoteBatch
from arbiter.matching.fault_plan import FaultEvent, FaultPlan, FaultSettings, Move
from arbiter.matching.faults import Fault
from arbiter.model.ids import VenueId
from arbiter.model.instruments import Instrument

__all__ = ["FaultEvent", "FaultSettings", "HouseFaults", "Move"]


class HouseFaults(FaultPlan):
    """The faults of all venues of one process, and of the quotes they show."""

    def __init__(
        self,
        settings: FaultSettings,
        instruments: Sequence[Instrument],
        venues: Sequence[VenueId],
        started_ns: int,
    ) -> None:
        super().__init__(settings, venues, started_ns)
        self._ids = [i.id for i in instruments]
        self._venue_of = [i.venue for i in instruments]

    def shown(self, batch: QuoteBatch, now_ns: int) -> tuple[QuoteBatch, npt.NDArray[np.int64]]:
        """Give what of a batch is published, and the venue time of each quote."""
        bid, ask = batch.bid.copy(), batch.ask.copy()
        keep = np.ones(len(batch), dtype=np.bool_)
        at_ns = np.full(len(batch), batch.at_ns, dtype=np.int64)
        for n, row in enumerate(batch.rows.tolist()):
            faults = self.at(self._venue_of[row])
            fault = faults.on_quote(self._ids[row], now_ns)
            if fault is Fault.CROSSED:
                bid[n], ask[n] = ask[n] * 1.001, bid[n]
            elif fault is not None:
                keep[n] = False
            at_ns[n] = faults.clock_ns(batch.at_ns)
        published = QuoteBatch(
            batch.rows[keep],
            bid[keep],
            ask[keep],
            batch.bid_size[keep],
            batch.ask_size[keep],
            batch.at_ns,
        )
        return published, at_ns[keep]

    def thinned(self, batch: QuoteBatch) -> QuoteBatch:
        """Give what is really there to be traded with of a batch that is shown."""
        by_row = [self.at(self._venue_of[row]) for row in batch.rows.tolist()]
        sizes = [
            np.array([f.shown(size) for f, size in zip(by_row, shown.tolist(), strict=True)])
            for shown in (batch.bid_size, batch.ask_size)
        ]
        return QuoteBatch(batch.rows, batch.bid, batch.ask, sizes[0], sizes[1], batch.at_ns)

"""Event markets in paper: decided when the real venue has decided, paid here."""

import asyncio
from collections.abc import Iterable, Mapping

import structlog
from msgspec.structs import replace

from arbiter.model.errors import NO_ANSWER
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.ports.event_listings import EventOutcomes
from arbiter.ports.venue import QuoteSink
from arbiter.venues.paper.client import PaperClient

log = structlog.get_logger(__name__)

EVERY_S = 60.0


def final_at_once(instrument: Instrument) -> Instrument:
    """A match of paper waits for no confirmation."""
    return replace(instrument, settles_fills=False) if instrument.settles_fills else instrument


class PaperPayouts:
    """Runs beside the feeds: asks for outcomes and lets the paper venue pay them."""

    def __init__(
        self,
        venue: EventOutcomes,
        client: PaperClient,
        instruments: Iterable[Instrument],
        every_s: float = EVERY_S,
    ) -> None:
        self._venue = venue
        self._client = client
        self._open = {i.id: None for i in instruments if i.kind is InstrumentKind.BINARY}
        self._every_s = every_s
        self._some = asyncio.Event()

    def admit(self, instruments: Iterable[Instrument], _slots: Mapping[InstrumentId, int]) -> None:
        """Ask for the outcomes of these, too."""
        self._open |= {i.id: None for i in instruments if i.kind is InstrumentKind.BINARY}
        self._some.set()

    async def run(self, sink: QuoteSink) -> None:
        del sink
        while True:
            if not self._open:
                self._some.clear()
                await self._some.wait()
            try:
                decided = await self._venue.outcomes(tuple(self._open))
            except NO_ANSWER as error:
                log.debug("no outcomes", venue=self._client.venue, why=str(error))
                decided = {}
            for name, payout in decided.items():
                self._client.resolved(name, payout)
                self._open.pop(name, None)
            await asyncio.sleep(self._every_s)

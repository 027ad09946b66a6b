"""The two venues of the stage, and what they say of their markets."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from arbiter.markets.event_settings import EVENT_VENUES
from arbiter.matching.event_exchange import EventExchange
from arbiter.matching.faults import Faults
from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill
from arbiter.model.reports import FillSettled, ForcedReported
from tests.chaos.venue import VirtualVenue
from tests.chaos.virtual_loop import VirtualLoop


class EventVenue(VirtualVenue):
    def __init__(
        self,
        venue: VenueId,
        instruments: Sequence[Instrument],
        faults: Faults,
        loop: VirtualLoop,
        draw: Callable[[], float],
    ) -> None:
        super().__init__(venue, instruments, faults, loop, draw)
        self.events = EventExchange(venue, instruments)
        self.exchange = self.events
        self.asset = EVENT_VENUES[venue].settle
        self.matched: list[Fill] = []
        """Every fill there ever was, failed ones included."""
        self.failed: set[str] = set()
        self.paid: list[tuple[InstrumentId, Decimal, Decimal]] = []
        """Contract, signed contracts held and what each paid."""

    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        margin = self.exchange.margin
        return await self._call("payments", lambda: margin.settled_since(since_ns))

    def settle(self, fill: Fill, ok: bool) -> None:
        if not ok:
            self.failed.add(fill.venue_trade_id)
        self._tell(self.events.settle_fill(fill.venue_trade_id, ok, self._now()))

    def resolve(self, instrument: InstrumentId, price: Decimal | None) -> None:
        reports = self.events.resolve(instrument, price, self._now())
        for report in reports:
            if isinstance(report, ForcedReported):
                paid = report.forced
                self.paid.append((instrument, -paid.contracts, paid.price))
        self._tell(reports)

    def reopen(self, instrument: InstrumentId) -> None:
        self._tell(self.events.open_market(instrument, self._now()))


class Listed:
    """A venue's listings, one of whose texts may be changed."""

    def __init__(self, listings: Sequence[EventListing]) -> None:
        self.told = list(listings)

    async def listings(self) -> Sequence[EventListing]:
        return tuple(self.told)

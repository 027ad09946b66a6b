"""Real feeds whose quotes and funding the paper venues see too."""

from collections.abc import Callable, Mapping, Sequence

from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.perpetuals import FundingRate
from arbiter.ports.venue import Feed, FundingFeed, FundingSink, QuoteSink
from arbiter.venues.paper.client import PaperClient


class PaperFeed:
    """Implements `ports.Feed`: the engine hears first, then the paper venue."""

    def __init__(
        self, feed: Feed, client: PaperClient, instruments: Mapping[int, InstrumentId]
    ) -> None:
        self._feed = feed
        self._client = client
        self._instruments = dict(instruments)

    def admit(self, _instruments: object, slots: Mapping[InstrumentId, int]) -> None:
        """Show the paper venue the quotes of these slots, too."""
        self._instruments |= {slot: name for name, slot in slots.items()}

    async def run(self, sink: QuoteSink) -> None:
        await self._feed.run(_Both(sink, self._client, self._instruments))


class _Both:
    def __init__(
        self, sink: QuoteSink, client: PaperClient, instruments: Mapping[int, InstrumentId]
    ) -> None:
        self._on_quote = sink.on_quote
        self._on_venue_health = sink.on_venue_health
        self._quoted = client.quoted
        self._instruments = instruments

    def on_quote(
        self,
        slot: int,
        bid: float,
        ask: float,
        bid_size: float,
        ask_size: float,
        exchange_ns: int,
        receive_ns: int,
    ) -> None:
        self._on_quote(slot, bid, ask, bid_size, ask_size, exchange_ns, receive_ns)
        self._quoted(self._instruments[slot], bid, ask, bid_size, ask_size)

    def on_venue_health(self, venue: VenueId, *, connected: bool, reason: str) -> None:
        self._on_venue_health(venue, connected=connected, reason=reason)


class PaperFunding:
    """Implements `ports.FundingFeed`."""

    def __init__(self, feed: FundingFeed, client: PaperClient) -> None:
        self._feed = feed
        self._client = client

    async def run(self, sink: FundingSink) -> None:
        await self._feed.run(_BothFunded(sink.on_funding, self._client))


class _BothFunded:
    def __init__(self, tell: Callable[[Sequence[FundingRate]], None], client: PaperClient) -> None:
        self._tell = tell
        self._client = client

    def on_funding(self, rates: Sequence[FundingRate]) -> None:
        self._tell(rates)
        self._client.funded(rates)

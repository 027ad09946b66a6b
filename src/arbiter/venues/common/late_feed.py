"""A feed whose venue lists more while it runs: what comes later has connections of its own.

Another market makes those anew, so that no connection is made for each; what was followed from the
start never notices. The venue is up when all of them are.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.ports.venue import Feed, QuoteSink
from arbiter.venues.common.health import VenueHealth
from arbiter.venues.common.wiring import FeedWiring

_FIRST, _LATE = 0, 1


class LateFeed:
    """Implements `ports.Feed`; `make` makes the venue's own."""

    def __init__(self, wiring: FeedWiring, make: Callable[[FeedWiring], Feed]) -> None:
        self._first = wiring
        self._late = replace(wiring, instruments=(), slots={})
        self._make = make
        self._news = asyncio.Event()

    def follow(self, instruments: Sequence[Instrument], slots: Mapping[InstrumentId, int]) -> None:
        """Quote these too, from now on."""
        self._late = replace(
            self._late,
            instruments=(*self._late.instruments, *instruments),
            slots={**self._late.slots, **slots},
        )
        self._news.set()

    async def run(self, sink: QuoteSink) -> None:
        health = VenueHealth(self._first.venue, sink, 1)  # what comes later counts once it speaks
        first_part = _Part(sink, health.listener(_FIRST))
        late_part = _Part(sink, health.listener(_LATE))
        async with asyncio.TaskGroup() as group:
            first = self._make(self._first).run(first_part)
            group.create_task(first, name=f"{self._first.venue} quotes")
            late: asyncio.Task[None] | None = None
            while True:
                await self._news.wait()
                self._news.clear()
                if late is not None:
                    late.cancel()
                    await asyncio.wait({late})
                feed = self._make(self._late).run(late_part)
                late = group.create_task(feed, name=f"{self._late.venue} later quotes")


class _Part:
    def __init__(self, sink: QuoteSink, tell: Callable[[bool, str], None]) -> None:
        self.on_quote = sink.on_quote
        self._tell = tell

    def on_venue_health(self, venue: VenueId, *, connected: bool, reason: str) -> None:
        del venue
        self._tell(connected, reason)

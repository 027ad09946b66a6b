"""OKX's top of book, spot and swaps: ``bbo-tbt``, whole each time, up to a hundred a second.

Sizes of swaps come in contracts and leave in base units.
"""

from collections.abc import Mapping

import msgspec

from arbiter.ports.clock import Clock
from arbiter.ports.venue import QuoteSink
from arbiter.venues.common.connections import follow, spread
from arbiter.venues.common.frames import UNREADABLE, BadFrame, FeedTally, bad, fast_decoder
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.okx.addresses import ENDPOINTS, PUBLIC
from arbiter.venues.okx.decode import BestMessage
from arbiter.venues.okx.talk import TOPICS_PER_CONNECTION, OkxTalk, pace

_decode = fast_decoder(BestMessage)


class Place(msgspec.Struct, frozen=True):
    """Where an instrument's data goes, and what a unit of its sizes is worth."""

    slot: int
    unit: float


class OkxFeed:
    """Implements `ports.Feed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: QuoteSink) -> None:
        wiring = self._wiring
        await follow(
            wiring,
            self.tally,
            connections(wiring),
            lambda link, places: QuoteTalk(link, places, sink, wiring.clock, self.tally),
            settings=pace(wiring.stream),
            health=sink,
        )


class _Row(msgspec.Struct):
    slot: int
    unit: float
    number: int = -1
    at_ms: int = 0


class QuoteTalk(OkxTalk):
    """The hot path. A message repeated or late is known by its number and its time together: the
    numbers alone may begin anew after a maintenance of the venue's."""

    def __init__(
        self,
        link: Link,
        places: Mapping[str, Place],
        sink: QuoteSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, [f"bbo-tbt:{name}" for name in places], tally)
        self._rows = {name: _Row(place.slot, place.unit) for name, place in places.items()}
        self._on_quote = sink.on_quote
        self._now_ns = clock.now_ns

    def hear(self, data: bytes) -> None:
        try:
            told = _decode(data)
        except UNREADABLE as error:
            self.note(data, bad(data, str(error)))
            return
        try:
            row = self._rows[told.arg.name]
        except KeyError:
            raise BadFrame(f"{told.arg.name!r} was not asked for") from None
        for best in told.data:
            if best.number <= row.number and best.ts <= row.at_ms:
                self._tally.stale += 1
                continue
            row.number, row.at_ms = best.number, best.ts
            if not best.bids or not best.asks:
                continue  # with one side empty there is nothing to trade on
            bid, bid_size, _, _ = best.bids[0]
            ask, ask_size, _, _ = best.asks[0]
            if not (0.0 < bid < ask < 1e300 and 0.0 < bid_size < 1e300 and 0.0 < ask_size < 1e300):
                raise BadFrame(f"{told.arg.name}: {bid_size} at {bid}, {ask_size} at {ask}")
            unit = row.unit
            self._on_quote(
                row.slot,
                bid,
                ask,
                bid_size * unit,
                ask_size * unit,
                best.ts * 1_000_000,
                self._now_ns(),
            )


def connections(wiring: FeedWiring, channels: int = 1) -> list[tuple[str, dict[str, Place]]]:
    """Share the instruments out by what one connection carries, each with so many channels."""
    places = {
        told.market_id: Place(wiring.slots[told.id], float(told.wire_unit))
        for told in wiring.instruments
    }
    url = (wiring.endpoints or ENDPOINTS).stream + PUBLIC
    return spread(url, places, TOPICS_PER_CONNECTION // channels)

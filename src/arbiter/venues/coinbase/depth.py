"""Coinbase's depth: the full book of every product."""

from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.market_data import DepthSink
from arbiter.venues.coinbase.books import BookTalk, Repair, Row
from arbiter.venues.coinbase.feed import mended
from arbiter.venues.coinbase.talk import pace
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring


class CoinbaseDepthFeed:
    """Implements `ports.DepthFeed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: DepthSink) -> None:
        wiring = self._wiring
        await follow(
            wiring,
            self.tally,
            mended(wiring, self.tally),
            lambda link, part: DepthTalk(link, part[0], sink, wiring.clock, self.tally, part[1]),
            settings=pace(wiring.stream),
        )


class DepthTalk(BookTalk):
    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        sink: DepthSink,
        clock: Clock,
        tally: FeedTally,
        repair: Repair,
    ) -> None:
        super().__init__(link, slots, clock, tally, repair)
        self._sink = sink

    def changed(self, row: Row, at_ns: int) -> None:
        self._sink.on_depth(row.slot, row.book, at_ns, self._now_ns())

    def lost(self, row: Row, why: str) -> None:
        self._sink.on_depth_lost(row.slot, why)

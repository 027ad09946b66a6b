"""Bybit's depth: ``orderbook.50`` (20 ms) of every instrument."""

from collections.abc import Mapping

from arbiter.model.time import NS_PER_MS
from arbiter.ports.clock import Clock
from arbiter.ports.market_data import DepthSink
from arbiter.venues.bybit.books import BookTalk, Row
from arbiter.venues.bybit.decode import BookMessage
from arbiter.venues.bybit.feed import connections, pace
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring

LEVELS = 50


class BybitDepthFeed:
    """Implements `ports.DepthFeed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: DepthSink) -> None:
        wiring = self._wiring

        await follow(
            wiring,
            self.tally,
            connections(wiring),
            lambda link, slots: DepthTalk(link, slots, sink, wiring.clock, self.tally),
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
    ) -> None:
        super().__init__(link, LEVELS, slots, clock, tally)
        self._sink = sink

    def changed(self, row: Row, told: BookMessage) -> None:
        at_ns = (told.cts or told.ts) * NS_PER_MS
        self._sink.on_depth(row.slot, row.numbered.book, at_ns, self._now_ns())

    def lost(self, row: Row, why: str) -> None:
        self._sink.on_depth_lost(row.slot, why)

"""Kalshi's depth: the whole book of every market. It takes a key."""

import asyncio
from collections.abc import Mapping

from arbiter.model.errors import BadConfig
from arbiter.ports.clock import Clock
from arbiter.ports.market_data import DepthSink
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.stream import Link, Stream
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kalshi.addresses import STREAM
from arbiter.venues.kalshi.books import BookTalk, Row
from arbiter.venues.kalshi.feed import keep_clock, pace, shares, stream_url
from arbiter.venues.kalshi.rest import KalshiRest


class KalshiDepthFeed:
    """Implements `ports.DepthFeed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: DepthSink) -> None:
        wiring = self._wiring
        if wiring.keys is None:
            raise BadConfig(f"the books of {wiring.venue} take a key: arbiter keys add kalshi")
        rest = KalshiRest(wiring.keys, wiring.endpoints, wiring.clock)

        def stream(slots: Mapping[str, int]) -> Stream:
            return Stream(
                stream_url(wiring),
                lambda link: DepthTalk(link, slots, sink, wiring.clock, self.tally),
                on_state=lambda _up, _why: None,
                tally=self.tally,
                settings=pace(wiring.stream),
                draw=wiring.draw,
                headers=lambda: rest.stream_headers(STREAM),
            )

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(keep_clock(rest, wiring.clock), name=f"{wiring.venue} clock")
                for slots in shares(wiring):
                    group.create_task(stream(slots).run(), name=f"{wiring.venue} depth")
        finally:
            await rest.close()


class DepthTalk(BookTalk):
    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        sink: DepthSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, slots, clock, tally)
        self._sink = sink

    def changed(self, row: Row) -> None:
        self._sink.on_depth(row.slot, row.relative.book, row.at_ns, self._now_ns())

    def lost(self, row: Row, why: str) -> None:
        self._sink.on_depth_lost(row.slot, why)

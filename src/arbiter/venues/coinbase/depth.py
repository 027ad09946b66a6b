"""Coinbase's depth: the full book of every product."""

import asyncio
from collections.abc import Mapping, Sequence

from arbiter.ports.clock import Clock
from arbiter.ports.market_data import DepthSink
from arbiter.venues.coinbase.books import BookTalk, Repair, Row
from arbiter.venues.coinbase.feed import stream_url
from arbiter.venues.coinbase.talk import PRODUCTS_PER_CONNECTION, pace
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.stream import Link, Stream
from arbiter.venues.common.subscriptions import shards
from arbiter.venues.common.wiring import FeedWiring


class CoinbaseDepthFeed:
    """Implements `ports.DepthFeed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: DepthSink) -> None:
        wiring = self._wiring
        slots = wiring.slot_of()

        def stream(products: Sequence[str]) -> Stream:
            here = {product: slots[product] for product in products}
            repair = Repair(self.tally, wiring.clock)
            return Stream(
                stream_url(wiring),
                lambda link: DepthTalk(link, here, sink, wiring.clock, self.tally, repair),
                on_state=lambda _up, _why: None,
                tally=self.tally,
                settings=pace(wiring.stream),
                draw=wiring.draw,
            )

        async with asyncio.TaskGroup() as group:
            for products in shards(sorted(slots), PRODUCTS_PER_CONNECTION):
                group.create_task(stream(products).run(), name=f"{wiring.venue} depth")


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

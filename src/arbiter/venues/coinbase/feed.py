"""Coinbase's top of book, from its full book: the ticker speaks only when something trades."""

import asyncio
from collections.abc import Mapping, Sequence

from arbiter.ports.clock import Clock
from arbiter.ports.venue import QuoteSink
from arbiter.venues.coinbase.addresses import ENDPOINTS, STREAM
from arbiter.venues.coinbase.books import BookTalk, Repair, Row
from arbiter.venues.coinbase.talk import PRODUCTS_PER_CONNECTION, pace
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.health import VenueHealth
from arbiter.venues.common.stream import Link, Stream
from arbiter.venues.common.subscriptions import shards
from arbiter.venues.common.wiring import FeedWiring


class CoinbaseFeed:
    """Implements `ports.Feed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: QuoteSink) -> None:
        wiring = self._wiring
        slots = wiring.slot_of()
        parts = shards(sorted(slots), PRODUCTS_PER_CONNECTION)
        health = VenueHealth(wiring.venue, sink, len(parts))

        def stream(number: int, products: Sequence[str]) -> Stream:
            here = {product: slots[product] for product in products}
            repair = Repair(self.tally, wiring.clock)
            return Stream(
                stream_url(wiring),
                lambda link: QuoteTalk(link, here, sink, wiring.clock, self.tally, repair),
                on_state=health.listener(number),
                tally=self.tally,
                settings=pace(wiring.stream),
                draw=wiring.draw,
            )

        async with asyncio.TaskGroup() as group:
            for number, products in enumerate(parts):
                group.create_task(stream(number, products).run(), name=f"{wiring.venue} {number}")


class QuoteTalk(BookTalk):
    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        sink: QuoteSink,
        clock: Clock,
        tally: FeedTally,
        repair: Repair,
    ) -> None:
        super().__init__(link, slots, clock, tally, repair)
        self._on_quote = sink.on_quote

    def changed(self, row: Row, at_ns: int) -> None:
        book = row.book
        bid, ask = book.best_bid, book.best_ask
        bid_size, ask_size = book.bid_size(bid), book.ask_size(ask)
        if bid_size and ask_size:  # with one side empty there is nothing to trade on
            self._on_quote(row.slot, bid, ask, bid_size, ask_size, at_ns, self._now_ns())


def stream_url(wiring: FeedWiring) -> str:
    return (wiring.endpoints or ENDPOINTS).stream + STREAM

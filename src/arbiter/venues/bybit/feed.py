"""Bybit's top of book, spot and perpetuals: one ``orderbook.1`` topic per instrument.

The venue repeats the snapshot of a quiet instrument every three seconds with an unchanged number:
such a repetition says that the quote still stands, and is passed on.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from arbiter.ports.clock import Clock
from arbiter.ports.venue import QuoteSink
from arbiter.venues.bybit.addresses import CATEGORIES, ENDPOINTS, STREAM
from arbiter.venues.bybit.books import BookTalk, Row
from arbiter.venues.bybit.decode import BookMessage
from arbiter.venues.bybit.talk import TOPICS_PER_CONNECTION
from arbiter.venues.common.connections import follow, spread
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.stream import Link, StreamSettings
from arbiter.venues.common.wiring import FeedWiring

Part = tuple[str, dict[str, int]]
"""URL of a connection, and the slots of the symbols it carries."""


class BybitFeed:
    """Implements `ports.Feed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: QuoteSink) -> None:
        wiring = self._wiring
        parts = connections(wiring)
        await follow(
            wiring,
            self.tally,
            parts,
            lambda link, slots: QuoteTalk(link, slots, sink, wiring.clock, self.tally),
            settings=pace(wiring.stream),
            health=sink,
        )


class QuoteTalk(BookTalk):
    """The hot path: a message of one level a side is a quote."""

    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        sink: QuoteSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, 1, slots, clock, tally)
        self._on_quote = sink.on_quote

    def take(self, row: Row, told: BookMessage) -> None:
        book = told.data
        bids, asks = book.b, book.a
        if told.type == "snapshot" and len(bids) == len(asks) == 1 and row.numbered.in_step:
            row.numbered.snapshot(book)
            ((bid, bid_size),) = bids
            ((ask, ask_size),) = asks
            at_ns = (told.cts or told.ts) * 1_000_000
            self._on_quote(row.slot, bid, ask, bid_size, ask_size, at_ns, self._now_ns())
        else:
            super().take(row, told)

    def changed(self, row: Row, told: BookMessage) -> None:
        book = row.numbered.book
        bid, ask = book.best_bid, book.best_ask
        bid_size, ask_size = book.bid_size(bid), book.ask_size(ask)
        if bid_size and ask_size:  # with one side empty there is nothing to trade on
            at_ns = (told.cts or told.ts) * 1_000_000
            self._on_quote(row.slot, bid, ask, bid_size, ask_size, at_ns, self._now_ns())


def connections(wiring: FeedWiring) -> list[Part]:
    """Share the instruments out by category, then by what one connection carries."""
    endpoints = wiring.endpoints or ENDPOINTS
    parts: list[Part] = []
    for kind, category in CATEGORIES.items():
        slots = {
            told.market_id: wiring.slots[told.id]
            for told in wiring.instruments
            if told.kind is kind
        }
        url = endpoints.stream + STREAM + category
        parts.extend(spread(url, slots, TOPICS_PER_CONNECTION))
    return parts


def pace(settings: StreamSettings) -> StreamSettings:
    """Bybit takes requests faster than Binance: a resubscription is two of them."""
    return replace(settings, request_gap_s=min(settings.request_gap_s, 0.05))

"""Hyperliquid's depth: ``l2Book``, twenty levels a side, whole every time and ordered by time.

Nothing can be missing from a book that comes whole, and there is no number to count by: a book is
given up when its connection is, or when one comes that cannot be, and is whole again with the next.
"""

from collections.abc import Mapping

from arbiter.model.time import NS_PER_MS
from arbiter.ports.clock import Clock
from arbiter.ports.market_data import DepthSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.depth_book import DepthBook
from arbiter.venues.common.frames import BadFrame, FeedTally, Levels
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.hyperliquid.decode import Book, Level, read_book
from arbiter.venues.hyperliquid.feed import connections, pace
from arbiter.venues.hyperliquid.talk import HyperliquidTalk


class HyperliquidDepthFeed:
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


class DepthTalk(HyperliquidTalk):
    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        sink: DepthSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, "l2Book", slots, tally)
        self._slots = slots
        self._sink = sink
        self._clock = clock
        self._books: dict[str, DepthBook] = {}
        """Those that are whole."""
        self._last: dict[str, int] = {}

    def hear(self, data: bytes) -> None:
        try:
            told = read_book(data).data
        except BadFrame as unread:
            self.note(data, unread)
            return
        slot = self._slots.get(told.coin)
        if slot is None:
            raise BadFrame(f"{told.coin!r} was not asked for")
        if told.time < self._last.get(told.coin, 0):
            self._tally.stale += 1
            return
        self._last[told.coin] = told.time
        try:
            book = self._books[told.coin] = whole(told)
        except BadFrame as error:
            if self._books.pop(told.coin, None) is not None:
                self._sink.on_depth_lost(slot, str(error))
            raise
        self._sink.on_depth(slot, book, told.time * NS_PER_MS, self._clock.now_ns())

    def closed(self) -> None:
        super().closed()
        for coin in self._books:
            self._sink.on_depth_lost(self._slots[coin], "the connection was lost")
        self._books.clear()


def whole(told: Book) -> DepthBook:
    """Make a book; one that is crossed, or has a level that cannot be, is `BadFrame`."""
    book = DepthBook()
    bids, asks = told.levels
    book.replace(_levels(bids), _levels(asks))
    if book.crossed:
        raise BadFrame(f"a crossed book of {told.coin}")
    return book


def _levels(side: list[Level]) -> Levels:
    return [(level.px, level.sz) for level in side]

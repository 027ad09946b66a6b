"""Kraken's depth: 25 levels a side, the checksum of every message verified."""

from collections.abc import Mapping

import msgspec

from arbiter.ports.clock import Clock
from arbiter.ports.market_data import DepthSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import UNREADABLE, BadFrame, FeedTally, bad, fast_decoder
from arbiter.venues.common.out_of_step import OutOfStep
from arbiter.venues.common.stream import Link
from arbiter.venues.common.times import nanos
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kraken.book import CheckedBook
from arbiter.venues.kraken.decode import Book, BookMessage
from arbiter.venues.kraken.feed import connections
from arbiter.venues.kraken.talk import KrakenTalk, pace

LEVELS = 25

_decode = fast_decoder(BookMessage)


class KrakenDepthFeed:
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


class Row(msgspec.Struct):
    slot: int
    book: CheckedBook


class DepthTalk(KrakenTalk):
    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        sink: DepthSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, slots, tally, "book", depth=LEVELS)
        self._rows = {symbol: Row(slot, CheckedBook(LEVELS)) for symbol, slot in slots.items()}
        self._out = OutOfStep(tally, clock)
        self._sink = sink
        self._clock = clock

    def hear(self, data: bytes) -> None:
        try:
            told = _decode(data)
        except UNREADABLE as error:
            self.note(data, bad(data, str(error)))
            return
        for book in told.data:
            row = self._rows.get(book.symbol)
            if row is None:
                raise BadFrame(f"a book of {book.symbol!r}, which was not asked for")
            self._take(row, book, whole=told.type == "snapshot")

    def _take(self, row: Row, told: Book, *, whole: bool) -> None:
        if not whole and not row.book.in_step:
            return  # only a snapshot helps
        try:
            right = row.book.snapshot(told) if whole else row.book.update(told)
        except BadFrame as error:
            self._lose(told.symbol, row, str(error))
            raise
        if not right:
            self._tally.gaps += 1
            self._lose(told.symbol, row, "its checksum is another one")
            return
        self._out.mend(told.symbol)
        at_ns = 0 if told.timestamp is None else nanos(told.timestamp)
        self._sink.on_depth(row.slot, row.book, at_ns, self._clock.now_ns())

    def tick(self) -> None:
        why = self._out.hopeless()
        if why is not None:
            self._link.drop(why)

    def closed(self) -> None:
        for row in self._rows.values():
            if row.book.in_step:
                self._sink.on_depth_lost(row.slot, "the connection was lost")

    def _lose(self, symbol: str, row: Row, why: str) -> None:
        row.book.in_step = False
        self._out.lose(symbol, why)
        self._sink.on_depth_lost(row.slot, why)
        self.renew(symbol)

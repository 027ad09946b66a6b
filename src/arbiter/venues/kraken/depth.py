"""Kraken's depth: 25 levels a side, the checksum of every message verified."""

from collections.abc import Mapping

import msgspec
import structlog

from arbiter.model.time import NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.ports.market_data import DepthSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import UNREADABLE, BadFrame, FeedTally, bad, fast_decoder
from arbiter.venues.common.stream import Link
from arbiter.venues.common.times import nanos
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kraken.book import CheckedBook
from arbiter.venues.kraken.decode import Book, BookMessage
from arbiter.venues.kraken.feed import connections
from arbiter.venues.kraken.talk import KrakenTalk, pace

log = structlog.get_logger(__name__)

LEVELS = 25
_LATE_NS = NS_PER_S
"""A snapshot asked for and not come within this time is asked for by a new connection."""
_MANY = 10
"""So many books out of step at once are mended by a new connection, too."""

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
    lost_ns: int | None = None
    """Since when it is out of step, monotonic."""


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
        self._out: dict[str, Row] = {}
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
        if row.lost_ns is not None:
            self._mended(told.symbol, row)
        at_ns = 0 if told.timestamp is None else nanos(told.timestamp)
        self._sink.on_depth(row.slot, row.book, at_ns, self._clock.now_ns())

    def tick(self) -> None:
        if not self._out:
            return
        oldest = min(row.lost_ns or 0 for row in self._out.values())
        if len(self._out) > _MANY:
            self._link.drop(f"{len(self._out)} books out of step")
        elif self._clock.monotonic_ns() - oldest > _LATE_NS:
            self._link.drop("no snapshot came")

    def closed(self) -> None:
        for row in self._rows.values():
            if row.book.in_step:
                self._sink.on_depth_lost(row.slot, "the connection was lost")

    def _lose(self, symbol: str, row: Row, why: str) -> None:
        log.info("book out of step", market=symbol, why=why)
        row.book.in_step = False
        if row.lost_ns is None:
            row.lost_ns = self._clock.monotonic_ns()
        self._out[symbol] = row
        self._sink.on_depth_lost(row.slot, why)
        self.renew(symbol)

    def _mended(self, symbol: str, row: Row) -> None:
        took = self._clock.monotonic_ns() - (row.lost_ns or 0)
        self._tally.resyncs += 1
        self._tally.slowest_resync_ns = max(self._tally.slowest_resync_ns, took)
        row.lost_ns = None
        self._out.pop(symbol, None)

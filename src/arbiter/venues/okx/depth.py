"""OKX's depth: ``books`` of every instrument, mended by subscribing anew."""

from collections.abc import Mapping

import msgspec

from arbiter.model.time import NS_PER_MS
from arbiter.ports.clock import Clock
from arbiter.ports.market_data import DepthSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import UNREADABLE, BadFrame, FeedTally, bad, fast_decoder
from arbiter.venues.common.out_of_step import OutOfStep
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.okx.decode import BookMessage, BookRow
from arbiter.venues.okx.feed import Place, connections
from arbiter.venues.okx.sequence import NumberedBook, Step
from arbiter.venues.okx.talk import OkxTalk, pace

CHANNEL = "books"
_decode = fast_decoder(BookMessage)


class OkxDepthFeed:
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
            lambda link, places: DepthTalk(link, places, sink, wiring.clock, self.tally),
            settings=pace(wiring.stream),
        )


class _Row(msgspec.Struct):
    topic: str
    slot: int
    numbered: NumberedBook


class DepthTalk(OkxTalk):
    def __init__(
        self,
        link: Link,
        places: Mapping[str, Place],
        sink: DepthSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        self._rows = {
            name: _Row(f"{CHANNEL}:{name}", place.slot, NumberedBook(place.unit))
            for name, place in places.items()
        }
        super().__init__(link, [row.topic for row in self._rows.values()], tally)
        self._out = OutOfStep(tally, clock)
        self._sink = sink
        self._clock = clock

    def hear(self, data: bytes) -> None:
        try:
            told = _decode(data)
        except UNREADABLE as error:
            self.note(data, bad(data, str(error)))
            return
        row = self._rows.get(told.arg.name)
        if row is None:
            raise BadFrame(f"{told.arg.name!r} was not asked for")
        take = self._snapshot if told.action == "snapshot" else self._update
        for book in told.data:
            try:
                take(row, book)
            except BadFrame as error:
                self._lose(row, str(error))
                raise

    def tick(self) -> None:
        why = self._out.hopeless()
        if why is not None:
            self._link.drop(why)

    def closed(self) -> None:
        super().closed()
        for row in self._rows.values():
            if row.numbered.in_step:
                self._sink.on_depth_lost(row.slot, "the connection was lost")

    def _snapshot(self, row: _Row, book: BookRow) -> None:
        row.numbered.snapshot(book)
        self._changed(row, book)
        self._out.mend(row.topic)

    def _update(self, row: _Row, book: BookRow) -> None:
        step = row.numbered.update(book)
        if step is Step.APPLIED:
            self._changed(row, book)
        elif step is Step.STALE:
            self._tally.stale += 1
        elif step is Step.GAP:
            self._tally.gaps += 1
            self._lose(row, f"a gap before update {book.number}")

    def _changed(self, row: _Row, book: BookRow) -> None:
        now = self._clock.now_ns()
        self._sink.on_depth(row.slot, row.numbered.book, book.ts * NS_PER_MS, now)

    def _lose(self, row: _Row, why: str) -> None:
        row.numbered.in_step = False
        self._out.lose(row.topic, why)
        self._sink.on_depth_lost(row.slot, why)
        self.renew(row.topic)

"""Kalshi's depth: the whole book of every market; without a key looked at, one after the other."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arbiter.model.errors import OutcomeUnknown, TryAgain
from arbiter.model.money import ONE
from arbiter.ports.clock import Clock
from arbiter.ports.market_data import DepthSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.depth_book import DepthBook
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kalshi.addresses import STREAM
from arbiter.venues.kalshi.books import BookTalk, Row
from arbiter.venues.kalshi.feed import LOOK_S, connections, keep_clock, pace
from arbiter.venues.kalshi.rest import KalshiRest


class KalshiDepthFeed:
    """Implements `ports.DepthFeed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: DepthSink) -> None:
        wiring = self._wiring
        rest = KalshiRest(wiring.keys, wiring.endpoints, wiring.clock)

        try:
            if wiring.keys is None:
                await self._look(rest, sink)
                return
            async with asyncio.TaskGroup() as group:
                group.create_task(keep_clock(rest, wiring.clock), name=f"{wiring.venue} clock")
                await follow(
                    wiring,
                    self.tally,
                    connections(wiring),
                    lambda link, slots: DepthTalk(link, slots, sink, wiring.clock, self.tally),
                    settings=pace(wiring.stream),
                    headers=lambda: rest.stream_headers(STREAM),
                )
        finally:
            await rest.close()

    async def _look(self, rest: KalshiRest, sink: DepthSink) -> None:
        """Ask for every book in its turn; the requests keep to the venue's pace."""
        wiring = self._wiring
        while True:
            for ticker, slot in wiring.slot_of().items():
                try:
                    told = await rest.call(f"GET /markets/{ticker}/orderbook")
                    book = book_of(told.get("orderbook_fp"))
                except (Answered, TryAgain, OutcomeUnknown, BadFrame) as error:
                    sink.on_depth_lost(slot, str(error))
                    continue
                now = wiring.clock.now_ns()
                sink.on_depth(slot, book, now, now)
            await asyncio.sleep(LOOK_S)


def book_of(told: Any) -> DepthBook:
    """Read a book of bids for either side; `BadFrame` when it cannot be."""
    try:
        bids = [(float(price), float(size)) for price, size in told.get("yes_dollars") or ()]
        asks = [
            (float(ONE - Decimal(price)), float(size))
            for price, size in told.get("no_dollars") or ()
        ]
    except (AttributeError, TypeError, ValueError, ArithmeticError) as error:
        raise BadFrame(f"a book of {error}") from None
    made = DepthBook()
    made.replace(bids, asks)
    if made.crossed:
        raise BadFrame("a crossed book")
    return made


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

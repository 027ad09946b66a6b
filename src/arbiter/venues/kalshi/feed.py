"""Kalshi's top of book: streams with a key; without one, a look at the markets every second.

Every stream of Kalshi's is signed, public data included. Looks are public.
"""

import asyncio
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import structlog
from msgspec.structs import replace

from arbiter.model.errors import OutcomeUnknown, TryAgain, VenueRefused
from arbiter.ports.clock import Clock
from arbiter.ports.venue import QuoteSink
from arbiter.venues.common.clock_offset import measure
from arbiter.venues.common.connections import follow, spread
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.health import VenueHealth
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.stream import Link, StreamSettings
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kalshi.addresses import ENDPOINTS, STREAM
from arbiter.venues.kalshi.books import BookTalk, Row
from arbiter.venues.kalshi.rest import KalshiRest
from arbiter.venues.kalshi.talk import MARKETS_PER_CONNECTION

log = structlog.get_logger(__name__)

LOOK_S = 1.0
CLOCK_EVERY_S = 60.0


class KalshiFeed:
    """Implements `ports.Feed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: QuoteSink) -> None:
        wiring = self._wiring
        rest = KalshiRest(wiring.keys, wiring.endpoints, wiring.clock)
        try:
            if wiring.keys is None:
                await _Looks(wiring, rest, sink, self.tally).run()
            else:
                await self._follow(rest, sink)
        finally:
            await rest.close()

    async def _follow(self, rest: KalshiRest, sink: QuoteSink) -> None:
        wiring = self._wiring
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_clock(rest, wiring.clock), name=f"{wiring.venue} clock")
            await follow(
                wiring,
                self.tally,
                connections(wiring),
                lambda link, slots: QuoteTalk(link, slots, sink, wiring.clock, self.tally),
                settings=pace(wiring.stream),
                health=sink,
                headers=lambda: rest.stream_headers(STREAM),
            )


class QuoteTalk(BookTalk):
    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        sink: QuoteSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, slots, clock, tally)
        self._on_quote = sink.on_quote

    def changed(self, row: Row) -> None:
        book = row.relative.book
        bid, ask = book.best_bid, book.best_ask
        bid_size, ask_size = book.bid_size(bid), book.ask_size(ask)
        if bid_size and ask_size:  # with one side empty there is nothing to trade on
            self._on_quote(row.slot, bid, ask, bid_size, ask_size, row.at_ns, self._now_ns())


class _Looks:
    """Asks for all markets at once, again and again."""

    def __init__(
        self, wiring: FeedWiring, rest: KalshiRest, sink: QuoteSink, tally: FeedTally
    ) -> None:
        self._wiring = wiring
        self._rest = rest
        self._sink = sink
        self._tally = tally
        self._health = VenueHealth(wiring.venue, sink, 1).listener(0)

    async def run(self) -> None:
        while True:
            try:
                for _, slots in connections(self._wiring):
                    await self._look(slots)
            except (Answered, TryAgain, OutcomeUnknown, VenueRefused) as error:
                log.info("no market data", venue=self._wiring.venue, why=str(error))
                self._health(False, str(error))
            else:
                self._health(True, "")
            await asyncio.sleep(LOOK_S)

    async def _look(self, slots: Mapping[str, int]) -> None:
        params = {"tickers": ",".join(slots), "limit": 1_000}
        told = await self._rest.call("GET /markets", params)
        now = self._wiring.clock.now_ns()
        for row in told.get("markets") or ():
            try:
                quote, slot = top(row), slots.get(row["ticker"])
            except (KeyError, TypeError, ValueError, InvalidOperation):
                self._tally.bad += 1
                continue
            if slot is not None and quote is not None:
                self._sink.on_quote(slot, *quote, now, now)


def top(row: Any) -> tuple[float, float, float, float] | None:
    """Give bid, ask and their sizes of a listed market; None where one side is empty."""
    bid, ask = Decimal(row["yes_bid_dollars"]), Decimal(row["yes_ask_dollars"])
    bid_size = Decimal(row.get("yes_bid_size_fp") or 0)
    ask_size = Decimal(row.get("yes_ask_size_fp") or 0)
    if not 0 < bid < ask < 1 or bid_size <= 0 or ask_size <= 0:
        return None
    return float(bid), float(ask), float(bid_size), float(ask_size)


async def keep_clock(rest: KalshiRest, clock: Clock) -> None:
    """Sign by the venue's clock."""
    while True:
        try:
            rest.offset_ms = (await measure(rest.server_ms, clock)).offset_ms
        except (Answered, TryAgain, OutcomeUnknown):
            await asyncio.sleep(1.0)
            continue
        await asyncio.sleep(CLOCK_EVERY_S)


def connections(wiring: FeedWiring) -> list[tuple[str, dict[str, int]]]:
    """Slots by ticker, of what one connection carries each."""
    url = (wiring.endpoints or ENDPOINTS).stream.rstrip("/") + STREAM
    return spread(url, wiring.slot_of(), MARKETS_PER_CONNECTION)


def pace(settings: StreamSettings) -> StreamSettings:
    return replace(settings, request_gap_s=min(settings.request_gap_s, 0.05))

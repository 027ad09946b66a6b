"""Kraken's top of book: the ticker, sent whenever a best price or its size changes.

Every message carries the whole top of its market, so a lost one is made good by the next.
"""

import asyncio
from collections.abc import Mapping, Sequence

from arbiter.ports.clock import Clock
from arbiter.ports.venue import QuoteSink
from arbiter.venues.common.frames import UNREADABLE, BadFrame, FeedTally, bad, fast_decoder
from arbiter.venues.common.health import VenueHealth
from arbiter.venues.common.stream import Link, Stream
from arbiter.venues.common.subscriptions import shards
from arbiter.venues.common.times import nanos
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kraken.addresses import ENDPOINTS, STREAM
from arbiter.venues.kraken.decode import TickerMessage
from arbiter.venues.kraken.talk import MARKETS_PER_CONNECTION, KrakenTalk, pace

_decode = fast_decoder(TickerMessage)


class KrakenFeed:
    """Implements `ports.Feed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: QuoteSink) -> None:
        wiring = self._wiring
        slots = wiring.slot_of()
        parts = shards(sorted(slots), MARKETS_PER_CONNECTION)
        health = VenueHealth(wiring.venue, sink, len(parts))

        def stream(number: int, symbols: Sequence[str]) -> Stream:
            here = {symbol: slots[symbol] for symbol in symbols}
            return Stream(
                stream_url(wiring),
                lambda link: QuoteTalk(link, here, sink, wiring.clock, self.tally),
                on_state=health.listener(number),
                tally=self.tally,
                settings=pace(wiring.stream),
                draw=wiring.draw,
            )

        async with asyncio.TaskGroup() as group:
            for number, symbols in enumerate(parts):
                group.create_task(stream(number, symbols).run(), name=f"{wiring.venue} {number}")


class QuoteTalk(KrakenTalk):
    """The hot path: one message, one quote."""

    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        sink: QuoteSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, slots, tally, "ticker", event_trigger="bbo")
        self._slots = slots
        self._on_quote = sink.on_quote
        self._now_ns = clock.now_ns

    def hear(self, data: bytes) -> None:
        try:
            told = _decode(data)
        except UNREADABLE as error:
            self.note(data, bad(data, str(error)))
            return
        for quote in told.data:
            try:
                slot = self._slots[quote.symbol]
            except KeyError:
                raise BadFrame(f"a quote of {quote.symbol!r}, which was not asked for") from None
            bid, ask, bid_size, ask_size = quote.bid, quote.ask, quote.bid_qty, quote.ask_qty
            if bid and ask and bid_size and ask_size:  # with one side empty: nothing to trade on
                when = quote.timestamp
                at_ns = 0 if when is None else nanos(when)
                self._on_quote(slot, bid, ask, bid_size, ask_size, at_ns, self._now_ns())


def stream_url(wiring: FeedWiring) -> str:
    return (wiring.endpoints or ENDPOINTS).stream + STREAM

"""Kraken's top of book: the ticker, sent whenever a best price or its size changes.

Every message carries the whole top of its market, so a lost one is made good by the next.
"""

from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.venue import QuoteSink
from arbiter.venues.common.connections import follow, spread
from arbiter.venues.common.frames import UNREADABLE, BadFrame, FeedTally, bad, fast_decoder
from arbiter.venues.common.stream import Link
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
        await follow(
            wiring,
            self.tally,
            connections(wiring),
            lambda link, slots: QuoteTalk(link, slots, sink, wiring.clock, self.tally),
            settings=pace(wiring.stream),
            health=sink,
        )


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


def connections(wiring: FeedWiring) -> list[tuple[str, dict[str, int]]]:
    """Slots by name, of what one connection carries each."""
    url = (wiring.endpoints or ENDPOINTS).stream + STREAM
    return spread(url, wiring.slot_of(), MARKETS_PER_CONNECTION)

"""Binance's top of book: spot and USD-M futures, one ``bookTicker`` stream per instrument.

An update carries the number `u` of the book it shows. Numbers rise but are not consecutive (other
levels change in between), so what can be verified is that none goes back.
"""

from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.venue import QuoteSink
from arbiter.venues.binance.addresses import MARKETS, Market
from arbiter.venues.binance.decode import BookTicker
from arbiter.venues.binance.talk import STREAMS_PER_CONNECTION, BinanceTalk
from arbiter.venues.common.connections import follow, spread
from arbiter.venues.common.frames import UNREADABLE, BadFrame, FeedTally, bad, fast_decoder
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring

_decode = fast_decoder(BookTicker)


class BinanceFeed:
    """Implements `ports.Feed`."""

    def __init__(self, wiring: FeedWiring, market: Market | None = None) -> None:
        self.tally = FeedTally()
        self._wiring = wiring
        self._market = market or MARKETS[wiring.venue]

    async def run(self, sink: QuoteSink) -> None:
        wiring = self._wiring
        url = (wiring.endpoints or self._market.endpoints).stream + self._market.books
        await follow(
            wiring,
            self.tally,
            spread(url, wiring.slot_of(), STREAMS_PER_CONNECTION),
            lambda link, slots: QuoteTalk(link, slots, sink, wiring.clock, self.tally),
            health=sink,
        )


class QuoteTalk(BinanceTalk):
    """The hot path: one message, one quote."""

    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        sink: QuoteSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, [f"{symbol.lower()}@bookTicker" for symbol in slots], tally)
        self._rows = {symbol: [slot, -1] for symbol, slot in slots.items()}
        self._on_quote = sink.on_quote
        self._now_ns = clock.now_ns

    def hear(self, data: bytes) -> None:
        try:
            told = _decode(data)
        except UNREADABLE as error:
            self.note(data, bad(data, str(error)))
            return
        try:
            row = self._rows[told.s]
        except KeyError:
            raise BadFrame(f"a quote of {told.s!r}, which was not asked for") from None
        if told.u <= row[1]:
            self._tally.stale += 1
            return
        row[1] = told.u
        self._on_quote(row[0], told.b, told.a, told.B, told.A, told.T * 1_000_000, self._now_ns())

"""Coinbase's top of book, from its full book: the ticker speaks only when something trades."""

from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.venue import QuoteSink
from arbiter.venues.coinbase.addresses import ENDPOINTS, STREAM
from arbiter.venues.coinbase.books import BookTalk, Repair, Row
from arbiter.venues.coinbase.talk import PRODUCTS_PER_CONNECTION, pace
from arbiter.venues.common.connections import follow, spread
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring


class CoinbaseFeed:
    """Implements `ports.Feed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: QuoteSink) -> None:
        wiring = self._wiring
        await follow(
            wiring,
            self.tally,
            mended(wiring, self.tally),
            lambda link, part: QuoteTalk(link, part[0], sink, wiring.clock, self.tally, part[1]),
            settings=pace(wiring.stream),
            health=sink,
        )


class QuoteTalk(BookTalk):
    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        sink: QuoteSink,
        clock: Clock,
        tally: FeedTally,
        repair: Repair,
    ) -> None:
        super().__init__(link, slots, clock, tally, repair)
        self._on_quote = sink.on_quote

    def changed(self, row: Row, at_ns: int) -> None:
        book = row.book
        bid, ask = book.best_bid, book.best_ask
        bid_size, ask_size = book.bid_size(bid), book.ask_size(ask)
        if bid_size and ask_size:  # with one side empty there is nothing to trade on
            self._on_quote(row.slot, bid, ask, bid_size, ask_size, at_ns, self._now_ns())


def connections(wiring: FeedWiring) -> list[tuple[str, dict[str, int]]]:
    """Slots by name, of what one connection carries each."""
    url = (wiring.endpoints or ENDPOINTS).stream + STREAM
    return spread(url, wiring.slot_of(), PRODUCTS_PER_CONNECTION)


def mended(wiring: FeedWiring, tally: FeedTally) -> list[tuple[str, tuple[dict[str, int], Repair]]]:
    """Each connection's part with what outlives it: how long its books have been out of step."""
    return [(url, (slots, Repair(tally, wiring.clock))) for url, slots in connections(wiring)]

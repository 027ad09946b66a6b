"""Hyperliquid's top of book: one ``bbo`` subscription per coin.

Every message is whole and carries the time of its block, so nothing has to be put together: one
that is older than the last of its coin is dropped.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from arbiter.ports.clock import Clock
from arbiter.ports.venue import QuoteSink
from arbiter.venues.common.connections import follow, spread
from arbiter.venues.common.frames import UNREADABLE, BadFrame, FeedTally, bad, fast_decoder
from arbiter.venues.common.stream import Link, StreamSettings
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.hyperliquid.addresses import ENDPOINTS, STREAM
from arbiter.venues.hyperliquid.decode import BestMessage
from arbiter.venues.hyperliquid.talk import COINS_PER_CONNECTION, HyperliquidTalk

_decode = fast_decoder(BestMessage)


class HyperliquidFeed:
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


class QuoteTalk(HyperliquidTalk):
    """The hot path: a message is a quote."""

    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        sink: QuoteSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, "bbo", slots, tally)
        self._slots = slots
        self._on_quote = sink.on_quote
        self._now_ns = clock.now_ns
        self._last: dict[str, int] = {}

    def hear(self, data: bytes) -> None:
        try:
            told = _decode(data).data
        except UNREADABLE as error:
            self.note(data, bad(data, str(error)))
            return
        coin, at_ms = told.coin, told.time
        try:
            slot = self._slots[coin]
        except KeyError:
            raise BadFrame(f"{coin!r} was not asked for") from None
        if at_ms < self._last.get(coin, 0):
            self._tally.stale += 1
            return
        self._last[coin] = at_ms
        bid, ask = told.bbo
        if bid is not None and ask is not None and bid.sz and ask.sz:
            self._on_quote(slot, bid.px, ask.px, bid.sz, ask.sz, at_ms * 1_000_000, self._now_ns())


def connections(wiring: FeedWiring) -> list[tuple[str, dict[str, int]]]:
    """Slots by coin, of what one connection carries each."""
    url = (wiring.endpoints or ENDPOINTS).stream.rstrip("/") + STREAM
    return spread(url, wiring.slot_of(), COINS_PER_CONNECTION)


def pace(settings: StreamSettings) -> StreamSettings:
    """The venue takes two thousand messages a minute from one address."""
    return replace(settings, request_gap_s=min(settings.request_gap_s, 0.05))

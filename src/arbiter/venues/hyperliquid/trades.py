"""Hyperliquid's public trades. A subscription begins with the newest ones: known by their number."""

import asyncio
from collections import deque
from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.market_data import TradeSink
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link, Stream
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.hyperliquid.decode import read_trades
from arbiter.venues.hyperliquid.feed import connections, pace, stream_url
from arbiter.venues.hyperliquid.talk import HyperliquidTalk

_REMEMBERED = 5_000
"""Trades on one connection's coins: what a reconnect may repeat."""


class HyperliquidTradeFeed:
    """Implements `ports.TradeFeed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: TradeSink) -> None:
        wiring = self._wiring

        def stream(slots: Mapping[str, int]) -> Stream:
            seen = SeenTrades(_REMEMBERED)
            return Stream(
                stream_url(wiring),
                lambda link: TradeTalk(link, slots, seen, sink, wiring.clock, self.tally),
                on_state=lambda _up, _why: None,
                tally=self.tally,
                settings=pace(wiring.stream),
                draw=wiring.draw,
            )

        async with asyncio.TaskGroup() as group:
            for slots in connections(wiring):
                group.create_task(stream(slots).run(), name=f"{wiring.venue} trades")


class SeenTrades:
    """The newest numbers, so many of them; they do not rise."""

    def __init__(self, remembered: int) -> None:
        self._order: deque[tuple[str, int]] = deque()
        self._known: set[tuple[str, int]] = set()
        self._remembered = remembered

    def is_new(self, coin: str, number: int) -> bool:
        name = coin, number
        if name in self._known:
            return False
        self._known.add(name)
        self._order.append(name)
        if len(self._order) > self._remembered:
            self._known.discard(self._order.popleft())
        return True


class TradeTalk(HyperliquidTalk):
    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        seen: SeenTrades,
        sink: TradeSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, "trades", slots, tally)
        self._slots = slots
        self._seen = seen
        self._sink = sink
        self._clock = clock

    def hear(self, data: bytes) -> None:
        try:
            told = read_trades(data)
        except BadFrame as unread:
            self.note(data, unread)
            return
        now_ns = self._clock.now_ns()
        for trade in told.data:
            slot = self._slots.get(trade.coin)
            if slot is None:
                raise BadFrame(f"{trade.coin!r} was not asked for")
            if not self._seen.is_new(trade.coin, trade.tid):
                self._tally.stale += 1
                continue
            self._sink.on_trade(
                slot,
                trade.px,
                trade.sz,
                trade.time * 1_000_000,
                now_ns,
                taker_buys=trade.side == "B",
            )

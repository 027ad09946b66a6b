"""Bybit's public trades."""

import asyncio
from collections import deque
from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.market_data import TradeSink
from arbiter.venues.bybit.decode import read_trades
from arbiter.venues.bybit.feed import connections, pace
from arbiter.venues.bybit.talk import BybitTalk
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link, Stream
from arbiter.venues.common.wiring import FeedWiring

_REMEMBERED = 5_000
"""Ids of trades on one connection's instruments: what a reconnect may repeat."""


class BybitTradeFeed:
    """Implements `ports.TradeFeed`. Trades carry no rising number: repeats are known by their id."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: TradeSink) -> None:
        wiring = self._wiring

        def stream(url: str, slots: Mapping[str, int]) -> Stream:
            seen = SeenTrades(_REMEMBERED)
            return Stream(
                url,
                lambda link: TradeTalk(link, slots, seen, sink, wiring.clock, self.tally),
                on_state=lambda _up, _why: None,
                tally=self.tally,
                settings=pace(wiring.stream),
                draw=wiring.draw,
            )

        async with asyncio.TaskGroup() as group:
            for url, slots in connections(wiring):
                group.create_task(stream(url, slots).run(), name=f"{wiring.venue} trades")


class SeenTrades:
    """The newest ids, so many of them."""

    def __init__(self, remembered: int) -> None:
        self._order: deque[str] = deque()
        self._known: set[str] = set()
        self._remembered = remembered

    def is_new(self, name: str) -> bool:
        if name in self._known:
            return False
        self._known.add(name)
        self._order.append(name)
        if len(self._order) > self._remembered:
            self._known.discard(self._order.popleft())
        return True


class TradeTalk(BybitTalk):
    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        seen: SeenTrades,
        sink: TradeSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        self._slots = {f"publicTrade.{symbol}": slot for symbol, slot in slots.items()}
        super().__init__(link, self._slots, tally)
        self._seen = seen
        self._sink = sink
        self._clock = clock

    def hear(self, data: bytes) -> None:
        try:
            told = read_trades(data)
        except BadFrame as unread:
            self.note(data, unread)
            return
        slot = self._slots.get(told.topic)
        if slot is None:
            raise BadFrame(f"{told.topic!r} was not asked for")
        now_ns = self._clock.now_ns()
        for trade in told.data:
            if not self._seen.is_new(trade.i):
                self._tally.stale += 1
                continue
            self._sink.on_trade(
                slot,
                trade.p,
                trade.v,
                trade.T * 1_000_000,
                now_ns,
                taker_buys=trade.S == "Buy",
            )

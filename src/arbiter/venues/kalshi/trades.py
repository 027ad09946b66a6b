"""Kalshi's public trades. They take a key; without one there are none."""

import asyncio
from collections import deque
from collections.abc import Mapping

from arbiter.model.time import NS_PER_MS
from arbiter.ports.clock import Clock
from arbiter.ports.market_data import TradeSink
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link, Stream
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kalshi.addresses import STREAM
from arbiter.venues.kalshi.decode import read_trade
from arbiter.venues.kalshi.feed import keep_clock, pace, shares, stream_url
from arbiter.venues.kalshi.rest import KalshiRest
from arbiter.venues.kalshi.sequence import Numbering, Step
from arbiter.venues.kalshi.talk import KalshiTalk

_REMEMBERED = 5_000
"""Ids of trades on one connection's markets: what a reconnect may repeat."""


class KalshiTradeFeed:
    """Implements `ports.TradeFeed`. A trade that was missed is counted and not fetched."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: TradeSink) -> None:
        wiring = self._wiring
        if wiring.keys is None:
            await asyncio.Event().wait()
        rest = KalshiRest(wiring.keys, wiring.endpoints, wiring.clock)

        def stream(slots: Mapping[str, int]) -> Stream:
            seen: deque[str] = deque(maxlen=_REMEMBERED)
            return Stream(
                stream_url(wiring),
                lambda link: TradeTalk(link, slots, seen, sink, wiring.clock, self.tally),
                on_state=lambda _up, _why: None,
                tally=self.tally,
                settings=pace(wiring.stream),
                draw=wiring.draw,
                headers=lambda: rest.stream_headers(STREAM),
            )

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(keep_clock(rest, wiring.clock), name=f"{wiring.venue} clock")
                for slots in shares(wiring):
                    group.create_task(stream(slots).run(), name=f"{wiring.venue} trades")
        finally:
            await rest.close()


class TradeTalk(KalshiTalk):
    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        seen: deque[str],
        sink: TradeSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, "trade", slots, tally)
        self._slots = dict(slots)
        self._seen = seen
        self._known = set(seen)
        self._sink = sink
        self._clock = clock
        self._numbers: dict[int, Numbering] = {}

    def hear(self, data: bytes) -> None:
        try:
            told = read_trade(data)
        except BadFrame as unread:
            self.note(data, unread)
            return
        trade = told.msg
        slot = self._slots.get(trade.ticker)
        if slot is None:
            raise BadFrame(f"{trade.ticker!r} was not asked for")
        self.numbered(told.sid, told.seq)
        if not self._is_new(trade.id):
            self._tally.stale += 1
            return
        self._sink.on_trade(
            slot,
            trade.price,
            trade.size,
            trade.ts_ms * NS_PER_MS,
            self._clock.now_ns(),
            taker_buys=trade.side == "bid",
        )

    def numbered(self, sid: int, seq: int) -> None:
        if self._numbers.setdefault(sid, Numbering()).take(seq) is Step.GAP:
            self._tally.gaps += 1

    def _is_new(self, name: str) -> bool:
        if name in self._known:
            return False
        if len(self._seen) == self._seen.maxlen:
            self._known.discard(self._seen[0])
        self._seen.append(name)
        self._known.add(name)
        return True

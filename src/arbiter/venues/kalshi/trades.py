"""Kalshi's public trades. They take a key; without one there are none."""

import asyncio
from collections.abc import Mapping

from arbiter.model.time import NS_PER_MS
from arbiter.ports.clock import Clock
from arbiter.ports.market_data import TradeSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.seen import SeenTrades
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kalshi.addresses import STREAM
from arbiter.venues.kalshi.decode import read_trade
from arbiter.venues.kalshi.feed import connections, keep_clock, pace
from arbiter.venues.kalshi.rest import KalshiRest
from arbiter.venues.kalshi.sequence import Numbering, Step
from arbiter.venues.kalshi.talk import KalshiTalk


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

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(keep_clock(rest, wiring.clock), name=f"{wiring.venue} clock")
                await follow(
                    wiring,
                    self.tally,
                    [(url, (slots, SeenTrades())) for url, slots in connections(wiring)],
                    lambda link, part: TradeTalk(link, *part, sink, wiring.clock, self.tally),
                    settings=pace(wiring.stream),
                    headers=lambda: rest.stream_headers(STREAM),
                )
        finally:
            await rest.close()


class TradeTalk(KalshiTalk):
    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        seen: SeenTrades,
        sink: TradeSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, "trade", slots, tally)
        self._slots = dict(slots)
        self._seen = seen
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
        if not self._seen.is_new(trade.id):
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

"""Bybit's public trades."""

from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.market_data import TradeSink
from arbiter.venues.bybit.decode import read_trades
from arbiter.venues.bybit.feed import connections, pace
from arbiter.venues.bybit.talk import BybitTalk
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.seen import SeenTrades
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring


class BybitTradeFeed:
    """Implements `ports.TradeFeed`. Trades carry no rising number: repeats are known by their id."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: TradeSink) -> None:
        wiring = self._wiring

        await follow(
            wiring,
            self.tally,
            [(url, (slots, SeenTrades())) for url, slots in connections(wiring)],
            lambda link, part: TradeTalk(link, *part, sink, wiring.clock, self.tally),
            settings=pace(wiring.stream),
        )


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

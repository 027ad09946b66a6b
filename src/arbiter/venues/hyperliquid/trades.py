"""Hyperliquid's public trades. A subscription begins with the newest ones: known by their number."""

from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.market_data import TradeSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.seen import SeenTrades
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.hyperliquid.decode import read_trades
from arbiter.venues.hyperliquid.feed import connections, pace
from arbiter.venues.hyperliquid.talk import HyperliquidTalk


class HyperliquidTradeFeed:
    """Implements `ports.TradeFeed`."""

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
            if not self._seen.is_new((trade.coin, trade.tid)):
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

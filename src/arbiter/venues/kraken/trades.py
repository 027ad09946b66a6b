"""Kraken's public trades, numbered one by one per market."""

from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.market_data import TradeSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link
from arbiter.venues.common.times import nanos
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kraken.decode import read_trades
from arbiter.venues.kraken.feed import connections
from arbiter.venues.kraken.talk import KrakenTalk, pace


class KrakenTradeFeed:
    """Implements `ports.TradeFeed`. A reconnect's snapshot makes up for what was missed."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: TradeSink) -> None:
        wiring = self._wiring
        last: dict[str, int] = {}
        await follow(
            wiring,
            self.tally,
            connections(wiring),
            lambda link, slots: TradeTalk(link, slots, last, sink, wiring.clock, self.tally),
            settings=pace(wiring.stream),
        )


class TradeTalk(KrakenTalk):
    """`last` holds the number of the last trade of each market, beyond one connection."""

    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        last: dict[str, int],
        sink: TradeSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, slots, tally, "trade", snapshot=True)
        self._slots = slots
        self._last = last
        self._sink = sink
        self._clock = clock

    def hear(self, data: bytes) -> None:
        try:
            told = read_trades(data)
        except BadFrame as unread:
            self.note(data, unread)
            return
        now_ns = self._clock.now_ns()
        for trade in sorted(told.data, key=lambda one: one.trade_id):
            slot = self._slots.get(trade.symbol)
            if slot is None:
                raise BadFrame(f"a trade in {trade.symbol!r}, which was not asked for")
            known = self._last.get(trade.symbol)
            if known is not None and trade.trade_id <= known:
                self._tally.stale += 1
                continue
            self._last[trade.symbol] = trade.trade_id
            if known is None and told.type == "snapshot":
                self._last[trade.symbol] = max(one.trade_id for one in told.data)
                continue  # of before we came
            self._sink.on_trade(
                slot,
                trade.price,
                trade.qty,
                nanos(trade.timestamp),
                now_ns,
                taker_buys=trade.side == "buy",
            )

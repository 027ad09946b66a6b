"""Kraken's public trades, numbered one by one per market."""

from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.market_data import TradeSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.seen import NumberedTrades
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
        heard = NumberedTrades(self.tally)
        await follow(
            wiring,
            self.tally,
            connections(wiring),
            lambda link, slots: TradeTalk(link, slots, heard, sink, wiring.clock, self.tally),
            settings=pace(wiring.stream),
        )


class TradeTalk(KrakenTalk):
    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        heard: NumberedTrades,
        sink: TradeSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, slots, tally, "trade", snapshot=True)
        self._slots = slots
        self._heard = heard
        self._sink = sink
        self._clock = clock

    def hear(self, data: bytes) -> None:
        try:
            told = read_trades(data)
        except BadFrame as unread:
            self.note(data, unread)
            return
        now_ns = self._clock.now_ns()
        snapshot = told.type == "snapshot"
        for slot, trade in self._heard.new(told.data, self._slots, snapshot=snapshot):
            self._sink.on_trade(
                slot,
                trade.price,
                trade.qty,
                nanos(trade.timestamp),
                now_ns,
                taker_buys=trade.side == "buy",
            )

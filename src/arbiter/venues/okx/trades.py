"""OKX's public trades."""

from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.market_data import TradeSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.seen import NumberedTrades
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.okx.decode import read_trades
from arbiter.venues.okx.feed import Place, connections
from arbiter.venues.okx.talk import OkxTalk, pace


class OkxTradeFeed:
    """Implements `ports.TradeFeed`. Trades of an instrument are numbered upwards."""

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
            lambda link, places: TradeTalk(link, places, heard, sink, wiring.clock, self.tally),
            settings=pace(wiring.stream),
        )


class TradeTalk(OkxTalk):
    def __init__(
        self,
        link: Link,
        places: Mapping[str, Place],
        heard: NumberedTrades,
        sink: TradeSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, [f"trades:{name}" for name in places], tally)
        self._places = places
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
        for place, trade in self._heard.new(told.data, self._places):
            self._sink.on_trade(
                place.slot,
                trade.price,
                trade.size * place.unit,
                trade.ts * 1_000_000,
                now_ns,
                taker_buys=trade.side == "buy",
            )

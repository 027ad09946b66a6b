"""OKX's public trades."""

from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.market_data import TradeSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import BadFrame, FeedTally
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
        await follow(
            wiring,
            self.tally,
            [(url, (here, dict.fromkeys(here, -1))) for url, here in connections(wiring)],
            lambda link, part: TradeTalk(link, *part, sink, wiring.clock, self.tally),
            settings=pace(wiring.stream),
        )


class TradeTalk(OkxTalk):
    def __init__(
        self,
        link: Link,
        places: Mapping[str, Place],
        newest: dict[str, int],
        sink: TradeSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        """`newest` outlives the connection, so that no trade is told again by the next one."""
        super().__init__(link, [f"trades:{name}" for name in places], tally)
        self._places = places
        self._newest = newest
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
            place = self._places.get(trade.name)
            if place is None:
                raise BadFrame(f"a trade of {trade.name!r}, which was not asked for")
            if trade.number <= self._newest[trade.name]:
                self._tally.stale += 1
                continue
            self._newest[trade.name] = trade.number
            self._sink.on_trade(
                place.slot,
                trade.price,
                trade.size * place.unit,
                trade.ts * 1_000_000,
                now_ns,
                taker_buys=trade.side == "buy",
            )

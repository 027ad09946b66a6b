"""Binance's public trades: single ones on spot, aggregated by taker order on futures."""

from collections.abc import Mapping

from arbiter.ports.clock import Clock
from arbiter.ports.market_data import TradeSink
from arbiter.venues.binance.addresses import MARKETS, Market
from arbiter.venues.binance.decode import read_trade
from arbiter.venues.binance.talk import STREAMS_PER_CONNECTION, BinanceTalk
from arbiter.venues.common.connections import follow, spread
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring


class BinanceTradeFeed:
    """Implements `ports.TradeFeed`. Numbers rise by one: a repeated trade is told once."""

    def __init__(self, wiring: FeedWiring, market: Market | None = None) -> None:
        self.tally = FeedTally()
        self._wiring = wiring
        self._market = market or MARKETS[wiring.venue]

    async def run(self, sink: TradeSink) -> None:
        wiring, market = self._wiring, self._market
        slots = wiring.slot_of()
        newest = dict.fromkeys(slots, -1)
        await follow(
            wiring,
            self.tally,
            spread(
                (wiring.endpoints or market.endpoints).stream + market.others,
                slots,
                STREAMS_PER_CONNECTION,
            ),
            lambda link, here: TradeTalk(
                link, market.trades, here, newest, sink, wiring.clock, self.tally
            ),
        )


class TradeTalk(BinanceTalk):
    def __init__(
        self,
        link: Link,
        kind: str,
        slots: Mapping[str, int],
        newest: dict[str, int],
        sink: TradeSink,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        """`newest` outlives the connection, so that no trade is told again by the next one."""
        super().__init__(link, [f"{symbol.lower()}@{kind}" for symbol in slots], tally)
        self._slots = slots
        self._newest = newest
        self._sink = sink
        self._clock = clock

    def hear(self, data: bytes) -> None:
        try:
            told = read_trade(data)
        except BadFrame as unread:
            self.note(data, unread)
            return
        slot = self._slots.get(told.s)
        if slot is None:
            raise BadFrame(f"a trade of {told.s!r}, which was not asked for")
        number = told.t if told.t is not None else told.a
        if number is None:
            raise BadFrame(f"a trade of {told.s!r} without a number")
        if number <= self._newest[told.s]:
            self._tally.stale += 1
            return
        self._newest[told.s] = number
        self._sink.on_trade(
            slot,
            told.p,
            told.q,
            told.T * 1_000_000,
            self._clock.now_ns(),
            taker_buys=not told.m,
        )

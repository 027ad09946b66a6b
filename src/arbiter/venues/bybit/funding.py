"""Funding and marks of Bybit's perpetuals: the ``tickers`` topic, whose deltas tell what changed."""

import asyncio
from collections.abc import Iterable

from msgspec.structs import replace

from arbiter.model.instruments import InstrumentKind
from arbiter.ports.venue import FundingSink
from arbiter.venues.bybit.decode import read_ticker
from arbiter.venues.bybit.feed import connections, pace
from arbiter.venues.bybit.talk import BybitTalk
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.funding import FundingBoard
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring


class BybitFundingFeed:
    """Implements `ports.FundingFeed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        perpetuals = [i for i in wiring.instruments if i.kind is not InstrumentKind.SPOT]
        self._wiring = replace(wiring, instruments=perpetuals)

    async def run(self, sink: FundingSink) -> None:
        wiring = self._wiring
        board = FundingBoard(wiring.instruments, wiring.clock)

        async with asyncio.TaskGroup() as group:
            group.create_task(board.tell(sink), name="funding rates")
            await follow(
                wiring,
                self.tally,
                connections(wiring),
                lambda link, slots: TickerTalk(link, slots, board, self.tally),
                settings=pace(wiring.stream),
            )


class TickerTalk(BybitTalk):
    def __init__(
        self, link: Link, symbols: Iterable[str], board: FundingBoard, tally: FeedTally
    ) -> None:
        super().__init__(link, [f"tickers.{symbol}" for symbol in symbols], tally)
        self._board = board

    def hear(self, data: bytes) -> None:
        try:
            told = read_ticker(data)
        except BadFrame as unread:
            self.note(data, unread)
            return
        changed = told.data
        self._board.heard(
            changed.symbol,
            mark=changed.mark,
            rate=changed.rate,
            next_ms=changed.next_ms,
            hours=changed.hours,
        )

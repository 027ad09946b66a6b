"""Funding and marks of Binance's USD-M perpetuals: ``markPrice@1s`` and the list of intervals."""

import asyncio
from collections.abc import Sequence

import structlog

from arbiter.model.errors import RateLimited, TryAgain, VenueRefused
from arbiter.model.instruments import InstrumentKind
from arbiter.ports.venue import FundingSink
from arbiter.venues.binance.addresses import FUTURES, Market
from arbiter.venues.binance.decode import read_funding_info, read_mark
from arbiter.venues.binance.talk import STREAMS_PER_CONNECTION, BinanceTalk
from arbiter.venues.common.connections import follow, spread
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.funding import FundingBoard
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring

log = structlog.get_logger(__name__)

DEFAULT_HOURS = 8
"""Of every perpetual that the list does not name."""
_EVERY_S = 60.0
_AGAIN_S = 1.0


class BinanceFundingFeed:
    """Implements `ports.FundingFeed`. Nothing is told before the intervals are known."""

    def __init__(self, wiring: FeedWiring, market: Market = FUTURES) -> None:
        self.tally = FeedTally()
        self._wiring = wiring
        self._market = market
        self._endpoints = wiring.endpoints or market.endpoints
        self._perpetuals = [i for i in wiring.instruments if i.kind is InstrumentKind.LINEAR]

    async def run(self, sink: FundingSink) -> None:
        wiring = self._wiring
        board = FundingBoard(self._perpetuals, wiring.clock)

        parts = spread(
            self._endpoints.stream + self._market.others, board.rows, STREAMS_PER_CONNECTION
        )
        async with PublicRest(self._endpoints.rest) as rest, asyncio.TaskGroup() as group:
            group.create_task(self._intervals(rest, board), name="funding intervals")
            group.create_task(board.tell(sink), name="funding rates")
            await follow(
                wiring,
                self.tally,
                parts,
                lambda link, rows: MarkTalk(link, tuple(rows), board, self.tally),
            )

    async def _intervals(self, rest: PublicRest, board: FundingBoard) -> None:
        while True:
            wait_s = _EVERY_S
            try:
                listed = read_funding_info(await rest.get(self._market.intervals, {}))
                hours = {told.symbol: told.hours for told in listed}
                for symbol, row in board.rows.items():
                    row.hours = hours.get(symbol, DEFAULT_HOURS)
            except RateLimited as error:
                wait_s = error.retry_after_ms / 1_000
                log.warning("funding intervals must wait", why=str(error))
            except (TryAgain, VenueRefused, BadFrame) as error:
                wait_s = _AGAIN_S
                log.warning("no funding intervals", why=str(error))
            await asyncio.sleep(wait_s)


class MarkTalk(BinanceTalk):
    def __init__(
        self, link: Link, symbols: Sequence[str], board: FundingBoard, tally: FeedTally
    ) -> None:
        super().__init__(link, [f"{symbol.lower()}@markPrice@1s" for symbol in symbols], tally)
        self._board = board

    def hear(self, data: bytes) -> None:
        try:
            told = read_mark(data)
        except BadFrame as unread:
            self.note(data, unread)
            return
        self._board.heard(told.s, mark=told.p, rate=told.r, next_ms=told.T)

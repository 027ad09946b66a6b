"""Funding and marks: ``activeAssetCtx`` of each coin, and when the venue settles next.

Hyperliquid pays every hour on the hour. The stream does not say so, ``predictedFundings`` does.
"""

import asyncio
from collections.abc import Iterable

import structlog

from arbiter.model.errors import RateLimited, TryAgain, VenueRefused
from arbiter.model.time import NS_PER_MS
from arbiter.ports.clock import Clock
from arbiter.ports.venue import FundingSink
from arbiter.venues.common.connections import follow
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.funding import FundingBoard
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.common.stream import Link
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.hyperliquid.addresses import ENDPOINTS, INFO
from arbiter.venues.hyperliquid.decode import Predictions, read_context, read_predictions
from arbiter.venues.hyperliquid.feed import connections, pace
from arbiter.venues.hyperliquid.talk import HyperliquidTalk

log = structlog.get_logger(__name__)

HOURS = 1
_OURSELVES = "HlPerp"
_HOUR_MS = 3_600_000
_EVERY_S = 60.0
_AGAIN_S = 1.0


class HyperliquidFundingFeed:
    """Implements `ports.FundingFeed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: FundingSink) -> None:
        wiring = self._wiring
        board = FundingBoard(wiring.instruments, wiring.clock)

        origin = (wiring.endpoints or ENDPOINTS).rest
        async with PublicRest(origin) as rest, asyncio.TaskGroup() as group:
            group.create_task(self._settlements(rest, board), name="funding settlements")
            group.create_task(board.tell(sink), name="funding rates")
            await follow(
                wiring,
                self.tally,
                connections(wiring),
                lambda link, coins: ContextTalk(link, coins, board, wiring.clock, self.tally),
                settings=pace(wiring.stream),
            )

    async def _settlements(self, rest: PublicRest, board: FundingBoard) -> None:
        while True:
            wait_s = _EVERY_S
            try:
                body = await rest.post(INFO, {"type": "predictedFundings"})
                _note(read_predictions(body), board)
            except RateLimited as error:
                wait_s = error.retry_after_ms / 1_000
                log.warning("next settlements must wait", why=str(error))
            except (TryAgain, VenueRefused, BadFrame) as error:
                wait_s = _AGAIN_S
                log.warning("no next settlements", why=str(error))
            await asyncio.sleep(wait_s)


def _note(told: Predictions, board: FundingBoard) -> None:
    for coin, venues in told:
        for venue, predicted in venues:
            row = board.rows.get(coin)
            if venue == _OURSELVES and predicted is not None and row is not None:
                row.next_ms, row.hours = predicted.next_ms, predicted.hours


class ContextTalk(HyperliquidTalk):
    def __init__(
        self,
        link: Link,
        coins: Iterable[str],
        board: FundingBoard,
        clock: Clock,
        tally: FeedTally,
    ) -> None:
        super().__init__(link, "activeAssetCtx", coins, tally)
        self._board = board
        self._clock = clock

    def hear(self, data: bytes) -> None:
        try:
            told = read_context(data).data
        except BadFrame as unread:
            self.note(data, unread)
            return
        row = self._board.rows.get(told.coin)
        self._board.heard(told.coin, mark=told.ctx.mark, rate=told.ctx.funding)
        now_ms = self._clock.now_ns() // NS_PER_MS
        if row is not None and (row.next_ms or 0) <= now_ms:
            row.next_ms = now_ms - now_ms % _HOUR_MS + _HOUR_MS
            row.hours = row.hours or HOURS

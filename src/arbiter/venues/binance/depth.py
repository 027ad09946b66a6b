"""Binance's depth: every update verified against the one before, a gap mended by a snapshot."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
import structlog

from arbiter.model.errors import RateLimited, TryAgain, VenueRefused
from arbiter.model.time import NS_PER_MS
from arbiter.ports.clock import Clock
from arbiter.ports.market_data import DepthSink
from arbiter.venues.binance.addresses import MARKETS, Market
from arbiter.venues.binance.decode import DepthSnapshot, DepthUpdate, read_snapshot
from arbiter.venues.binance.sequence import NumberedBook, Step
from arbiter.venues.binance.talk import STREAMS_PER_CONNECTION, BinanceTalk
from arbiter.venues.common.connections import follow, spread
from arbiter.venues.common.frames import UNREADABLE, BadFrame, FeedTally, bad, fast_decoder
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.common.stream import Link
from arbiter.venues.common.weights import WeightBudget
from arbiter.venues.common.wiring import FeedWiring

log = structlog.get_logger(__name__)

_decode = fast_decoder(DepthUpdate)

SHARE = 0.5
"""Of the venue's weight per minute: snapshots may not starve orders."""
_WORKERS = 6
_AGAIN_S = 0.1
"""After a snapshot that was too old or could not be had."""
_REFUSED_S = 60.0
"""After one the venue would not give: the instrument may be back one day."""

Taker = Callable[[DepthSnapshot], bool]


class BinanceDepthFeed:
    """Implements `ports.DepthFeed`."""

    def __init__(self, wiring: FeedWiring, market: Market | None = None) -> None:
        self.tally = FeedTally()
        self._wiring = wiring
        self._market = market or MARKETS[wiring.venue]

    async def run(self, sink: DepthSink) -> None:
        wiring = self._wiring
        slots = wiring.slot_of()
        endpoints = wiring.endpoints or self._market.endpoints
        async with PublicRest(endpoints.rest) as rest, asyncio.TaskGroup() as group:
            snapshots = _Snapshots(rest, self._market)
            for worker in range(_WORKERS):
                group.create_task(snapshots.run(), name=f"{wiring.venue} snapshots {worker}")
            await follow(
                wiring,
                self.tally,
                spread(endpoints.stream + self._market.books, slots, STREAMS_PER_CONNECTION),
                lambda link, here: DepthTalk(
                    link, here, sink, wiring.clock, self.tally, self._market, snapshots.want
                ),
            )


class _Row(msgspec.Struct):
    slot: int
    numbered: NumberedBook
    asked: bool = False
    """A snapshot is on its way."""
    lost_ns: int | None = None
    """Since when it is out of step, monotonic; None when it never was in step, or is."""


class DepthTalk(BinanceTalk):
    """Books of one connection; with it they begin and end."""

    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        sink: DepthSink,
        clock: Clock,
        tally: FeedTally,
        market: Market,
        want: Callable[[str, Taker], None],
    ) -> None:
        super().__init__(link, [f"{symbol.lower()}@depth@100ms" for symbol in slots], tally)
        self._sink = sink
        self._clock = clock
        self._want = want
        self._gone = False
        self._rows = {
            symbol: _Row(slot, NumberedBook(linked=market.linked)) for symbol, slot in slots.items()
        }

    def hear(self, data: bytes) -> None:
        try:
            told = _decode(data)
        except UNREADABLE as error:
            self.note(data, bad(data, str(error)))
            return
        row = self._rows.get(told.s)
        if row is None:
            raise BadFrame(f"depth of {told.s!r}, which was not asked for")
        try:
            step = row.numbered.update(told)
        except BadFrame as error:
            self._lose(told.s, row, str(error))
            raise
        if step is Step.APPLIED:
            at_ns = (told.T or told.E) * NS_PER_MS
            self._sink.on_depth(row.slot, row.numbered.book, at_ns, self._clock.now_ns())
        elif step is Step.GAP:
            self._tally.gaps += 1
            self._lose(told.s, row, f"a gap before update {told.U}")
        elif step is Step.KEPT:
            self._ask(told.s, row)
        else:
            self._tally.stale += 1

    def closed(self) -> None:
        super().closed()
        self._gone = True
        for row in self._rows.values():
            if row.numbered.in_step:
                self._sink.on_depth_lost(row.slot, "the connection was lost")

    def _lose(self, symbol: str, row: _Row, why: str) -> None:
        log.info("book out of step", symbol=symbol, why=why)
        row.lost_ns = self._clock.monotonic_ns()
        self._sink.on_depth_lost(row.slot, why)
        self._ask(symbol, row)

    def _ask(self, symbol: str, row: _Row) -> None:
        if row.asked:
            return
        row.asked = True
        self._want(symbol, lambda told: self._take(symbol, row, told))

    def _take(self, symbol: str, row: _Row, told: DepthSnapshot) -> bool:
        """Take a snapshot; False asks for another."""
        if self._gone:
            return True
        try:
            joined = row.numbered.snapshot(told)
        except BadFrame as error:
            log.warning("snapshot refused", symbol=symbol, why=str(error))
            self._tally.bad += 1
            row.numbered.lose()
            return False
        if not joined:
            return False
        row.asked = False
        if row.lost_ns is not None:
            self._tally.resynced(self._clock.monotonic_ns() - row.lost_ns)
            row.lost_ns = None
        return True


class _Snapshots:
    """Fetches snapshots in the order asked for, within a share of the venue's weight."""

    def __init__(self, rest: PublicRest, market: Market) -> None:
        self._rest = rest
        self._market = market
        self._loop = asyncio.get_running_loop()
        self._budget = WeightBudget(market.weight_per_minute * SHARE, self._loop.time())
        self._queue: asyncio.Queue[tuple[str, Taker]] = asyncio.Queue()
        self._shut_until_s = 0.0

    def want(self, symbol: str, take: Taker) -> None:
        self._queue.put_nowait((symbol, take))

    async def run(self) -> None:
        """Be one worker, until cancelled."""
        while True:
            symbol, take = await self._queue.get()
            again_s = await self._serve(symbol, take)
            if again_s is not None:
                self._loop.call_later(again_s, self.want, symbol, take)

    async def _serve(self, symbol: str, take: Taker) -> float | None:
        """Give in how many seconds to ask again; None when the book is in step."""
        market, now_s = self._market, self._loop.time()
        wait_s = max(self._budget.spend(market.snapshot_weight, now_s), self._shut_until_s - now_s)
        if wait_s > 0.0:
            await asyncio.sleep(wait_s)
        try:
            body = await self._rest.get(
                market.depth, {"symbol": symbol, "limit": market.snapshot_levels}
            )
            told = read_snapshot(body)
        except RateLimited as error:
            log.warning("snapshots must wait", why=str(error))
            self._shut_until_s = self._loop.time() + error.retry_after_ms / 1_000
            return 0.0
        except VenueRefused as error:
            log.warning("snapshot refused", symbol=symbol, why=str(error))
            return _REFUSED_S
        except (TryAgain, BadFrame) as error:
            log.warning("no snapshot", symbol=symbol, why=str(error))
            return _AGAIN_S
        return None if take(told) else _AGAIN_S

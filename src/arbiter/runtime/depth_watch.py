"""Depth on demand: a book is followed while somebody looks at it, and let go when nobody does.

Trading decides by the top of each book, which every venue tells for all its markets. Depth costs
a connection and a snapshot for each market, so it is asked for by whoever wants to see it.
"""

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from arbiter.model.ids import InstrumentId
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.ports.market_data import Depth, DepthFeed

log = structlog.get_logger(__name__)

LEVELS = 20
RELEASE_S = 30.0
"""After the last look."""
MOST = 24
"""Books followed at a time: the one looked at the longest ago gives way."""
FIRST_S = 1.5
"""How long a question waits for the first book of a market."""
_TAKE_NS = 100 * NS_PER_MS
"""Between two copies of a book that changes all the time."""

Level = tuple[float, float]


class BookSeen(msgspec.Struct, frozen=True, kw_only=True):
    """(price, size), best first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    exchange_ns: int
    receive_ns: int


class _Followed:
    """One market's book; implements `ports.DepthSink`."""

    def __init__(self, feed: DepthFeed, looked_ns: int) -> None:
        self.feed = feed
        self.looked_ns = looked_ns
        self.task: asyncio.Task[None] | None = None
        self.seen: BookSeen | None = None
        self.whole = asyncio.Event()

    def on_depth(self, slot: int, book: Depth, exchange_ns: int, receive_ns: int) -> None:
        del slot
        if self.seen is not None and receive_ns - self.seen.receive_ns < _TAKE_NS:
            return
        self.seen = BookSeen(
            bids=tuple(book.bids(LEVELS)),
            asks=tuple(book.asks(LEVELS)),
            exchange_ns=exchange_ns,
            receive_ns=receive_ns,
        )
        self.whole.set()

    def on_depth_lost(self, slot: int, reason: str) -> None:
        log.info("depth lost", slot=slot, why=reason)
        self.seen = None
        self.whole.clear()


class DepthWatch:
    """`open_feed` makes the feed of one market; None where its venue has none."""

    def __init__(self, open_feed: Callable[[InstrumentId], DepthFeed | None], clock: Clock) -> None:
        self._open_feed = open_feed
        self._clock = clock
        self._followed: dict[InstrumentId, _Followed] = {}
        self._none: set[InstrumentId] = set()
        self._changed = asyncio.Event()

    @property
    def followed(self) -> tuple[InstrumentId, ...]:
        return tuple(self._followed)

    def look(self, instrument: InstrumentId) -> BookSeen | None:
        """Give the newest book; the first look only begins to follow it."""
        followed = self._follow(instrument)
        return None if followed is None else followed.seen

    async def first(self, instrument: InstrumentId) -> BookSeen | None:
        """As `look`, but wait a moment for a book that is not whole yet."""
        followed = self._follow(instrument)
        if followed is None:
            return None
        try:
            async with asyncio.timeout(FIRST_S):
                await followed.whole.wait()
        except TimeoutError:
            return None
        return followed.seen

    async def run(self) -> None:
        """Follow what is looked at, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._changed.clear()
                self._release()
                for name, followed in self._followed.items():
                    if followed.task is None:
                        work = followed.feed.run(followed)
                        followed.task = group.create_task(work, name=f"depth {name}")
                try:
                    async with asyncio.timeout(1.0 if self._followed else None):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    def _follow(self, instrument: InstrumentId) -> _Followed | None:
        now = self._clock.monotonic_ns()
        followed = self._followed.get(instrument)
        if followed is not None:
            followed.looked_ns = now
            return followed
        if instrument in self._none:
            return None
        feed = self._open_feed(instrument)
        if feed is None:
            self._none.add(instrument)
            return None
        if len(self._followed) >= MOST:
            self._let_go(min(self._followed, key=lambda name: self._followed[name].looked_ns))
        self._followed[instrument] = made = _Followed(feed, now)
        self._changed.set()
        return made

    def _release(self) -> None:
        since = self._clock.monotonic_ns() - int(RELEASE_S * NS_PER_S)
        for name in [n for n, followed in self._followed.items() if followed.looked_ns < since]:
            self._let_go(name)

    def _let_go(self, name: InstrumentId) -> None:
        task = self._followed.pop(name).task
        if task is not None:
            task.cancel()

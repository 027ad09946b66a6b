"""Acceptance cases DP-01 … DP-08 for every feed of whole books.

A subclass gives the fixture `stand`; the venue trades only when told to, so that its book and the
feed's can be compared.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import pytest

from arbiter.ports.market_data import Depth, DepthFeed
from arbiter.venues.common.frames import FeedTally
from tests.fakes.moving_book import MovingBook
from tests.port_suites.running import running, stalls_counted, tally_of

LEVELS = 20


class DepthLog:
    """A sink that keeps a copy of the newest book of each slot."""

    def __init__(self) -> None:
        self.books: dict[int, tuple[list[tuple[float, float]], list[tuple[float, float]]]] = {}
        self.lost: list[tuple[int, str]] = []
        self.times: list[tuple[int, int]] = []
        self._news = asyncio.Event()

    def on_depth(self, slot: int, book: Depth, exchange_ns: int, receive_ns: int) -> None:
        assert book.best_bid < book.best_ask
        self.books[slot] = (list(book.bids(LEVELS)), list(book.asks(LEVELS)))
        self.times.append((exchange_ns, receive_ns))
        self._news.set()

    def on_depth_lost(self, slot: int, reason: str) -> None:
        self.books.pop(slot, None)
        self.lost.append((slot, reason))
        self._news.set()

    async def until(self, found: Callable[[], bool]) -> None:
        """Wait until `found` holds; the test's own time-out ends a wait in vain."""
        while not found():
            self._news.clear()
            await self._news.wait()


@runtime_checkable
class DepthVenue(Protocol):
    books: dict[str, MovingBook]
    connections: int

    def move(self, symbol: str) -> None: ...
    def skip(self, symbol: str) -> None: ...
    def repeat(self, symbol: str) -> None: ...
    def drop_all(self) -> None: ...
    def send_raw(self, data: bytes) -> None: ...
    def broken_level(self, symbol: str) -> bytes: ...


@dataclass
class DepthStand:
    feed: DepthFeed
    venue: DepthVenue
    symbols: Sequence[str]
    slots: Sequence[int]
    log: DepthLog = field(default_factory=DepthLog)

    @property
    def tally(self) -> FeedTally:
        return tally_of(self.feed)

    def running(self) -> AbstractAsyncContextManager[None]:
        return running(self.feed.run(self.log))

    def same(self, symbol: str, slot: int) -> bool:
        book = self.venue.books[symbol]
        wanted = tuple(
            [(float(price), float(size)) for price, size in side]
            for side in (book.bids(LEVELS), book.asks(LEVELS))
        )
        return self.log.books.get(slot) == wanted

    async def in_step(self) -> None:
        """Let the venue trade until every book is the venue's."""
        pairs = list(zip(self.symbols, self.slots, strict=True))
        while not all(self.same(symbol, slot) for symbol, slot in pairs):
            for symbol in self.symbols:
                self.venue.move(symbol)
            await asyncio.sleep(0.005)


class DepthSuite:
    async def test_dp01_every_book_becomes_the_venues(self, stand: DepthStand) -> None:
        async with stand.running():
            await stand.in_step()
        assert stand.tally.gaps == 0

    async def test_dp02_a_book_stays_the_venues_message_by_message(self, stand: DepthStand) -> None:
        symbol, slot = stand.symbols[0], stand.slots[0]
        async with stand.running():
            await stand.in_step()
            for _ in range(200):
                stand.venue.move(symbol)
                await stand.log.until(lambda: stand.same(symbol, slot))
            assert not stand.log.lost
        assert stand.tally.gaps == 0

    async def test_dp03_a_lost_message_is_noticed_told_and_mended(self, stand: DepthStand) -> None:
        symbol, slot = stand.symbols[0], stand.slots[0]
        async with stalls_counted() as stalls, stand.running():
            await stand.in_step()
            stand.venue.skip(symbol)
            stand.venue.move(symbol)
            await stand.log.until(lambda: bool(stand.log.lost))
            assert slot not in stand.log.books
            await stand.in_step()
            stalled_ns = await stalls.total_ns()
        assert stand.tally.gaps == 1
        assert stand.tally.resyncs == 1
        assert [lost for lost, _ in stand.log.lost[:1]] == [slot]
        assert stand.tally.slowest_resync_ns - stalled_ns < 2_000_000_000

    async def test_dp04_a_repeated_message_is_dropped(self, stand: DepthStand) -> None:
        symbol, slot = stand.symbols[0], stand.slots[0]
        async with stand.running():
            await stand.in_step()
            for _ in range(20):
                stand.venue.move(symbol)
                stand.venue.repeat(symbol)
                await stand.log.until(lambda: stand.same(symbol, slot))
            assert not stand.log.lost
        assert stand.tally.gaps == 0

    async def test_dp05_a_broken_connection_takes_its_books_with_it(
        self, stand: DepthStand
    ) -> None:
        async with stand.running():
            await stand.in_step()
            stand.venue.drop_all()
            await stand.log.until(lambda: len(stand.log.lost) >= len(stand.slots))
            assert not stand.log.books
            await stand.in_step()
        assert stand.venue.connections == 2

    async def test_dp06_a_level_that_cannot_be_puts_its_book_out_of_step(
        self, stand: DepthStand
    ) -> None:
        symbol, slot = stand.symbols[0], stand.slots[0]
        async with stand.running():
            await stand.in_step()
            stand.venue.send_raw(stand.venue.broken_level(symbol))
            await stand.log.until(lambda: bool(stand.log.lost))
            assert stand.log.lost[0][0] == slot
            await stand.in_step()

    async def test_dp07_one_books_gap_leaves_the_others_alone(self, stand: DepthStand) -> None:
        async with stand.running():
            await stand.in_step()
            stand.venue.skip(stand.symbols[0])
            await stand.in_step()
            assert {slot for slot, _ in stand.log.lost} == {stand.slots[0]}

    async def test_dp08_run_ends_only_when_cancelled(self, stand: DepthStand) -> None:
        task = asyncio.create_task(stand.feed.run(stand.log))
        await stand.in_step()
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

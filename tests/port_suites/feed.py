"""Acceptance cases FD-01 … FD-05 for every market data feed.

A subclass gives the fixture `stand`: a feed that is not running yet, with the slots it was given.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from arbiter.model.ids import VenueId
from arbiter.ports.venue import Feed

Row = tuple[float, float, float, float, int, int]


class QuoteLog:
    """A sink that keeps the quotes of each slot and wakes whoever waits."""

    def __init__(self) -> None:
        self.quotes: dict[int, list[Row]] = {}
        self.health: list[tuple[VenueId, bool, str]] = []
        self._news = asyncio.Event()

    def on_quote(
        self,
        slot: int,
        bid: float,
        ask: float,
        bid_size: float,
        ask_size: float,
        exchange_ns: int,
        receive_ns: int,
    ) -> None:
        row = (bid, ask, bid_size, ask_size, exchange_ns, receive_ns)
        self.quotes.setdefault(slot, []).append(row)
        self._news.set()

    def on_venue_health(self, venue: VenueId, *, connected: bool, reason: str) -> None:
        self.health.append((venue, connected, reason))
        self._news.set()

    @property
    def total(self) -> int:
        return sum(map(len, self.quotes.values()))

    async def until(self, found: Callable[[], bool]) -> None:
        """Wait until `found` holds; the test's own time-out ends a wait in vain."""
        while not found():
            self._news.clear()
            await self._news.wait()


@dataclass
class FeedStand:
    feed: Feed
    slots: Sequence[int]
    venues: Sequence[VenueId]
    log: QuoteLog = field(default_factory=QuoteLog)


class FeedSuite:
    async def test_fd01_every_instrument_is_quoted_in_its_slot(self, stand: FeedStand) -> None:
        async with _running(stand):
            await stand.log.until(lambda: stand.log.quotes.keys() >= set(stand.slots))
        assert stand.log.quotes.keys() == set(stand.slots)

    async def test_fd02_venues_are_reported_connected_before_they_are_needed(
        self, stand: FeedStand
    ) -> None:
        async with _running(stand):
            await stand.log.until(lambda: len(stand.log.health) >= len(stand.venues))
        assert {venue for venue, up, _ in stand.log.health if up} == set(stand.venues)

    async def test_fd03_quotes_are_sane(self, stand: FeedStand) -> None:
        async with _running(stand):
            await stand.log.until(lambda: stand.log.total >= 200)
        for bid, ask, bid_size, ask_size, _, _ in _rows(stand):
            assert 0.0 < bid < ask
            assert min(bid_size, ask_size) > 0.0

    async def test_fd04_times_of_a_slot_never_go_back(self, stand: FeedStand) -> None:
        async with _running(stand):
            await stand.log.until(lambda: stand.log.total >= 500)
        for rows in stand.log.quotes.values():
            exchange = [row[4] for row in rows]
            received = [row[5] for row in rows]
            assert exchange == sorted(exchange)
            assert received == sorted(received)

    async def test_fd05_run_ends_only_when_cancelled(self, stand: FeedStand) -> None:
        task = asyncio.create_task(stand.feed.run(stand.log))
        await stand.log.until(lambda: stand.log.total > 0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class _running:  # noqa: N801
    """The feed as a task for the length of a block."""

    def __init__(self, stand: FeedStand) -> None:
        self._stand = stand

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._stand.feed.run(self._stand.log))

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _rows(stand: FeedStand) -> list[Row]:
    return [row for rows in stand.log.quotes.values() for row in rows]

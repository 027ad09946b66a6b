"""Acceptance cases for every market data feed.

`FeedSuite`, FD-01 … FD-05, is for all of them. `WireFeedSuite`, FD-06 … FD-14, is for those that
speak to a venue over a socket of their own: there the venue can be made to misbehave. A subclass
gives the fixture `stand`: a feed that is not running yet, with the slots it was given.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from arbiter.model.ids import VenueId
from arbiter.ports.venue import Feed
from tests.fakes.book_server import BookServer
from tests.fakes.wire_server import Playing
from tests.port_suites.running import running, tally_of

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
        async with running(stand.feed.run(stand.log)):
            await stand.log.until(lambda: stand.log.quotes.keys() >= set(stand.slots))
        assert stand.log.quotes.keys() == set(stand.slots)

    async def test_fd02_venues_are_reported_connected_before_they_are_needed(
        self, stand: FeedStand
    ) -> None:
        async with running(stand.feed.run(stand.log)):
            await stand.log.until(lambda: len(stand.log.health) >= len(stand.venues))
        assert {venue for venue, up, _ in stand.log.health if up} == set(stand.venues)

    async def test_fd03_quotes_are_sane(self, stand: FeedStand) -> None:
        async with running(stand.feed.run(stand.log)):
            await stand.log.until(lambda: stand.log.total >= 200)
        for bid, ask, bid_size, ask_size, _, _ in _rows(stand):
            assert 0.0 < bid < ask
            assert min(bid_size, ask_size) > 0.0

    async def test_fd04_times_of_a_slot_never_go_back(self, stand: FeedStand) -> None:
        async with running(stand.feed.run(stand.log)):
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


@dataclass
class WireStand(FeedStand):
    """A feed on a venue in its own wire format, which goes on trading by itself all the while."""

    venue: BookServer = field(kw_only=True)
    symbols: Sequence[str] = field(kw_only=True)
    """The venue's names, in the order of the slots."""
    unknown: Callable[[str], str] = field(kw_only=True)
    """What the venue calls the quotes of a symbol that it knows nothing of."""
    numbered: bool = True
    """Repeated messages can be told by their number."""


class WireFeedSuite(FeedSuite):
    @pytest.fixture(autouse=True)
    async def _trading(self, stand: WireStand) -> AsyncIterator[None]:
        async with Playing(stand.venue.step):
            yield

    async def test_fd06_a_broken_connection_is_told_and_made_anew(self, stand: WireStand) -> None:
        async with running(stand.feed.run(stand.log)):
            await stand.log.until(lambda: _up(stand))
            stand.venue.drop_all()
            await stand.log.until(lambda: _was_lost(stand))
            await stand.log.until(lambda: _up(stand))
            await _every_slot_anew(stand)
        assert stand.venue.connections >= 2

    async def test_fd07_a_stream_that_only_answers_pings_is_given_up(
        self, stand: WireStand
    ) -> None:
        async with running(stand.feed.run(stand.log)):
            await stand.log.until(lambda: stand.log.total >= 100)
            stand.venue.stalled = True
            await stand.log.until(lambda: _was_lost(stand))
            stand.venue.stalled = False
            await stand.log.until(lambda: _up(stand))
            await _every_slot_anew(stand)

    async def test_fd08_a_venue_that_answers_nothing_is_given_up(self, stand: WireStand) -> None:
        async with running(stand.feed.run(stand.log)):
            await stand.log.until(lambda: stand.log.total > 0)
            stand.venue.mute = True
            await stand.log.until(lambda: _was_lost(stand))
            lost = next(why for _, up, why in stand.log.health if not up)
            assert "silent" in lost or "no data" in lost
            stand.venue.mute = False
            await _every_slot_anew(stand)

    async def test_fd09_what_cannot_be_decoded_is_counted_and_survived(
        self, stand: WireStand
    ) -> None:
        garbage = (b"", b"{", b"[]", b"null", b'{"u":1}', b"\xff\xfe", b"[" * 5_000, b'"text"')
        async with running(stand.feed.run(stand.log)):
            await stand.log.until(lambda: _up(stand) and stand.log.total > 0)
            for data in garbage:
                stand.venue.send_raw(data)
            await _every_slot_anew(stand)
            assert tally_of(stand.feed).bad == len(garbage)
        assert _up(stand)
        assert stand.venue.connections == 1

    async def test_fd10_a_repeated_message_changes_nothing(self, stand: WireStand) -> None:
        if not stand.numbered:
            pytest.skip("this venue's messages carry no number")
        symbol, slot = stand.symbols[0], stand.slots[0]
        async with running(stand.feed.run(stand.log)):
            await stand.log.until(lambda: len(stand.log.quotes.get(slot, ())) >= 5)
            for _ in range(5):
                stand.venue.repeat(symbol)
            await _every_slot_anew(stand)
            await _comes_true(stand, symbol, slot)
        times = [row[4] for row in stand.log.quotes[slot]]
        assert times == sorted(times)

    async def test_fd11_a_lost_message_leaves_no_wrong_price(self, stand: WireStand) -> None:
        symbol, slot = stand.symbols[0], stand.slots[0]
        async with running(stand.feed.run(stand.log)):
            await stand.log.until(lambda: len(stand.log.quotes.get(slot, ())) >= 5)
            for _ in range(3):
                stand.venue.skip(symbol)
            await _every_slot_anew(stand)
            await _comes_true(stand, symbol, slot)
        assert all(bid < ask for bid, ask, *_ in stand.log.quotes[slot])

    async def test_fd12_an_unknown_instrument_silences_no_other(self, stand: WireStand) -> None:
        stand.venue.refused.add(stand.unknown(stand.symbols[0]))
        others = set(stand.slots[1:])
        async with running(stand.feed.run(stand.log)):
            await stand.log.until(lambda: others <= stand.log.quotes.keys())
            await stand.log.until(lambda: _up(stand))
        assert stand.slots[0] not in stand.log.quotes

    async def test_fd13_a_failing_sink_ends_the_feed_and_is_not_taken_for_the_venue(
        self, stand: WireStand
    ) -> None:
        class Broken(QuoteLog):
            def on_quote(self, *_: object) -> None:
                raise ZeroDivisionError

        with pytest.raises(ExceptionGroup) as raised:
            await stand.feed.run(Broken())
        assert raised.group_contains(ZeroDivisionError)

    async def test_fd14_quotes_carry_the_time_of_receipt(self, stand: WireStand) -> None:
        before = time.time_ns()
        async with running(stand.feed.run(stand.log)):
            await stand.log.until(lambda: stand.log.total >= 100)
        after = time.time_ns()
        assert all(before <= received <= after for *_, received in _rows(stand))


def _up(stand: FeedStand) -> bool:
    return bool(stand.log.health) and stand.log.health[-1][1]


def _was_lost(stand: FeedStand) -> bool:
    return any(not up for _, up, _ in stand.log.health)


async def _every_slot_anew(stand: FeedStand) -> None:
    """Wait until each slot that is quoted at all has been quoted again."""
    counts = {slot: len(rows) for slot, rows in stand.log.quotes.items()}
    await stand.log.until(
        lambda: all(len(stand.log.quotes[slot]) > count for slot, count in counts.items())
    )


async def _comes_true(stand: WireStand, symbol: str, slot: int) -> None:
    """Wait until the newest quote is what the venue would say now."""
    await stand.log.until(lambda: stand.log.quotes[slot][-1][:4] == stand.venue.truth(symbol))


def _rows(stand: FeedStand) -> list[Row]:
    return [row for rows in stand.log.quotes.values() for row in rows]

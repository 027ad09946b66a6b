"""A feed that grows: later markets never disturb those from the start; one venue, one health."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from arbiter.model.ids import VenueId
from arbiter.ports.venue import QuoteSink
from arbiter.venues.common.late_feed import LateFeed
from arbiter.venues.common.wiring import FeedWiring
from tests.fakes.binaries import binary
from tests.fakes.clock import FakeClock
from tests.port_suites.feed import QuoteLog

VENUE = VenueId("polymarket")
FIRST, SECOND, THIRD = (binary(VENUE, name) for name in ("FIRST", "SECOND", "THIRD"))


class Made:
    """The venue's own feeds, as they were made: each says what a test has it say."""

    def __init__(self) -> None:
        self.feeds: list[Venue] = []
        self.news = asyncio.Event()

    def __call__(self, wiring: FeedWiring) -> "Venue":
        made = Venue(wiring, self.news)
        self.feeds.append(made)
        return made

    async def running(self, count: int) -> None:
        while sum(feed.sink is not None for feed in self.feeds) < count:
            self.news.clear()
            await self.news.wait()


class Venue:
    def __init__(self, wiring: FeedWiring, news: asyncio.Event) -> None:
        self.slots = dict(wiring.slots)
        self.names = [i.id for i in wiring.instruments]
        self.sink: QuoteSink | None = None
        self.ended = False
        self._news = news

    async def run(self, sink: QuoteSink) -> None:
        self.sink = sink
        self._news.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True

    def up(self, connected: bool, why: str = "") -> None:
        assert self.sink is not None
        self.sink.on_venue_health(VENUE, connected=connected, reason=why)


@asynccontextmanager
async def growing() -> AsyncIterator[tuple[LateFeed, Made, QuoteLog]]:
    made, log = Made(), QuoteLog()
    wiring = FeedWiring(venue=VENUE, instruments=[FIRST], slots={FIRST.id: 0}, clock=FakeClock())
    feed = LateFeed(wiring, made)
    task = asyncio.create_task(feed.run(log))
    await made.running(1)
    try:
        yield feed, made, log
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_later_markets_share_one_feed_of_their_own_and_the_first_goes_on() -> None:
    async with growing() as (feed, made, log):
        feed.follow([SECOND], {SECOND.id: 1})
        await made.running(2)
        feed.follow([THIRD], {THIRD.id: 2})
        await made.running(3)
        assert [venue.names for venue in made.feeds] == [
            [FIRST.id],
            [SECOND.id],
            [SECOND.id, THIRD.id],
        ]
        assert [venue.ended for venue in made.feeds] == [False, True, False]
        assert made.feeds[2].slots == {SECOND.id: 1, THIRD.id: 2}
        for venue in (made.feeds[0], made.feeds[2]):
            assert venue.sink is not None
            for slot in venue.slots.values():
                venue.sink.on_quote(slot, 0.4, 0.5, 1.0, 1.0, 0, 1)
        assert sorted(log.quotes) == [0, 1, 2]


async def test_venue_is_up_when_all_its_parts_are() -> None:
    async with growing() as (feed, made, log):
        feed.follow([SECOND], {SECOND.id: 1})
        await made.running(2)
        first, late = made.feeds
        late.up(True)
        assert log.health == [], "most of the venue is not there yet"
        first.up(True)
        late.up(False, "lost")
        first.up(True)
        assert log.health == [(VENUE, True, ""), (VENUE, False, "lost")]
        late.up(True)
        assert log.health[-1] == (VENUE, True, "")


async def test_making_later_connections_anew_is_no_outage_and_mends_none() -> None:
    async with growing() as (feed, made, log):
        first = made.feeds[0]
        first.up(True)
        feed.follow([SECOND], {SECOND.id: 1})
        await made.running(2)
        made.feeds[1].up(True)
        feed.follow([THIRD], {THIRD.id: 2})
        await made.running(3)
        assert {connected for _, connected, _ in log.health} == {True}
        made.feeds[2].up(False, "lost")
        feed.follow([replace(THIRD, id=FIRST.id)], {})
        await made.running(4)
        first.up(True)
        assert log.health[-1] == (VENUE, False, "lost"), "its later part has not come back"

"""Depth is followed while somebody looks at it, and no longer."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from arbiter.model.ids import InstrumentId
from arbiter.model.time import NS_PER_S
from arbiter.runtime import depth_watch
from arbiter.runtime.depth_watch import LEVELS, MOST, RELEASE_S, DepthWatch
from tests.fakes.clock import FakeClock
from tests.fakes.depth import FakeDepth

BTC = InstrumentId("BTCUSDT.BINANCE")


class Stage:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.feeds: dict[InstrumentId, list[FakeDepth]] = {}
        self.watch = DepthWatch(self.open, self.clock)

    def open(self, name: InstrumentId) -> FakeDepth | None:
        if name == "NONE":
            return None
        feed = FakeDepth()
        self.feeds.setdefault(name, []).append(feed)
        return feed

    async def followed(self, name: InstrumentId = BTC) -> FakeDepth:
        self.watch.look(name)
        feed = self.feeds[name][-1]
        await feed.started.wait()
        return feed


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    task = asyncio.create_task(made.watch.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_first_look_subscribes_once_and_later_ones_see_the_book(stage: Stage) -> None:
    assert stage.watch.look(BTC) is None
    feed = await stage.followed()
    feed.tell([(99.0, 1.0)], [(101.0, 2.0)], 5)
    seen = stage.watch.look(BTC)
    assert seen is not None
    assert (seen.bids, seen.asks, seen.receive_ns) == (((99.0, 1.0),), ((101.0, 2.0),), 5)
    assert len(stage.feeds[BTC]) == 1


async def test_question_waits_for_the_first_whole_book(stage: Stage) -> None:
    asked = asyncio.create_task(stage.watch.first(BTC))
    await asyncio.sleep(0)
    feed = stage.feeds[BTC][0]
    await feed.started.wait()
    assert not asked.done()
    feed.tell([(99.0, 1.0)], [(101.0, 2.0)], 5)
    seen = await asked
    assert seen is not None
    assert seen.bids == ((99.0, 1.0),)


async def test_venue_that_tells_nothing_in_time_is_not_waited_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depth_watch, "FIRST_S", 0.01)
    assert await stage.watch.first(BTC) is None
    assert await stage.watch.first(InstrumentId("NONE")) is None
    assert stage.watch.followed == (BTC,)


async def test_lost_book_is_shown_to_nobody_until_it_is_whole_again(stage: Stage) -> None:
    feed = await stage.followed()
    feed.tell([(99.0, 1.0)], [(101.0, 2.0)], 5)
    feed.lose()
    assert stage.watch.look(BTC) is None
    feed.tell([(98.0, 1.0)], [(101.0, 2.0)], 6)
    seen = stage.watch.look(BTC)
    assert seen is not None
    assert seen.bids == ((98.0, 1.0),)


async def test_deep_book_is_cut_and_one_that_changes_all_the_time_is_sampled(
    stage: Stage,
) -> None:
    feed = await stage.followed()
    deep = [(99.0 - n, 1.0) for n in range(60)]
    feed.tell(deep, [(101.0, 2.0)], 0)
    feed.tell([(50.0, 1.0)], [(101.0, 2.0)], 1_000)
    seen = stage.watch.look(BTC)
    assert seen is not None
    assert seen.bids == tuple(deep[:LEVELS])


async def test_book_nobody_looks_at_is_let_go_and_followed_anew_on_demand(stage: Stage) -> None:
    feed = await stage.followed()
    stage.clock.advance(int((RELEASE_S + 1) * NS_PER_S))
    await stage.followed(InstrumentId("ETHUSDT.BINANCE"))
    await feed.ended.wait()
    assert stage.watch.followed == ("ETHUSDT.BINANCE",)
    again = await stage.followed()
    assert again is not feed


async def test_only_so_many_books_are_followed_the_one_least_looked_at_gives_way(
    stage: Stage,
) -> None:
    names = [InstrumentId(f"S{n}USDT.BINANCE") for n in range(MOST + 1)]
    for name in names:
        stage.clock.advance(NS_PER_S // 10)
        await stage.followed(name)
    await stage.feeds[names[0]][0].ended.wait()
    assert set(stage.watch.followed) == set(names[1:])

"""The same feeds against the simulated exchanges, whose books obey their own market."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Protocol, TypeVar, runtime_checkable

import msgspec
import pytest

from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.model.time import NS_PER_MINUTE
from arbiter.runtime.clock import SystemClock
from arbiter.simex.settings import SimexSettings
from arbiter.venues.catalogue import connector
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.wiring import FeedWiring
from tests.fakes.wiring import HASTY
from tests.port_suites.depth import DepthLog
from tests.port_suites.feed import FeedStand, FeedSuite
from tests.scenarios.simex.conftest import Served, serving
from tests.scenarios.simex.stands import PERPETUALS, STANDS
from tests.scenarios.venues.test_funding import FundingLog
from tests.scenarios.venues.test_trades import TradeLog

T = TypeVar("T")
LIVELY = SimexSettings(
    symbols=3, quotes_per_second=2_000.0, dislocations_per_minute=0.0, time_scale=60.0
)


@runtime_checkable
class Tallied(Protocol):
    """Every feed of our own counts what it went through."""

    tally: FeedTally


async def wiring_of(served: Served, venue: str) -> FeedWiring:
    """Follow all that a simulator lists as one venue, in slots 0, 1, 2 …"""
    server = STANDS[venue].server
    client = STANDS[venue].client(served)
    listed = await client.instruments()
    await client.aclose()
    line = served.lines[server]
    return FeedWiring(
        venue=VenueId(venue),
        instruments=listed,
        slots={told.id: number for number, told in enumerate(listed)},
        clock=SystemClock(),
        endpoints=Endpoints(stream=line["ws"], rest=line["rest"]),
        stream=msgspec.structs.replace(HASTY, silence_s=2.0),
    )


@pytest.fixture(params=list(STANDS))
async def wiring(request: pytest.FixtureRequest) -> AsyncIterator[FeedWiring]:
    async with serving(LIVELY) as served:
        yield await wiring_of(served, request.param)


def made(make: Callable[[FeedWiring], T] | None, wiring: FeedWiring) -> T:
    assert make is not None
    return make(wiring)


class running:  # noqa: N801
    """A feed as a task for the length of a block."""

    def __init__(self, run: object) -> None:
        self._run = run

    async def __aenter__(self) -> None:
        self._task = asyncio.ensure_future(self._run)  # type: ignore[call-overload]

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._task


class TestQuotes(FeedSuite):
    @pytest.fixture
    def stand(self, wiring: FeedWiring) -> FeedStand:
        slots = sorted(wiring.slots.values())
        return FeedStand(
            feed=connector(wiring.venue).quotes(wiring), slots=slots, venues=[wiring.venue]
        )


async def test_books_are_whole_and_agree_with_the_quotes(wiring: FeedWiring) -> None:
    feed = made(connector(wiring.venue).depth, wiring)
    assert isinstance(feed, Tallied)
    log = DepthLog()
    async with running(feed.run(log)):
        await log.until(lambda: len(log.books) == len(wiring.instruments))
        await log.until(lambda: len(log.times) >= 60)
        assert not log.lost
    assert feed.tally.gaps == feed.tally.bad == 0


async def test_trades_are_told(wiring: FeedWiring) -> None:
    feed = made(connector(wiring.venue).trades, wiring)
    log = TradeLog()
    async with running(feed.run(log)):
        await log.until(10)
    assert {trade.slot for trade in log.trades} <= set(wiring.slots.values())


async def test_day_before_the_start_is_told_without_a_hole(wiring: FeedWiring) -> None:
    make = connector(wiring.venue).past
    if make is None:
        pytest.skip("the venue's past candles are not asked for")
    instrument = wiring.instruments[0]
    candles = await make(wiring).history(instrument.id)
    opens = [candle.open_ns for candle in candles]
    assert opens == list(range(opens[0], opens[-1] + 1, NS_PER_MINUTE))
    assert len(opens) >= 600
    assert time.time_ns() - opens[-1] < 5 * NS_PER_MINUTE
    for candle in candles:
        assert candle.low <= min(candle.open, candle.close) <= candle.high
    assert candles[-1].volume > 0


@pytest.mark.parametrize("venue", [stand.venue for stand in PERPETUALS])
async def test_funding_is_told_with_its_interval(venue: str) -> None:
    async with serving(LIVELY) as served:
        wiring = await wiring_of(served, venue)
        assert all(told.kind is InstrumentKind.LINEAR for told in wiring.instruments)
        feed = made(connector(wiring.venue).funding, wiring)
        log = FundingLog()
        async with running(feed.run(log)):
            await log.until(lambda: len(log.rates) == len(wiring.instruments))
    for rate in log.rates.values():
        assert rate.interval_hours in (1, 4, 8)
        assert rate.mark > 0


@pytest.mark.parametrize("venue", ["binance", "bybit", "kraken", "coinbase"])
async def test_lost_messages_never_leave_a_wrong_book(venue: str) -> None:
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serving(LIVELY))
        wiring = await wiring_of(served, venue)
        feed = made(connector(wiring.venue).depth, wiring)
        assert isinstance(feed, Tallied)
        log = DepthLog()
        await stack.enter_async_context(running(feed.run(log)))
        await log.until(lambda: len(log.books) == len(wiring.instruments))
        await served.act(venue, "rates", rates={"gap": 0.02})
        await log.until(lambda: feed.tally.resyncs >= 5)
        await served.act(venue, "heal")
        slots: Mapping[InstrumentId, int] = wiring.slots
        here: Callable[[], bool] = lambda: log.books.keys() == set(slots.values())  # noqa: E731
        await log.until(here)
    assert feed.tally.gaps >= 5
    assert feed.tally.slowest_resync_ns < 2_000_000_000


@pytest.mark.parametrize("venue", ["binance", "bybit", "kraken", "coinbase"])
async def test_a_stall_is_noticed_and_survived(venue: str) -> None:
    async with serving(LIVELY) as served:
        wiring = await wiring_of(served, venue)
        feed = connector(wiring.venue).quotes(wiring)
        stand = FeedStand(feed=feed, slots=[0, 1, 2], venues=[wiring.venue])
        log = stand.log
        async with running(feed.run(log)):
            await log.until(lambda: log.total > 100)
            await served.act(venue, "stall", seconds=3.0)
            await log.until(lambda: any(not up for _, up, _ in log.health))
            await log.until(lambda: log.health[-1][1])
            before = log.total
            await log.until(lambda: log.total > before + 100)

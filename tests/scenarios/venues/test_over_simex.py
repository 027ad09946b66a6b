"""The same feeds against the simulated exchanges, whose books obey their own market."""

import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from arbiter.model.instruments import InstrumentKind
from arbiter.model.time import NS_PER_MINUTE
from arbiter.venues.catalogue import connector
from arbiter.venues.common.wiring import FeedWiring
from tests.port_suites.depth import DepthLog
from tests.port_suites.feed import FeedStand, FeedSuite, QuoteLog
from tests.port_suites.funding import FundingLog
from tests.port_suites.running import running, stalls_counted, tally_of
from tests.port_suites.trades import TradeLog
from tests.scenarios.simex.conftest import serving
from tests.scenarios.simex.stands import PERPETUALS, STANDS
from tests.scenarios.venues.over_simex import LIVELY, made, wiring_of


@pytest.fixture(params=list(STANDS))
async def wiring(request: pytest.FixtureRequest) -> AsyncIterator[FeedWiring]:
    async with serving(LIVELY) as served:
        yield await wiring_of(served, request.param)


class TestQuotes(FeedSuite):
    @pytest.fixture
    def stand(self, wiring: FeedWiring) -> FeedStand:
        slots = sorted(wiring.slots.values())
        return FeedStand(
            feed=connector(wiring.venue).quotes(wiring), slots=slots, venues=[wiring.venue]
        )


async def test_books_are_whole_and_agree_with_the_quotes(wiring: FeedWiring) -> None:
    feed = made(connector(wiring.venue).depth, wiring)
    tally = tally_of(feed)
    log = DepthLog()
    async with running(feed.run(log)):
        await log.until(lambda: len(log.books) == len(wiring.instruments))
        await log.until(lambda: len(log.times) >= 60)
        assert not log.lost
    assert tally.gaps == tally.bad == 0


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


WATCHED = ["binance", "bybit", "kraken", "coinbase", "okx", "okx_futures"]


@pytest.mark.parametrize("venue", WATCHED)
async def test_lost_messages_never_leave_a_wrong_book(venue: str) -> None:
    server = STANDS[venue].server
    async with serving(msgspec.structs.replace(LIVELY, venues=(server,))) as served:
        wiring = await wiring_of(served, venue)
        feed = made(connector(wiring.venue).depth, wiring)
        tally, log = tally_of(feed), DepthLog()
        async with stalls_counted() as stalls, running(feed.run(log)):
            await log.until(lambda: len(log.books) == len(wiring.instruments))
            await served.act(server, "rates", rates={"gap": 0.02})
            await log.until(lambda: tally.resyncs >= 5)
            await served.act(server, "heal")
            await log.until(lambda: log.books.keys() == set(wiring.slots.values()))
            stalled_ns = await stalls.total_ns()
    assert tally.gaps >= 5
    assert tally.slowest_resync_ns - stalled_ns < 2_000_000_000
    if venue != "kraken":  # which numbers nothing: there a book that went wrong tells what is lost
        assert tally.bad == 0


@pytest.mark.parametrize("venue", WATCHED)
async def test_a_stall_is_noticed_and_survived(venue: str) -> None:
    server = STANDS[venue].server
    async with serving(msgspec.structs.replace(LIVELY, venues=(server,))) as served:
        wiring = await wiring_of(served, venue)
        log = QuoteLog()
        async with running(connector(wiring.venue).quotes(wiring).run(log)):
            await log.until(lambda: log.total > 100)
            await served.act(server, "stall", seconds=3.0)
            await log.until(lambda: any(not up for _, up, _ in log.health))
            await log.until(lambda: log.health[-1][1])
            before = log.total
            await log.until(lambda: log.total > before + 100)

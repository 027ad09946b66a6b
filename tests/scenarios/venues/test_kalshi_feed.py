"""Kalshi's feeds over its simulator: quotes, depth, trades; gaps, stalls, crossed books, no key."""

import itertools
from collections.abc import AsyncIterator

import msgspec
import pytest

from arbiter.markets.event_settings import EventMarketSettings
from arbiter.simex.settings import SimexSettings
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kalshi.depth import KalshiDepthFeed
from arbiter.venues.kalshi.feed import KalshiFeed
from arbiter.venues.kalshi.trades import KalshiTradeFeed
from tests.port_suites.depth import DepthLog
from tests.port_suites.feed import FeedStand, FeedSuite, QuoteLog
from tests.port_suites.running import running, stalls_counted
from tests.port_suites.trades import TradeLog
from tests.scenarios.simex.conftest import Served, serving
from tests.scenarios.simex.kalshi import STILL, TICKER, server_of, wiring_of

LIVELY = SimexSettings(
    venues=("kalshi",),
    events=EventMarketSettings(round_seconds=7_200.0, volatility=10.0, quotes_per_second=2_000.0),
)
RESYNC_NS = 2_000_000_000


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(LIVELY) as served:
        yield served


@pytest.fixture
async def wiring(served: Served) -> FeedWiring:
    return await wiring_of(served)


class TestQuotes(FeedSuite):
    @pytest.fixture
    def stand(self, wiring: FeedWiring) -> FeedStand:
        slots = sorted(wiring.slots.values())
        return FeedStand(feed=KalshiFeed(wiring), slots=slots, venues=[wiring.venue])


class TestLooks(FeedSuite):
    """Without a key there are no streams: markets are looked at every second."""

    @pytest.fixture
    async def stand(self, served: Served, monkeypatch: pytest.MonkeyPatch) -> FeedStand:
        monkeypatch.setattr("arbiter.venues.kalshi.feed.LOOK_S", 0.05)
        wiring = await wiring_of(served, signed=False)
        slots = sorted(wiring.slots.values())
        return FeedStand(feed=KalshiFeed(wiring), slots=slots, venues=[wiring.venue])


def shown(served: Served, wiring: FeedWiring, slot: int) -> tuple[float, float, float, float]:
    """Best prices and sizes at the venue now."""
    name = next(i.market_id for i in wiring.instruments if wiring.slots[i.id] == slot)
    public = server_of(served).public
    bid, ask, bid_size, ask_size = public.top(public.listed[name])
    return float(bid), float(ask), float(bid_size), float(ask_size)


async def come_true(log: QuoteLog, served: Served, wiring: FeedWiring) -> None:
    """Wait until the last quote of every slot is what the venue shows."""
    await log.until(
        lambda: all(
            log.quotes[slot][-1][:4] == shown(served, wiring, slot)
            for slot in wiring.slots.values()
            if slot in log.quotes
        )
    )


async def test_depth_is_the_venues_own_book(served: Served, wiring: FeedWiring) -> None:
    feed, log = KalshiDepthFeed(wiring), DepthLog()
    async with running(feed.run(log)):
        await log.until(lambda: len(log.books) == len(wiring.instruments))
        await log.until(lambda: len(log.times) >= 60)
        assert not log.lost
    assert feed.tally.gaps == feed.tally.bad == 0


async def test_trades_are_told_once(wiring: FeedWiring) -> None:
    feed, log = KalshiTradeFeed(wiring), TradeLog()
    async with running(feed.run(log)):
        await log.until(10)
    assert {trade.slot for trade in log.trades} <= set(wiring.slots.values())
    assert feed.tally.gaps == 0


async def test_gap_of_one_market_puts_all_books_of_the_subscription_out_and_back(
    served: Served, wiring: FeedWiring
) -> None:
    feed, log = KalshiFeed(wiring), QuoteLog()
    async with stalls_counted() as stalls, running(feed.run(log)):
        await log.until(lambda: log.quotes.keys() == set(wiring.slots.values()))
        for _ in range(3):
            gaps = feed.tally.gaps  # before: it may be noticed before the act is answered
            await served.act("kalshi", "gap", symbol=TICKER)
            await log.until(lambda gaps=gaps: feed.tally.gaps > gaps or feed.tally.gaps >= 3)  # type: ignore[misc]
        await log.until(lambda: feed.tally.resyncs >= len(wiring.instruments))
        await come_true(log, served, wiring)
        stalled_ns = await stalls.total_ns()
    assert feed.tally.slowest_resync_ns - stalled_ns < RESYNC_NS
    assert feed.tally.reconnects == 0


async def test_quiet_book_is_asked_for_and_stays_fresh() -> None:
    calm = msgspec.structs.replace(
        STILL, events=msgspec.structs.replace(STILL.events, quotes_per_second=1.0)
    )
    async with serving(calm) as served:
        wiring = await wiring_of(served)
        feed, log = KalshiFeed(wiring), QuoteLog()
        async with stalls_counted() as stalls, running(feed.run(log)):
            await log.until(
                lambda: (
                    len(log.quotes) == len(wiring.slots)
                    and all(len(rows) >= 4 for rows in log.quotes.values())
                )
            )
            stalled_ns = await stalls.total_ns()
        for rows in log.quotes.values():
            times = [row[5] for row in rows]
            gaps = [later - before for before, later in itertools.pairwise(times)]
            oldest_ns = max(gaps[1:], default=0) - stalled_ns
            assert oldest_ns < RESYNC_NS, "a quote older than that is not traded on"
    assert feed.tally.gaps == feed.tally.reconnects == 0


async def test_lost_message_in_a_quiet_market_is_noticed(served: Served) -> None:
    async with serving(STILL) as quiet:
        wiring = await wiring_of(quiet)
        feed, log = KalshiFeed(wiring), QuoteLog()
        async with running(feed.run(log)):
            await log.until(lambda: len(log.quotes) == len(wiring.slots))
            await quiet.act("kalshi", "jump", symbol=TICKER, fraction=0.05)
            await quiet.act("kalshi", "gap", symbol=TICKER)
            await log.until(lambda: feed.tally.gaps >= 1)
            await come_true(log, quiet, wiring)


async def test_stream_that_stalls_is_given_up_and_comes_back(
    served: Served, wiring: FeedWiring
) -> None:
    feed, log = KalshiFeed(wiring), QuoteLog()
    async with running(feed.run(log)):
        await log.until(lambda: log.total > 50)
        await served.act("kalshi", "stall", seconds=60.0)
        await log.until(lambda: any(not up for _, up, _ in log.health))
        await served.act("kalshi", "heal")
        await log.until(lambda: log.health[-1][1])
        await come_true(log, served, wiring)


async def test_broken_connection_is_told_and_made_anew(served: Served, wiring: FeedWiring) -> None:
    feed, log = KalshiFeed(wiring), QuoteLog()
    async with running(feed.run(log)):
        await log.until(lambda: log.total > 50)
        await served.act("kalshi", "disconnect")
        await log.until(lambda: any(not up for _, up, _ in log.health))
        await log.until(lambda: log.health[-1][1])
        await come_true(log, served, wiring)
    assert feed.tally.reconnects == 1


async def test_venue_that_answers_nothing_is_given_up(served: Served, wiring: FeedWiring) -> None:
    feed, log = KalshiFeed(wiring), QuoteLog()
    async with running(feed.run(log)):
        await log.until(lambda: log.total > 50)
        await served.act("kalshi", "blackhole", seconds=60.0)
        await log.until(lambda: any(not up for _, up, _ in log.health))
        await served.act("kalshi", "heal")
        await log.until(lambda: log.health[-1][1])


async def test_failing_sink_ends_the_feed_and_is_not_taken_for_the_venue(
    wiring: FeedWiring,
) -> None:
    class Broken(QuoteLog):
        def on_quote(self, *_: object) -> None:
            raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as raised:
        await KalshiFeed(wiring).run(Broken())
    assert raised.group_contains(ZeroDivisionError)


async def test_unknown_market_silences_no_other(served: Served, wiring: FeedWiring) -> None:
    strange = msgspec.structs.replace(wiring.instruments[0], market_id="NO-SUCH-MARKET")
    feed = KalshiFeed(
        msgspec.structs.replace(wiring, instruments=[strange, *wiring.instruments[1:]])
    )
    log = QuoteLog()
    async with running(feed.run(log)):
        others = {wiring.slots[i.id] for i in wiring.instruments[1:]}
        await log.until(lambda: others <= log.quotes.keys())
        await log.until(lambda: log.health[-1][1])
    assert wiring.slots[strange.id] not in log.quotes


async def test_crossed_book_is_never_told(served: Served, wiring: FeedWiring) -> None:
    feed, log = KalshiFeed(wiring), QuoteLog()
    async with running(feed.run(log)):
        await log.until(lambda: log.total > 0)
        await served.act("kalshi", "rates", rates={"crossed": 0.05})
        await log.until(lambda: feed.tally.gaps >= 3)
        await served.act("kalshi", "heal")
        await come_true(log, served, wiring)
    assert all(row[0] < row[1] for rows in log.quotes.values() for row in rows)


async def test_market_that_jumps_shows_no_bid_above_an_ask_on_the_way() -> None:
    jumpy = msgspec.structs.replace(
        LIVELY.events,
        dislocations_per_minute=6_000.0,
        smallest=0.06,
        largest=0.12,
        hold_seconds=0.1,
    )
    async with serving(msgspec.structs.replace(LIVELY, events=jumpy)) as served:
        feed, log = KalshiFeed(await wiring_of(served)), QuoteLog()
        async with running(feed.run(log)):
            await log.until(lambda: jumps(log) >= 20)
    assert feed.tally.gaps == feed.tally.bad == 0


def jumps(log: QuoteLog) -> int:
    """How often a market's bid was at an ask of a moment ago or above; told level by level."""
    return sum(
        row[0] >= min(before[1] for before in rows[max(at - 20, 0) : at])
        for rows in log.quotes.values()
        for at, row in enumerate(rows)
        if at
    )


async def test_market_that_is_decided_shows_nothing_more(
    served: Served, wiring: FeedWiring
) -> None:
    feed, log = KalshiFeed(wiring), QuoteLog()
    slot = next(wiring.slots[i.id] for i in wiring.instruments if i.market_id == TICKER)
    async with running(feed.run(log)):
        await log.until(lambda: len(log.quotes) == len(wiring.slots))
        await served.act("kalshi", "resolve", symbol=TICKER, amount=1)
        seen = 0
        for _ in range(2):  # what was under way comes within the first
            seen, told = len(log.quotes[slot]), log.total
            await log.until(lambda told=told: log.total > told + 500)  # type: ignore[misc]
    assert len(log.quotes[slot]) == seen


async def test_handshake_without_a_good_signature_is_refused(
    served: Served, wiring: FeedWiring
) -> None:
    from arbiter.venues.common.keys import VenueKeys

    line = served.lines["kalshi"]
    keys = VenueKeys(api_key=line["apiKey"], secret=line["readOnly"]["privateKey"])
    feed, log = KalshiFeed(msgspec.structs.replace(wiring, keys=keys)), QuoteLog()
    async with running(feed.run(log)):
        await log.until(lambda: bool(log.health))
    assert not log.health[0][1]
    assert log.total == 0


async def test_clock_far_off_is_signed_by(served: Served, wiring: FeedWiring) -> None:
    await served.act("kalshi", "clock_offset", offset_ms=40_000)
    feed, log = KalshiFeed(wiring), QuoteLog()
    async with running(feed.run(log)):
        await log.until(lambda: log.total > 50)


async def test_depth_without_a_key_is_looked_at(served: Served) -> None:
    wiring = await wiring_of(served, signed=False)
    log = DepthLog()
    async with running(KalshiDepthFeed(wiring).run(log)):
        await log.until(lambda: len(log.books) == len(wiring.instruments))
    assert not log.lost

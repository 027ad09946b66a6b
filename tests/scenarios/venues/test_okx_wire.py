"""OKX's feeds over a socket, against a venue in its own wire format."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from arbiter.model.errors import OutcomeUnknown, VenueRefused
from arbiter.model.ids import VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.model.time import NS_PER_MINUTE
from arbiter.venues.common import funding
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.okx.depth import OkxDepthFeed
from arbiter.venues.okx.feed import OkxFeed
from arbiter.venues.okx.funding import OkxFundingFeed
from arbiter.venues.okx.history import OkxHistory
from arbiter.venues.okx.trades import OkxTradeFeed
from tests.fakes.okx_server import FakeOkx
from tests.fakes.wire_server import Playing
from tests.fakes.wiring import wiring_to
from tests.port_suites.depth import DepthLog, DepthStand, DepthSuite, _running
from tests.port_suites.feed import QuoteLog, WireFeedSuite, WireStand
from tests.scenarios.venues.test_feeds import truth_of
from tests.scenarios.venues.test_funding import FundingLog
from tests.scenarios.venues.test_over_simex import running
from tests.scenarios.venues.test_trades import Told, TradeLog, told_through_a_reconnect

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
HOUR_MS = 3_600_000


def swaps(server: FakeOkx, unit: str = "0.01") -> FeedWiring:
    """Wire swaps whose contracts are so many base units."""
    wiring = wiring_to(server, "okx_futures", SYMBOLS, InstrumentKind.LINEAR)
    listed = [replace(told, wire_unit=Decimal(unit)) for told in wiring.instruments]
    return replace(wiring, instruments=listed)


def stand_on(server: FakeOkx) -> WireStand:
    feed = OkxFeed(wiring_to(server, "okx", SYMBOLS))
    return WireStand(
        feed=feed,
        slots=[10, 20, 30],
        venues=[VenueId("okx")],
        venue=server,
        symbols=SYMBOLS,
        truth=truth_of(server.books),
        refuse=lambda symbol: server.refused.add(f"bbo-tbt:{symbol}"),
        playing=lambda: Playing(server.step),
        bad=lambda: feed.tally.bad,
    )


class TestQuotes(WireFeedSuite):
    @pytest.fixture
    async def stand(self) -> AsyncIterator[WireStand]:
        async with FakeOkx(SYMBOLS) as server:
            yield stand_on(server)


async def test_a_request_refused_whole_is_asked_for_topic_by_topic() -> None:
    async with FakeOkx(SYMBOLS) as server:
        server.refuses_whole = True
        server.refused.add("bbo-tbt:ETHUSDT")
        log, feed = QuoteLog(), OkxFeed(wiring_to(server, "okx", SYMBOLS))
        async with running(feed.run(log)):
            await log.until(lambda: log.quotes.keys() == {10, 30} and bool(log.health))
    assert feed.tally.refused == 1


async def test_sizes_of_swaps_leave_in_base_units() -> None:
    async with FakeOkx(SYMBOLS) as server:
        log, feed = QuoteLog(), OkxFeed(swaps(server))
        async with running(feed.run(log)):
            await log.until(lambda: 10 in log.quotes)
        truth = truth_of(server.books)("BTCUSDT")
        _, _, bid_size, ask_size, _, _ = log.quotes[10][0]
        assert (bid_size, ask_size) == pytest.approx((truth[2] * 0.01, truth[3] * 0.01))
        depth, books = OkxDepthFeed(swaps(server)), DepthLog()
        async with running(depth.run(books)):
            await books.until(lambda: 10 in books.books)
            assert books.books[10][0][0] == pytest.approx((truth[0], truth[2] * 0.01))


class Depth(DepthSuite):
    server: FakeOkx
    checksums: bool

    @pytest.fixture
    async def stand(self) -> AsyncIterator[DepthStand]:
        async with FakeOkx(SYMBOLS[:2]) as self.server:
            self.server.tells_checksums = self.checksums
            self.feed = OkxDepthFeed(wiring_to(self.server, "okx", SYMBOLS[:2]))
            yield DepthStand(
                feed=self.feed,
                venue=self.server,
                symbols=SYMBOLS[:2],
                slots=[10, 20],
                gaps=lambda: self.feed.tally.gaps,
                resyncs=lambda: self.feed.tally.resyncs,
                slowest_resync_ns=lambda: self.feed.tally.slowest_resync_ns,
                broken_level=self.server.broken_level,
            )

    async def test_numbers_that_begin_anew_are_followed(self, stand: DepthStand) -> None:
        async with _running(stand):
            await stand.in_step()
            self.server.maintain("BTCUSDT")
            await stand.in_step()
            assert not stand.log.lost
        assert stand.gaps() == 0

    async def test_a_message_without_changes_says_that_the_book_stands(
        self, stand: DepthStand
    ) -> None:
        async with _running(stand):
            await stand.in_step()
            told = len(stand.log.times)
            self.server.stand_still("BTCUSDT")
            await stand.log.until(lambda: len(stand.log.times) > told)
            await stand.in_step()
        assert stand.gaps() == 0

    async def test_a_renewal_without_a_snapshot_is_mended_by_a_new_connection(
        self, stand: DepthStand
    ) -> None:
        async with _running(stand):
            await stand.in_step()
            self.server.deaf_to_renewals = True
            self.server.skip("BTCUSDT")
            await stand.in_step()
        assert self.server.connections == 2


class TestCheckedDepth(Depth):
    checksums = True

    async def test_a_book_that_does_not_come_to_its_checksum_is_fetched_anew(
        self, stand: DepthStand
    ) -> None:
        async with _running(stand):
            await stand.in_step()
            self.server.wrong_checksums = 1
            self.server.move("BTCUSDT")
            await stand.log.until(lambda: bool(stand.log.lost))
            assert "checksum" in stand.log.lost[0][1]
            await stand.in_step()
        assert (stand.gaps(), stand.resyncs()) == (0, 1)


class TestUncheckedDepth(Depth):
    """As the venue is since it tells 0 for every checksum."""

    checksums = False


async def test_trades_are_told_once_with_the_takers_side() -> None:
    async with FakeOkx(["BTCUSDT"]) as server:
        feed = OkxTradeFeed(wiring_to(server, "okx", ["BTCUSDT"]))
        numbers = iter([7, 9])

        def sell() -> None:
            server.trade("BTCUSDT", next(numbers), "27450.50", "0.005", "sell")

        def buy() -> None:
            server.trade("BTCUSDT", 8, "27451.00", "0.010", "buy")

        told = await told_through_a_reconnect(feed, server, "trades:BTCUSDT", sell, buy)
    assert told == [
        Told(10, 27450.50, 0.005, False),
        Told(10, 27451.00, 0.010, True),
        Told(10, 27450.50, 0.005, False),
    ]
    assert feed.tally.stale == 1


async def test_trades_of_swaps_are_told_in_base_units() -> None:
    async with FakeOkx(SYMBOLS) as server:
        log, feed = TradeLog(), OkxTradeFeed(swaps(server))
        async with running(feed.run(log)):
            await server.until_subscribed("trades:ETHUSDT")
            server.trade("ETHUSDT", 1, "2285.5", "150", "buy")
            await log.until(1)
    assert log.trades == [Told(20, 2285.5, 1.5, True)]


async def test_rate_mark_and_interval_come_from_two_channels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(funding, "TELL_S", 0.01)
    due = (time.time_ns() // 1_000_000 // HOUR_MS + 1) * HOUR_MS
    async with FakeOkx(SYMBOLS) as server:
        log, feed = FundingLog(), OkxFundingFeed(swaps(server))
        async with running(feed.run(log)):
            await server.until_subscribed("mark-price:BTCUSDT")
            server.tell("mark-price", "BTCUSDT", markPx="43250.1", ts="1")
            times = {"fundingTime": str(due), "nextFundingTime": str(due + 4 * HOUR_MS)}
            server.tell("funding-rate", "BTCUSDT", fundingRate="-0.00012", **times)
            await log.until(lambda: bool(log.rates))
    (told,) = log.rates.values()
    assert (told.rate, told.mark) == (Decimal("-0.00012"), Decimal("43250.1"))
    assert (told.interval_hours, told.next_funding_ns) == (4, due * 1_000_000)


async def test_a_day_of_finished_minutes_without_a_hole_in_base_units() -> None:
    async with FakeOkx(SYMBOLS) as server:
        spot = wiring_to(server, "okx", SYMBOLS)
        candles = await OkxHistory(spot).history(spot.instruments[0].id)
        of_swap = await OkxHistory(swaps(server)).history(swaps(server).instruments[0].id)
    opens = [candle.open_ns for candle in candles]
    assert opens == list(range(opens[0], opens[-1] + 1, NS_PER_MINUTE))
    assert 1_438 <= len(candles) <= 1_440
    assert opens[-1] + NS_PER_MINUTE <= time.time_ns()
    assert (candles[-1].volume, of_swap[-1].volume) == (750.0, 7.5)
    assert (candles[-1].open, candles[-1].high, candles[-1].close) == (1.0, 3.0, 2.0)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"code": "51001", "msg": "Instrument ID doesn't exist.", "data": []}, VenueRefused),
        ({"code": "0", "msg": "", "data": [["soon", "1"]]}, OutcomeUnknown),
    ],
)
async def test_candles_that_cannot_be_had_are_no_candles(
    answer: dict[str, Any], error: type[Exception]
) -> None:
    class Babbling(FakeOkx):
        def get(self, path: str, query: dict[str, str]) -> Any:
            return answer

    async with Babbling(SYMBOLS) as server:
        wiring = wiring_to(server, "okx", SYMBOLS)
        with pytest.raises(error):
            await OkxHistory(wiring).history(wiring.instruments[0].id)

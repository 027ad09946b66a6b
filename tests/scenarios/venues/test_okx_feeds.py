"""What OKX's feeds need beside the common cases: swaps in base units, funding, refusals."""

import time
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from arbiter.model.errors import OutcomeUnknown, VenueRefused
from arbiter.model.instruments import InstrumentKind
from arbiter.venues.common import funding
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.okx.depth import OkxDepthFeed
from arbiter.venues.okx.feed import OkxFeed
from arbiter.venues.okx.funding import OkxFundingFeed
from arbiter.venues.okx.history import OkxHistory
from arbiter.venues.okx.trades import OkxTradeFeed
from tests.fakes.okx_server import FakeOkx
from tests.fakes.wiring import wiring_to
from tests.port_suites.depth import DepthLog
from tests.port_suites.feed import QuoteLog
from tests.port_suites.funding import FundingLog
from tests.port_suites.running import running
from tests.port_suites.trades import Told, TradeLog
from tests.scenarios.venues.wired import SYMBOLS

HOUR_MS = 3_600_000


def swaps(server: FakeOkx, unit: str = "0.01") -> FeedWiring:
    """Wire swaps whose contracts are so many base units."""
    wiring = wiring_to(server, "okx_futures", SYMBOLS, InstrumentKind.LINEAR)
    listed = [replace(told, wire_unit=Decimal(unit)) for told in wiring.instruments]
    return replace(wiring, instruments=listed)


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
        truth = server.truth("BTCUSDT")
        _, _, bid_size, ask_size, _, _ = log.quotes[10][0]
        assert (bid_size, ask_size) == pytest.approx((truth[2] * 0.01, truth[3] * 0.01))
        depth, books = OkxDepthFeed(swaps(server)), DepthLog()
        async with running(depth.run(books)):
            await books.until(lambda: 10 in books.books)
            assert books.books[10][0][0] == pytest.approx((truth[0], truth[2] * 0.01))


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
    due = (time.time_ns() // 1_000_000 // HOUR_MS + 2) * HOUR_MS  # not while this runs
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


async def test_candles_of_swaps_tell_volumes_in_base_units() -> None:
    async with FakeOkx(SYMBOLS) as server:
        wiring = swaps(server)
        candles = await OkxHistory(wiring).history(wiring.instruments[0].id)
    assert {candle.volume for candle in candles} == {7.5}


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

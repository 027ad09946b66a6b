"""Funding and marks over a socket, with the interval as the venue has it now."""

from decimal import Decimal

import pytest

from arbiter.model.instruments import InstrumentKind
from arbiter.venues.binance.funding import BinanceFundingFeed
from arbiter.venues.bybit.funding import BybitFundingFeed
from arbiter.venues.common import funding
from tests.fakes.binance_server import HOUR_MS, FakeBinance
from tests.fakes.bybit_server import FakeBybit
from tests.fakes.wiring import wiring_to
from tests.port_suites.funding import FundingLog
from tests.port_suites.running import running

LINEAR = InstrumentKind.LINEAR


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(funding, "TELL_S", 0.01)


async def test_binance_tells_rate_mark_and_the_interval_that_its_list_gives() -> None:
    async with FakeBinance(["BTCUSDT", "ETHUSDT"], futures=True) as server:
        server.intervals = [{"symbol": "ETHUSDT", "fundingIntervalHours": 4}]
        wiring = wiring_to(server, "binance_futures", ["BTCUSDT", "ETHUSDT"], LINEAR)
        log = FundingLog()
        async with running(BinanceFundingFeed(wiring).run(log)):
            await server.until_subscribed("btcusdt@markPrice@1s")
            server.mark("BTCUSDT", "11794.15", "0.00038167")
            server.mark("ETHUSDT", "4000.1", "-0.0001")
            await log.until(lambda: len(log.rates) == 2)
        settlement = server.next_funding_ms * 1_000_000
    bitcoin = log.rates["BTCUSDT-PERP.BINANCE_FUTURES"]
    assert (bitcoin.rate, bitcoin.mark) == (Decimal("0.00038167"), Decimal("11794.15"))
    assert (bitcoin.interval_hours, bitcoin.next_funding_ns) == (8, settlement)
    assert log.rates["ETHUSDT-PERP.BINANCE_FUTURES"].interval_hours == 4


async def test_binance_interval_that_changes_is_learnt_from_the_next_settlement() -> None:
    async with FakeBinance(["BTCUSDT"], futures=True) as server:
        wiring = wiring_to(server, "binance_futures", ["BTCUSDT"], LINEAR)
        log = FundingLog()
        async with running(BinanceFundingFeed(wiring).run(log)):
            await server.until_subscribed("btcusdt@markPrice@1s")
            name = "BTCUSDT-PERP.BINANCE_FUTURES"
            server.mark("BTCUSDT", "11794.15", "0.0001")
            await log.until(lambda: name in log.rates)
            assert log.rates[name].interval_hours == 8
            server.next_funding_ms += HOUR_MS
            server.mark("BTCUSDT", "11794.15", "0.0001")
            await log.until(lambda: log.rates[name].interval_hours == 1)


async def test_bybit_deltas_change_only_what_they_name() -> None:
    async with FakeBybit(["BTCUSDT"]) as server:
        wiring = wiring_to(server, "bybit_futures", ["BTCUSDT"], LINEAR)
        log = FundingLog()
        async with running(BybitFundingFeed(wiring).run(log)):
            await server.until_subscribed("tickers.BTCUSDT")
            server.ticker("BTCUSDT", "delta", markPrice="17000.00")
            server.ticker(
                "BTCUSDT",
                "snapshot",
                markPrice="17217.33",
                fundingRate="-0.000212",
                nextFundingTime="1673280000000",
                fundingIntervalHour="8",
            )
            name = "BTCUSDT-PERP.BYBIT_FUTURES"
            await log.until(lambda: name in log.rates)
            server.ticker("BTCUSDT", "delta", fundingRate="0.0001")
            await log.until(lambda: log.rates[name].rate == Decimal("0.0001"))
    told = log.rates[name]
    assert told.mark == Decimal("17217.33")
    assert (told.interval_hours, told.next_funding_ns) == (8, 1_673_280_000_000_000_000)


async def test_impossible_funding_is_refused_and_the_last_kept() -> None:
    async with FakeBybit(["BTCUSDT"]) as server:
        wiring = wiring_to(server, "bybit_futures", ["BTCUSDT"], LINEAR)
        log, feed = FundingLog(), BybitFundingFeed(wiring)
        async with running(feed.run(log)):
            await server.until_subscribed("tickers.BTCUSDT")
            good = {"fundingRate": "0.0001", "nextFundingTime": "1673280000000"}
            server.ticker("BTCUSDT", "snapshot", markPrice="10", fundingIntervalHour="8", **good)
            for wrong in (
                {"markPrice": "-1"},
                {"fundingRate": "NaN"},
                {"fundingIntervalHour": "0"},
            ):
                server.ticker("BTCUSDT", "delta", **wrong)
            server.ticker("BTCUSDT", "delta", fundingRate="0.0002")
            await log.until(
                lambda: any(rate.rate == Decimal("0.0002") for rate in log.rates.values())
            )
    assert feed.tally.bad == 3
    assert log.rates["BTCUSDT-PERP.BYBIT_FUTURES"].mark == 10

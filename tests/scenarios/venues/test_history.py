"""The last day's candles, fetched page by page."""

import time
from typing import Any

import pytest

from arbiter.model.errors import Banned, OutcomeUnknown, RateLimited, VenueUnreachable
from arbiter.model.time import NS_PER_MINUTE
from arbiter.venues.binance.history import BinanceHistory
from arbiter.venues.bybit.history import BybitHistory
from tests.fakes.binance_server import FakeBinance
from tests.fakes.bybit_server import FakeBybit
from tests.fakes.wiring import wiring_to


@pytest.mark.parametrize("venue", ["binance", "bybit"])
async def test_a_day_of_finished_minutes_without_a_hole(venue: str) -> None:
    fake = FakeBinance if venue == "binance" else FakeBybit
    async with fake(["BTCUSDT"]) as server:
        wiring = wiring_to(server, venue, ["BTCUSDT"])
        source = BinanceHistory(wiring) if venue == "binance" else BybitHistory(wiring)
        candles = await source.history(wiring.instruments[0].id)
    opens = [candle.open_ns for candle in candles]
    assert opens == list(range(opens[0], opens[-1] + 1, NS_PER_MINUTE))
    assert 1_438 <= len(candles) <= 1_440
    assert opens[-1] + NS_PER_MINUTE <= time.time_ns()
    newest = candles[-1]
    assert (newest.open, newest.high, newest.low, newest.close) == (1.0, 3.0, 0.5, 2.0)
    assert newest.volume == 7.5


@pytest.mark.parametrize(
    ("status", "error"), [(429, RateLimited), (418, Banned), (503, VenueUnreachable)]
)
async def test_a_refused_read_says_whether_to_come_back(
    status: int, error: type[Exception]
) -> None:
    async with FakeBinance(["BTCUSDT"]) as server:
        server.rest_status = status
        wiring = wiring_to(server, "binance", ["BTCUSDT"])
        with pytest.raises(error):
            await BinanceHistory(wiring).history(wiring.instruments[0].id)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
async def test_candles_that_cannot_be_read_are_no_candles(venue: str) -> None:
    class Babbling(FakeBinance):
        def get(self, path: str, query: dict[str, str]) -> Any:
            return {"retCode": 0, "result": {"list": [["soon", "1"]]}}

    async with Babbling(["BTCUSDT"]) as server:
        wiring = wiring_to(server, venue, ["BTCUSDT"])
        source = BinanceHistory(wiring) if venue == "binance" else BybitHistory(wiring)
        with pytest.raises(OutcomeUnknown):
            await source.history(wiring.instruments[0].id)

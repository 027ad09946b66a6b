"""The last day's candles, fetched page by page."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from arbiter.model.errors import Banned, OutcomeUnknown, RateLimited, VenueUnreachable
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_MINUTE
from arbiter.venues.binance.history import BinanceHistory
from arbiter.venues.bybit.history import BybitHistory
from tests.fakes.binance_server import FakeBinance
from tests.fakes.book_server import BookServer
from tests.fakes.wiring import wiring_to
from tests.scenarios.venues.wired import BY_VENUE

SPOT = ("binance", "bybit", "okx", "coinbase", "kraken")
HALF_A_DAY = {"kraken": 719}
"""Minutes that a venue tells which does not tell a whole day."""
VOLUMES = {"okx": 750.0}
"""Of each minute, where it is not 7.5."""


async def history(venue: str, server: BookServer) -> Sequence[Candle]:
    row = BY_VENUE[venue]
    make, wiring = row.connector.past, row.wiring(server)
    assert make is not None
    return await make(wiring).history(wiring.instruments[0].id)


@pytest.mark.parametrize("venue", SPOT)
async def test_finished_minutes_are_told_without_a_hole_in_base_units(venue: str) -> None:
    async with BY_VENUE[venue].server(["BTCUSDT"]) as server:
        candles = await history(venue, server)
    opens = [candle.open_ns for candle in candles]
    assert opens == list(range(opens[0], opens[-1] + 1, NS_PER_MINUTE))
    assert opens[-1] + NS_PER_MINUTE <= time.time_ns(), "the running minute is not over"
    wanted = HALF_A_DAY.get(venue, 1_440)
    assert wanted - 2 <= len(candles) <= wanted + 1
    for candle in (candles[0], candles[-1]):
        assert (candle.open, candle.high, candle.low, candle.close) == (1.0, 3.0, 0.5, 2.0)
        assert candle.volume == VOLUMES.get(venue, 7.5)


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

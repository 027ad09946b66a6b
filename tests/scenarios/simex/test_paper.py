"""The order port's suite over a paper venue."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from arbiter.markets.listing import list_instruments
from arbiter.markets.settings import MarketSettings
from arbiter.matching.latency import LatencySettings
from arbiter.model.ids import Asset, VenueId
from arbiter.runtime.clock import SystemClock
from arbiter.venues.paper.client import PaperClient
from tests.port_suites.order_client import OrderClientSuite, OrderDesk

MARKETS = MarketSettings(symbols=3, venues=(VenueId("binance"),))
NEAR = LatencySettings(order_ms=2.0, report_ms=2.0)
MONEY = {Asset("USDT"): Decimal(50_000), Asset("ETH"): Decimal(3)}


def paper(folder: Path) -> PaperClient:
    listed = list_instruments(MARKETS)
    return PaperClient(VenueId("binance"), listed, MONEY, folder, SystemClock(), NEAR)


async def show(client: PaperClient) -> None:
    """About 50 USDT on each side, shown anew several times a second."""
    while True:
        for instrument in await client.instruments():
            if instrument.base == "ETH":
                client.quoted(instrument.id, 2284.9, 2285.1, 0.0219, 0.0219)
        await asyncio.sleep(0.05)


class TestPaperClient(OrderClientSuite):
    @pytest.fixture
    async def desk(self, tmp_path: Path) -> AsyncIterator[OrderDesk]:
        client = paper(tmp_path)
        instrument = next(i for i in await client.instruments() if i.base == "ETH")
        desk = OrderDesk(client, instrument, price=Decimal(2285))
        tasks = [asyncio.create_task(client.run(desk.log)), asyncio.create_task(show(client))]
        await client.following.wait()
        yield desk
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def test_books_of_paper_outlive_the_process(
        self, desk: OrderDesk, tmp_path: Path
    ) -> None:
        order = desk.order()
        await desk.client.submit(order)
        await desk.log.end(order.client_order_id)
        again = paper(tmp_path)
        assert await again.fills_since(0) == await desk.client.fills_since(0)
        assert await again.holdings() == await desk.client.holdings()
        again.close()

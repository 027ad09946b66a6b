"""The order port's suites over paper venues, of spot and of perpetuals."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from arbiter.markets.assets import base_assets
from arbiter.markets.listing import list_instruments
from arbiter.markets.perpetual_settings import perpetual_venue
from arbiter.markets.perpetuals import list_perpetual
from arbiter.markets.settings import MarketSettings
from arbiter.matching.latency import LatencySettings
from arbiter.model.ids import Asset, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.perpetuals import FundingRate
from arbiter.model.time import NS_PER_HOUR
from arbiter.runtime.clock import SystemClock
from arbiter.venues.paper.client import PaperClient
from tests.port_suites.margin_client import MarginClientSuite, MarginDesk
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


FUTURES = VenueId("binance_futures")
MARK = Decimal(2285)


def futures(folder: Path) -> PaperClient:
    listed = [list_perpetual(asset, perpetual_venue(FUTURES)) for asset in base_assets(3)]
    money = {Asset("USDT"): Decimal(50_000)}
    return PaperClient(FUTURES, listed, money, folder, SystemClock(), NEAR)


class Published:
    """Funding as a venue publishes it: the acts of the suite are what it brings about."""

    def __init__(self, client: PaperClient, instrument: Instrument) -> None:
        self.client, self.instrument = client, instrument

    def tell(self, mark: Decimal, next_funding_ns: int) -> None:
        now = SystemClock().now_ns()
        rate = FundingRate(
            instrument=self.instrument.id,
            venue=FUTURES,
            symbol=self.instrument.symbol,
            rate=Decimal("0.0003"),
            interval_hours=8,
            next_funding_ns=next_funding_ns,
            mark=mark,
            updated_ns=now,
        )
        self.client.funded([rate])

    def soon(self) -> int:
        return SystemClock().now_ns() + NS_PER_HOUR

    async def settle(self) -> None:
        """A settlement that was about to come has passed."""
        self.tell(MARK, SystemClock().now_ns())
        self.tell(MARK, self.soon())

    async def liquidate(self) -> None:
        (held,) = await self.client.positions()
        assert held.liquidation_price is not None
        beyond = Decimal("0.999") if held.quantity > 0 else Decimal("1.001")
        self.tell(held.liquidation_price * beyond, self.soon())


class TestPaperMarginClient(MarginClientSuite):
    @pytest.fixture
    async def desk(self, tmp_path: Path) -> AsyncIterator[MarginDesk]:
        client = futures(tmp_path)
        instrument = next(i for i in await client.instruments() if i.base == "ETH")
        venue = Published(client, instrument)
        venue.tell(MARK, venue.soon())
        desk = MarginDesk(
            client, instrument, price=MARK, settle=venue.settle, liquidate=venue.liquidate
        )
        tasks = [asyncio.create_task(client.run(desk.log)), asyncio.create_task(show(client))]
        await client.following.wait()
        yield desk
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

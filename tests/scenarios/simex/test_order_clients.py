"""The order port's suite over the real venues' clients, against their simulators."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from arbiter.simex.settings import SimexSettings
from arbiter.venues.binance.orders import make_binance
from arbiter.venues.bybit.orders import make_bybit
from arbiter.venues.common.account import VenueAccount
from tests.port_suites.order_client import OrderClientSuite, OrderDesk
from tests.scenarios.simex.conftest import Serve, Served

CALM = SimexSettings(
    venues=("binance", "bybit"),
    symbols=3,
    quotes_per_second=100.0,
    depth_usd=50.0,
    depth_dispersion=0.0,
    dislocations_per_minute=0.0,
    still=True,
)


def make_client(served: Served, venue: str) -> VenueAccount:
    wiring = served.wiring(venue)
    return make_binance(wiring) if venue == "binance" else make_bybit(wiring)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
class TestSpotOrderClients(OrderClientSuite):
    @pytest.fixture
    async def desk(self, serve: Serve, venue: str) -> AsyncIterator[OrderDesk]:
        served = await serve(CALM)
        client = make_client(served, venue)
        instrument = next(i for i in await client.instruments() if i.symbol == "ETH/USDT")
        desk = OrderDesk(client, instrument, price=Decimal(2285))
        task = asyncio.create_task(client.run(desk.log))
        await client.following.wait()
        yield desk
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()

"""The order port's suite over the real venues' clients, against their simulators."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from arbiter.simex.settings import SimexSettings
from tests.port_suites.order_client import OrderClientSuite, OrderDesk
from tests.scenarios.simex.conftest import Serve
from tests.scenarios.simex.stands import PRICE, SPOT, Stand

CALM = SimexSettings(
    symbols=3,
    quotes_per_second=100.0,
    depth_usd=50.0,
    depth_dispersion=0.0,
    dislocations_per_minute=0.0,
    still=True,
)


@pytest.mark.parametrize("stand", SPOT, ids=lambda stand: stand.venue)
class TestSpotOrderClients(OrderClientSuite):
    @pytest.fixture
    async def desk(self, serve: Serve, stand: Stand) -> AsyncIterator[OrderDesk]:
        served = await serve(msgspec.structs.replace(CALM, venues=(stand.server,)))
        client = stand.client(served)
        instrument = next(i for i in await client.instruments() if i.symbol == stand.symbol)
        desk = OrderDesk(client, instrument, price=PRICE)
        task = asyncio.create_task(client.run(desk.log))
        await client.following.wait()
        yield desk
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()

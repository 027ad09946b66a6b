"""The order port's suites over the real venues' clients, against their simulators."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from msgspec.structs import replace

from arbiter.simex.settings import SimexSettings
from arbiter.venues.common.account import VenueAccount
from tests.port_suites.margin_client import MarginClientSuite, MarginDesk
from tests.port_suites.order_client import OrderClientSuite, OrderDesk, ReportLog
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.stands import PERPETUALS, PRICE, SPOT, Stand

CALM = SimexSettings(
    symbols=3,
    quotes_per_second=100.0,
    depth_usd=50.0,
    depth_dispersion=0.0,
    dislocations_per_minute=0.0,
    still=True,
)
ON_MARGIN = replace(CALM, depth_usd=10.0)
"""Perpetuals show five times as much."""


@asynccontextmanager
async def running(client: VenueAccount, log: ReportLog) -> AsyncIterator[None]:
    task = asyncio.create_task(client.run(log))
    await client.following.wait()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()


@pytest.mark.parametrize("stand", SPOT, ids=lambda stand: stand.venue)
class TestSpotOrderClients(OrderClientSuite):
    @pytest.fixture
    async def desk(self, serve: Serve, stand: Stand) -> AsyncIterator[OrderDesk]:
        client = stand.client(await serve(replace(CALM, venues=(stand.server,))))
        instrument = next(i for i in await client.instruments() if i.symbol == stand.symbol)
        desk = OrderDesk(client, instrument, price=PRICE)
        async with running(client, desk.log):
            yield desk


@pytest.mark.parametrize("stand", PERPETUALS, ids=lambda stand: stand.venue)
class TestPerpetualOrderClients(MarginClientSuite):
    @pytest.fixture
    async def desk(self, serve: Serve, stand: Stand) -> AsyncIterator[MarginDesk]:
        served = await serve(replace(ON_MARGIN, venues=(stand.server,)))
        client = stand.client(served)
        instrument = next(i for i in await client.instruments() if i.symbol == stand.symbol)

        async def act(served: Served, act: str) -> None:
            await served.act(stand.server, act, symbol=instrument.market_id, perpetual=True)

        desk = MarginDesk(
            client,
            instrument,
            price=PRICE,
            settle=partial(act, served, "settle"),
            liquidate=partial(act, served, "liquidate"),
            deleverage=partial(act, served, "adl"),
        )
        async with running(client, desk.log):
            yield desk

"""Polymarket over real sockets: the order port's suite, ghost fills, disorder, maintenance, payouts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from arbiter.model.instruments import Instrument
from arbiter.model.orders import Side, TimeInForce
from arbiter.model.reports import FillSettled
from arbiter.simex.settings import SimexSettings
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.polymarket.orders import PolymarketOrders
from tests.port_suites.order_client import OrderClientSuite, OrderDesk
from tests.scenarios.simex.conftest import Serve, Served

VENUE = "polymarket"
NAMES = ("heat-north", "launch")
PRICE = Decimal("0.5")
_BASE = SimexSettings(venues=(VENUE,), still=True)
CALM = replace(
    _BASE,
    events=replace(_BASE.events, depth=100.0, confirm_seconds=0.4, quotes_per_second=200.0),
)


def client_of(
    served: Served, *, account: int = 0, folder: Path | None = None, kind: str = "0"
) -> PolymarketOrders:
    wiring = served.wiring(VENUE, account=account)
    line = served.lines[VENUE]["accounts"][account]
    holder = {"0": "walletAddress", "1": "proxy", "2": "safe", "3": "depositWallet"}[kind]
    keys = VenueKeys(api_key=line[holder], secret=line["privateKey"], password=kind)
    return PolymarketOrders(replace(wiring, keys=keys, markets=NAMES, folder=folder))


@asynccontextmanager
async def desk_of(client: PolymarketOrders) -> AsyncIterator[OrderDesk]:
    """A running client in the market that trades at a half."""
    instrument = await heat(client)
    desk = OrderDesk(client, instrument, price=PRICE)
    task = asyncio.create_task(client.run(desk.log))
    await client.following.wait()
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()


async def heat(client: PolymarketOrders) -> Instrument:
    listed = await client.instruments()
    return next(i for i in listed if i.id == "HEAT-NORTH.POLYMARKET")


def settled(desk: OrderDesk) -> list[FillSettled]:
    return [report for report in desk.log.reports if isinstance(report, FillSettled)]


class TestOrderClient(OrderClientSuite):
    @pytest.fixture
    async def desk(self, serve: Serve, tmp_path: Path) -> AsyncIterator[OrderDesk]:
        served = await serve(CALM)
        async with desk_of(client_of(served, folder=tmp_path)) as desk:
            yield desk

    async def test_oc18_fills_since_repeats_what_the_stream_said(self, desk: OrderDesk) -> None:
        """The venue tells a trade's time to the second: of one second all or none."""
        first = await desk.trade(desk.order(tif=TimeInForce.IOC))
        second = await desk.trade(desk.order(Side.SELL, tif=TimeInForce.IOC))
        assert list(await desk.client.fills_since(first[0].at_ns)) == first + second
        assert list(await desk.client.fills_since(second[-1].at_ns + 1)) == []


@pytest.mark.parametrize("kind", ["0", "1", "2", "3"])
async def test_every_type_of_wallet_signs_orders_that_are_taken(serve: Serve, kind: str) -> None:
    async with desk_of(client_of(await serve(CALM), kind=kind)) as desk:
        fills = await desk.trade(desk.order(tif=TimeInForce.IOC))
        assert sum(fill.size for fill in fills) == Decimal(40)

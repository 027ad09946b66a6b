"""A running client of Kalshi's on its simulator, for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from arbiter.markets.event_settings import EventMarketSettings
from arbiter.model.ids import VenueId
from arbiter.runtime.clock import SystemClock
from arbiter.simex.kalshi.server import Kalshi
from arbiter.simex.settings import SimexSettings
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kalshi.orders import KalshiOrders
from tests.fakes.wiring import HASTY
from tests.port_suites.order_client import OrderDesk, ReportLog
from tests.scenarios.simex.conftest import Served

TICKER = "BTC-ABOVE"
PRICE = Decimal("0.55")
STILL = SimexSettings(
    venues=("kalshi",),
    still=True,
    weight_per_minute=60_000,
    events=EventMarketSettings(round_seconds=604_800.0, quotes_per_second=200.0, depth=90.0),
)
"""Prices stand at 0.54 and 0.56, with 90 contracts on each side."""


def client_of(
    served: Served, *, account: int = 0, markets: tuple[str, ...] = (TICKER,)
) -> KalshiOrders:
    wiring = served.wiring("kalshi", account=account)
    return KalshiOrders(replace(wiring, markets=markets))


def server_of(served: Served) -> Kalshi:
    found = served.simex.servers["kalshi"]
    assert isinstance(found, Kalshi)
    return found


@asynccontextmanager
async def running(served: Served, **more: Any) -> AsyncIterator[OrderDesk]:
    client, log = client_of(served, **more), ReportLog()
    instrument = next(i for i in await client.instruments() if i.market_id == TICKER)
    task = asyncio.create_task(client.run(log))
    await client.following.wait()
    try:
        yield OrderDesk(client, instrument, price=PRICE, log=log)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()


async def wiring_of(served: Served, *, signed: bool = True) -> FeedWiring:
    """Follow all markets, in slots 0, 1, 2 …"""
    line = served.lines["kalshi"]
    names = tuple(shown.market_id for shown in server_of(served).shown.values())
    client = client_of(served, markets=names)
    listed = await client.instruments()
    await client.aclose()
    keys = VenueKeys(api_key=line["apiKey"], secret=line["privateKey"])
    return FeedWiring(
        venue=VenueId("kalshi"),
        instruments=listed,
        slots={told.id: number for number, told in enumerate(listed)},
        clock=SystemClock(),
        endpoints=Endpoints(stream=line["ws"], rest=line["rest"]),
        keys=keys if signed else None,
        stream=replace(HASTY, silence_s=2.0),
    )

"""The port suites over the simulated venues, through their socket."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from arbiter.markets.listing import list_instruments
from arbiter.markets.perpetual_settings import PerpetualSettings
from arbiter.model.ids import VenueId
from arbiter.venues.sim.client import SimFeed, SimOrderClient
from arbiter.venues.sim.margin import SimMarginClient
from arbiter.venues.sim.spawn import SimHandle, ensure_running
from tests.port_suites.feed import FeedStand, FeedSuite
from tests.port_suites.margin_client import MarginClientSuite, MarginDesk
from tests.port_suites.order_client import OrderClientSuite, OrderDesk
from tests.scenarios.sim.conftest import CALM, SystemClock


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("venues")
    handle: SimHandle = ensure_running(home, CALM)
    yield home
    handle.kill()


@pytest.mark.parametrize("venue", ["binance", "kraken"])
class TestSimOrderClient(OrderClientSuite):
    @pytest.fixture
    async def desk(self, shared_home: Path, venue: str) -> AsyncIterator[OrderDesk]:
        client = SimOrderClient(shared_home, VenueId(venue), SystemClock())
        instrument = next(i for i in await client.instruments() if i.symbol == "ETH/USDT")
        desk = OrderDesk(client, instrument, price=Decimal(2285))
        task = asyncio.create_task(client.run(desk.log))
        await client.following.wait()
        yield desk
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


CALM_PERPETUALS = replace(
    CALM,
    perpetuals=PerpetualSettings(
        symbols=3,
        venues=(VenueId("binance_futures"), VenueId("hyperliquid")),
        quotes_per_second=1_000.0,
        depth_usd=50.0,
        depth_dispersion=0.0,
    ),
)


@pytest.fixture(scope="module")
def perpetuals_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("perpetuals")
    handle: SimHandle = ensure_running(home, CALM_PERPETUALS)
    yield home
    handle.kill()


@pytest.mark.parametrize("venue", ["binance_futures", "hyperliquid"])
class TestSimMarginClient(MarginClientSuite):
    """Funding and forced closes of these venues run by their clock: see the funding scenarios."""

    @pytest.fixture
    async def desk(self, perpetuals_home: Path, venue: str) -> AsyncIterator[MarginDesk]:
        client = SimMarginClient(perpetuals_home, VenueId(venue), SystemClock())
        instrument = next(i for i in await client.instruments() if i.base == "ETH")
        desk = MarginDesk(client, instrument, price=Decimal(2285))
        task = asyncio.create_task(client.run(desk.log))
        await client.following.wait()
        yield desk
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class TestSimFeed(FeedSuite):
    @pytest.fixture
    def stand(self, shared_home: Path) -> FeedStand:
        """Slots in an order of our own: the feed must not assume the server's."""
        instruments = list_instruments(CALM.markets)
        slots = {instrument.id: 7 * n + 3 for n, instrument in enumerate(reversed(instruments))}
        venues = CALM.markets.venues
        feed = SimFeed(shared_home, slots, venues, SystemClock())
        return FeedStand(feed, list(slots.values()), venues)

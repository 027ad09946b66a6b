"""A real venue's client at work on its simulator, with what it reported."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from arbiter.model.ids import ENGINE, StrategyId, TradeId, client_order_id, uuid7
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Order, OrderType, Side, TimeInForce
from arbiter.simex.settings import SimexSettings
from arbiter.venues.common.account import VenueAccount
from tests.port_suites.order_client import ReportLog
from tests.scenarios.simex.conftest import Served
from tests.scenarios.simex.stands import STANDS

CALM = SimexSettings(
    symbols=3,
    quotes_per_second=60.0,
    depth_usd=5_000.0,
    depth_dispersion=0.0,
    dislocations_per_minute=0.0,
    still=True,
)


class Desk:
    """A running client with its log."""

    def __init__(self, served: Served, venue: str) -> None:
        stand = STANDS[venue]
        self.client: VenueAccount = stand.client(served)
        self.log = ReportLog()
        self.served, self.server = served, stand.server
        self.instrument: Instrument
        self._numbers = 0

    def order(
        self, side: Side = Side.BUY, *, usd: int = 100, away: str = "0.02", reduce: bool = False
    ) -> Order:
        self._numbers += 1
        trade = TradeId(uuid7(time.time_ns(), self._numbers))
        price = Decimal(2285)
        limit = price * (1 + Decimal(away) * side.sign)
        return Order(
            client_order_id=client_order_id(trade, "a", self._numbers),
            strategy=StrategyId("test"),
            actor=ENGINE,
            trade_id=trade,
            leg="a",
            instrument=self.instrument.id,
            venue=self.instrument.venue,
            symbol=self.instrument.symbol,
            side=side,
            type=OrderType.LIMIT,
            time_in_force=TimeInForce.IOC if Decimal(away) > 0 else TimeInForce.GTC,
            reduce_only=reduce,
            size=self.instrument.floor_size(Decimal(usd) / price),
            price=self.instrument.floor_price(limit),
            planned_price=price,
            created_ns=0,
            updated_ns=0,
        )

    async def act(self, act: str, **more: object) -> None:
        await self.served.act(self.server, act, **more)

    async def heard(self, kind: type, count: int = 1) -> list[object]:
        def found() -> list[object]:
            return [report for report in self.log.reports if isinstance(report, kind)]

        await self.log.until(lambda: len(found()) >= count)
        return found()


@asynccontextmanager
async def running(served: Served, venue: str) -> AsyncIterator[Desk]:
    desk = Desk(served, venue)
    listed = await desk.client.instruments()
    desk.instrument = next(i for i in listed if i.base == "ETH")
    task = asyncio.create_task(desk.client.run(desk.log))
    await desk.client.following.wait()
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await desk.client.aclose()

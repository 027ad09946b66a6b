"""What a feed of public trades told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from arbiter.ports.market_data import TradeFeed
from tests.fakes.wire_server import WireServer
from tests.port_suites.running import running


@dataclass(frozen=True)
class Told:
    slot: int
    price: float
    size: float
    taker_buys: bool


class TradeLog:
    def __init__(self) -> None:
        self.trades: list[Told] = []
        self._news = asyncio.Event()

    def on_trade(
        self,
        slot: int,
        price: float,
        size: float,
        exchange_ns: int,
        receive_ns: int,
        *,
        taker_buys: bool,
    ) -> None:
        assert exchange_ns > 0
        assert receive_ns > 0
        self.trades.append(Told(slot, price, size, taker_buys))
        self._news.set()

    async def until(self, count: int) -> None:
        while len(self.trades) < count:
            self._news.clear()
            await self._news.wait()


async def told_through_a_reconnect(
    feed: TradeFeed,
    server: WireServer,
    topic: str,
    sell: Callable[[], None],
    buy: Callable[[], None],
) -> list[Told]:
    """Let the venue sell, buy, repeat the buy over a new connection, and sell again."""
    log = TradeLog()
    async with running(feed.run(log)):
        await server.until_subscribed(topic)
        sell()
        buy()
        await log.until(2)
        server.drop_all()
        await server.until_subscribed(topic, connections=2)
        buy()
        sell()
        await log.until(3)
    return log.trades

"""Public trades over a socket: each told once, with its side and time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from arbiter.model.instruments import InstrumentKind
from arbiter.ports.market_data import TradeFeed
from arbiter.venues.binance.trades import BinanceTradeFeed
from arbiter.venues.bybit.trades import BybitTradeFeed
from tests.fakes.binance_server import FakeBinance
from tests.fakes.bybit_server import FakeBybit
from tests.fakes.wire_server import WireServer
from tests.fakes.wiring import wiring_to


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
    task = asyncio.create_task(feed.run(log))
    await server.until_subscribed(topic)
    sell()
    buy()
    await log.until(2)
    server.drop_all()
    await server.until_subscribed(topic, connections=2)
    return await _rest(log, task, sell, buy)


async def _rest(
    log: TradeLog, task: asyncio.Task[None], sell: Callable[[], None], buy: Callable[[], None]
) -> list[Told]:
    buy()
    sell()
    await log.until(3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return log.trades


async def test_binance_spot_trades_are_told_once_with_the_takers_side() -> None:
    async with FakeBinance(["BTCUSDT"]) as server:
        feed = BinanceTradeFeed(wiring_to(server, "binance", ["BTCUSDT"]))

        def sell() -> None:
            server.trade_number += 1
            server.trade("BTCUSDT", "27450.50", "0.005", buyer_is_maker=True)

        def buy() -> None:
            server.trade_number = 5_000
            server.trade("BTCUSDT", "27451.00", "0.010", buyer_is_maker=False)

        told = await told_through_a_reconnect(feed, server, "btcusdt@trade", sell, buy)
    assert told == [
        Told(10, 27450.50, 0.005, False),
        Told(10, 27451.00, 0.010, True),
        Told(10, 27450.50, 0.005, False),
    ]
    assert feed.tally.stale == 1


async def test_binance_futures_trades_come_aggregated_from_the_market_path() -> None:
    async with FakeBinance(["BTCUSDT"], futures=True) as server:
        kind = InstrumentKind.LINEAR
        feed = BinanceTradeFeed(wiring_to(server, "binance_futures", ["BTCUSDT"], kind))
        log = TradeLog()
        task = asyncio.create_task(feed.run(log))
        await server.until_subscribed("btcusdt@aggTrade")
        assert [client.path for client in server.clients] == ["/market/ws"]
        server.trade("BTCUSDT", "27450.50", "0.005", buyer_is_maker=False)
        await log.until(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert log.trades == [Told(10, 27450.50, 0.005, True)]


async def test_bybit_trades_are_known_again_by_their_id() -> None:
    async with FakeBybit(["BTCUSDT"]) as server:
        feed = BybitTradeFeed(wiring_to(server, "bybit", ["BTCUSDT"]))
        names = iter(["sale-1", "sale-2"])

        def sell() -> None:
            server.trade("BTCUSDT", "27450.50", "0.005", "Sell", next(names))

        def buy() -> None:
            server.trade("BTCUSDT", "27451.00", "0.010", "Buy", "purchase")

        told = await told_through_a_reconnect(feed, server, "publicTrade.BTCUSDT", sell, buy)
    assert [trade.taker_buys for trade in told] == [False, True, False]
    assert feed.tally.stale == 1

"""Public trades over a socket: each told once, with its side and time."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.port_suites.running import running, tally_of
from tests.port_suites.trades import Told, TradeLog, told_through_a_reconnect
from tests.scenarios.venues.wired import BY_VENUE

SALE, PURCHASE = ("27450.50", "0.005"), ("27451.00", "0.010")


class Tape(NamedTuple):
    venue: str
    topic: str
    sell: Callable[[Any, int], None]
    """By the venue's server; the trade's number."""
    buy: Callable[[Any, int], None]
    begins_with: int = 0
    """Trades of before us that a subscription begins with."""


def binance(server: Any, number: int, *, buyer_is_maker: bool) -> None:
    server.trade_number = number - 1
    server.trade("BTCUSDT", *(SALE if buyer_is_maker else PURCHASE), buyer_is_maker=buyer_is_maker)


TAPES = (
    Tape(
        "binance",
        "btcusdt@trade",
        lambda server, number: binance(server, number, buyer_is_maker=True),
        lambda server, number: binance(server, number, buyer_is_maker=False),
    ),
    Tape(
        "bybit",
        "publicTrade.BTCUSDT",
        lambda server, number: server.trade("BTCUSDT", *SALE, "Sell", f"trade-{number}"),
        lambda server, number: server.trade("BTCUSDT", *PURCHASE, "Buy", f"trade-{number}"),
    ),
    Tape(
        "kraken",
        "trade:BTCUSDT",
        lambda server, number: server.trade("BTCUSDT", number, *SALE, "sell"),
        lambda server, number: server.trade("BTCUSDT", number, *PURCHASE, "buy"),
        begins_with=2,
    ),
    Tape(  # which names the maker's side
        "coinbase",
        "market_trades:BTCUSDT",
        lambda server, number: server.trade("BTCUSDT", number, *SALE, "BUY"),
        lambda server, number: server.trade("BTCUSDT", number, *PURCHASE, "SELL"),
        begins_with=2,
    ),
    Tape(
        "okx",
        "trades:BTCUSDT",
        lambda server, number: server.trade("BTCUSDT", number, *SALE, "sell"),
        lambda server, number: server.trade("BTCUSDT", number, *PURCHASE, "buy"),
    ),
    Tape(
        "hyperliquid",
        "trades:BTCUSDT",
        lambda server, number: server.trade("BTCUSDT", *SALE, "A", number),
        lambda server, number: server.trade("BTCUSDT", *PURCHASE, "B", number),
    ),
)


@pytest.mark.parametrize("tape", TAPES, ids=lambda tape: tape.venue)
async def test_trades_are_told_once_by_the_takers_side_and_none_of_before_we_came(
    tape: Tape,
) -> None:
    row = BY_VENUE[tape.venue]
    make, sales = row.connector.trades, iter([7, 9])
    assert make is not None
    async with row.server(["BTCUSDT"]) as server:
        feed = make(row.wiring(server))
        told = await told_through_a_reconnect(
            feed,
            server,
            tape.topic,
            lambda: tape.sell(server, next(sales)),
            lambda: tape.buy(server, 8),
        )
    assert told == [
        Told(10, 27450.50, 0.005, False),
        Told(10, 27451.00, 0.010, True),
        Told(10, 27450.50, 0.005, False),
    ]
    assert tally_of(feed).stale == tape.begins_with + 1


async def test_binance_futures_trades_come_aggregated_from_the_market_path() -> None:
    row = BY_VENUE["binance_futures"]
    make = row.connector.trades
    assert make is not None
    async with row.server(["BTCUSDT"]) as server:
        log = TradeLog()
        async with running(make(row.wiring(server)).run(log)):
            await server.until_subscribed("btcusdt@aggTrade")
            assert [client.path for client in server.clients] == ["/market/ws"]
            binance(server, 1_001, buyer_is_maker=False)
            await log.until(1)
    assert log.trades == [Told(10, 27451.00, 0.010, True)]

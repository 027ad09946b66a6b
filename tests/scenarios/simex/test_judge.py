"""Unmodified ccxt.pro is the judge of the simulators: what all of them have in common."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from arbiter.simex.settings import SimexSettings
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.judging import (
    LEAVES_SOCKETS,
    SPOT,
    SWAP,
    client_error,
    judge,
    soon,
    watch_some,
)

pytestmark = LEAVES_SOCKETS

SETTINGS = SimexSettings(symbols=3, quotes_per_second=90.0, time_scale=14_400.0)
PRIVATE = {
    "binance": ("binance", "userDataStream.subscribe"),
    "binanceusdm": ("binance_futures", "/private/ws"),
    "bybit": ("bybit", '"order"', '"execution"', '"wallet"'),
    "kraken": ("kraken", '"executions"', '"balances"'),
}
"""What ccxt asks which server for, to follow its orders, trades and balances."""
CASES = [
    ("binance", "binance", SPOT),
    ("binance_futures", "binanceusdm", SWAP),
    ("bybit", "bybit", SPOT),
    ("bybit", "bybit", SWAP),
]
KRAKEN = ("kraken", "kraken", SPOT)
OTHERS = [KRAKEN, ("coinbase", "coinbase", SPOT), ("okx", "okx", SPOT), ("okx", "okx", SWAP)]
TICKERS = {"coinbase"}
"""Exchanges whose best prices ccxt follows by the ticker."""


def named(case: tuple[str, str, str]) -> str:
    return f"{case[1]}-{case[2]}"


@pytest.fixture
async def served(serve: Serve, case: tuple[str, str, str]) -> Served:
    return await serve(replace(SETTINGS, venues=(case[0],)))


@pytest.fixture
async def client(served: Served, case: tuple[str, str, str]) -> AsyncIterator[Any]:
    server, exchange, symbol = case
    async with judge(served, server, exchange, symbol) as client:
        await client.load_markets()
        yield client


@pytest.mark.parametrize("case", [*CASES, *OTHERS], ids=named)
async def test_books_prices_and_trades_follow_the_market(
    client: Any, case: tuple[str, str, str]
) -> None:
    _, exchange, symbol = case
    for _ in range(10):
        book = await client.watch_order_book(symbol)
        assert book["bids"][0][0] < book["asks"][0][0]
    ticker = await client.watch_ticker(symbol)
    assert ticker["last"] > 0
    best = ticker if exchange in TICKERS else (await client.watch_bids_asks([symbol]))[symbol]
    assert 0 < best["bid"] < best["ask"]
    assert (await client.watch_trades(symbol))[-1]["amount"] > 0
    assert len((await client.fetch_order_book(symbol))["bids"]) > 20
    assert (await client.fetch_ticker(symbol))["last"] > 0
    assert (await client.fetch_trades(symbol))[-1]["price"] > 0
    assert (await client.fetch_ohlcv(symbol, "1m"))[-1][4] > 0


@pytest.mark.parametrize("case", [*CASES, KRAKEN], ids=named)
async def test_orders_trades_and_balances_are_told_by_stream_and_rest(
    served: Served, client: Any, case: tuple[str, str, str]
) -> None:
    _, exchange, symbol = case
    ask = (await client.fetch_order_book(symbol))["asks"][0][0]
    told = [
        soon(client.watch_orders()),
        soon(client.watch_my_trades()),
        soon(client.watch_balance()),
    ]
    await served.asked(*PRIVATE[client.id])
    price = client.price_to_precision(symbol, ask * 1.02)
    more = {"timeInForce": "IOC", "clientOrderId": "judge-1"}
    made = await client.create_order(symbol, "limit", "buy", 0.001, price, more)
    orders, trades, _ = await asyncio.gather(*told)
    assert (orders[-1]["id"], trades[-1]["order"]) == (made["id"], made["id"])
    if exchange != "kraken":  # of whose stream ccxt reads no name of ours
        assert orders[-1]["clientOrderId"] == "judge-1"
    assert orders[-1]["status"] in ("open", "closed")
    assert trades[-1]["amount"] == 0.001
    assert trades[-1]["fee"]["cost"] > 0
    mine = await client.fetch_my_trades(symbol)
    assert mine[-1]["id"] == trades[-1]["id"]
    assert (await client.fetch_balance())["USDT"]["total"] != 50_000

    resting = await client.create_order(
        symbol, "limit", "buy", 0.001, client.price_to_precision(symbol, ask * 0.9)
    )
    assert resting["id"] in {one["id"] for one in await client.fetch_open_orders(symbol)}
    await client.cancel_order(resting["id"], symbol)
    assert not await client.fetch_open_orders(symbol)
    with pytest.raises(client_error("OrderNotFound")):
        await client.cancel_order(resting["id"], symbol)


@pytest.mark.parametrize("case", CASES, ids=named)
async def test_refusals_are_those_of_production(client: Any, case: tuple[str, str, str]) -> None:
    symbol = case[2]
    ask = (await client.fetch_order_book(symbol))["asks"][0][0]
    with pytest.raises(client_error("BaseError"), match=r"NOTIONAL|-4164|170140|110094"):
        await client.create_order(symbol, "limit", "buy", 0.00002, ask)
    with pytest.raises(client_error("BaseError"), match=r"insufficient|-2019|170131|110007"):
        await client.create_order(symbol, "limit", "buy", 1_000, ask)
    client.secret = "wrong"
    with pytest.raises(client_error("AuthenticationError")):
        await client.fetch_balance()


async def test_clock_that_is_off_is_refused_until_it_is_corrected(serve: Serve) -> None:
    served = await serve(SETTINGS)
    async with judge(served, "binance", "binance", SPOT) as client:
        await client.load_markets()
        await served.act("binance", "clock_offset", offset_ms=20_000)
        with pytest.raises(client_error("InvalidNonce")):
            await client.fetch_balance()
        await client.load_time_difference()
        assert (await client.fetch_balance())["USDT"]["total"] == 50_000


@pytest.mark.parametrize(
    ("server", "exchange"), [("binance_futures", "binanceusdm"), ("bybit", "bybit")]
)
async def test_positions_leverage_and_funding(serve: Serve, server: str, exchange: str) -> None:
    served = await serve(SETTINGS)
    async with judge(served, server, exchange, SWAP) as client:
        await client.load_markets()
        rates = await client.fetch_funding_rates([SWAP])
        assert rates[SWAP]["fundingRate"] is not None
        await client.set_leverage(5, SWAP)
        await client.create_order(SWAP, "market", "buy", 0.01)
        held = (await client.fetch_positions([SWAP]))[0]
        assert (held["contracts"], held["side"], held["leverage"]) == (0.01, "long", 5.0)
        assert 0 < held["liquidationPrice"] < held["entryPrice"]
        await served.act(server, "settle", symbol="BTCUSDT", perpetual=True)
        paid = await client.fetch_funding_history(SWAP)
        assert paid[-1]["amount"] != 0
        await client.create_order(SWAP, "market", "sell", 0.01, None, {"reduceOnly": True})
        assert not [p for p in await client.fetch_positions([SWAP]) if p["contracts"]]


async def test_a_lost_delta_is_noticed_by_the_sequence_numbers(serve: Serve) -> None:
    served = await serve(SETTINGS)
    async with judge(served, "binance", "binance", SPOT) as client:
        client.options["fetchCurrencies"] = False
        await client.load_markets()
        for _ in range(3):
            await client.watch_order_book(SPOT)
        await served.act("binance", "gap", symbol="BTCUSDT")
        with pytest.raises(client_error("ChecksumError")):
            await watch_some(client)
        book = await client.watch_order_book(SPOT)
        assert book["bids"][0][0] < book["asks"][0][0]


async def test_brokers_marks_are_counted_and_can_be_refused(serve: Serve) -> None:
    served = await serve(SETTINGS)
    for server, exchange in (("binance", "binance"), ("bybit", "bybit")):
        async with judge(served, server, exchange, SPOT) as client:
            await client.load_markets()
            await client.create_order(SPOT, "limit", "buy", 0.001, 30_000)
        assert sum((await served.state(server))["brokers"].values()) == 1, "ccxt adds it by default"
    strict = await serve(SimexSettings(symbols=3, refuse_brokers=True, starting_quote=Decimal(9)))
    async with judge(strict, "binance", "binance", SPOT) as client:
        await client.load_markets()
        with pytest.raises(client_error("BaseError"), match="broker"):
            await client.create_order(SPOT, "limit", "buy", 0.001, 30_000)


async def test_too_much_weight_is_told_then_banned(serve: Serve) -> None:
    served = await serve(SimexSettings(venues=("binance",), symbols=3, weight_per_minute=60))
    async with judge(served, "binance", "binance", SPOT) as client:
        client.options["fetchCurrencies"] = False
        client.enableRateLimit = False
        await client.load_markets()
        seen: list[str] = []
        for _ in range(300):  # a minute that begins in between is counted anew
            try:
                await client.fetch_ticker(SPOT)
            except client_error("DDoSProtection") as error:
                seen.append(str(error).split(" ")[1])
            if "418" in seen:
                break
        assert {"429", "418"} <= set(seen), seen
        assert seen == sorted(seen, reverse=True), "first told, then banned"

"""Unmodified ccxt.pro and the venue's own SDK are the judges of the simulated Hyperliquid."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from queue import Queue
from typing import Any

import pytest

from arbiter.simex.hyperliquid.server import Hyperliquid
from arbiter.simex.settings import SimexSettings
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.judging import LEAVES_SOCKETS, client_error, moved, soon

pytestmark = LEAVES_SOCKETS

SETTINGS = SimexSettings(
    venues=("hyperliquid",),
    symbols=3,
    quotes_per_second=90.0,
    depth_dispersion=0.0,
    time_scale=14_400.0,
)
SERVER = "hyperliquid"
BTC = "BTC/USDC:USDC"
CLOID = "0x" + "1f" * 16


@asynccontextmanager
async def ccxt_client(served: Served, key: dict[str, Any]) -> AsyncIterator[Any]:
    client = importlib.import_module("ccxt.pro").hyperliquid(dict(key))
    line = served.lines[SERVER]
    client.urls["api"] = moved(client.urls["api"], line["rest"], line["ws"])
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(SETTINGS)


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Any]:
    async with ccxt_client(served, served.lines[SERVER]["accounts"][0]) as made:
        yield made


# ccxt.pro ----------------------------------------------------------------------------------


async def test_ccxt_follows_books_tickers_trades_and_candles(client: Any) -> None:
    for _ in range(10):
        book = await client.watch_order_book(BTC)
        assert book["bids"][0][0] < book["asks"][0][0]
    assert (await client.watch_ticker(BTC))["last"] > 0
    assert (await client.watch_trades(BTC))[-1]["amount"] > 0
    assert (await client.watch_ohlcv(BTC, "1m"))[-1][4] > 0
    assert len((await client.fetch_order_book(BTC))["bids"]) == 20
    assert (await client.fetch_ohlcv(BTC, "1m"))[-1][4] > 0
    market = client.market(BTC)
    assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-05, 1.0)
    assert market["limits"]["leverage"]["max"] == 40


async def test_ccxt_hears_of_its_orders_trades_and_balance(served: Served, client: Any) -> None:
    ask = (await client.fetch_order_book(BTC))["asks"][0][0]
    told = [
        soon(client.watch_orders()),
        soon(client.watch_my_trades()),
        soon(client.watch_balance()),
    ]
    await served.asked(SERVER, "orderUpdates", "userFills")
    price = client.price_to_precision(BTC, ask * 1.02)
    params = {"timeInForce": "IOC", "clientOrderId": CLOID}
    placed = await client.create_order(BTC, "limit", "buy", 0.001, price, params)
    orders, trades, balance = await asyncio.gather(*told)
    assert (orders[-1]["clientOrderId"], orders[-1]["status"]) == (CLOID, "closed")
    assert orders[-1]["id"] == placed["id"]
    assert trades[-1]["amount"] == 0.001
    assert trades[-1]["fee"]["cost"] > 0
    assert balance["USDC"]["total"] > 0
    mine = await client.fetch_my_trades(BTC)
    assert mine[-1]["id"] == trades[-1]["id"]
    assert mine[-1]["takerOrMaker"] == "taker"
    assert (await client.fetch_balance())["USDC"]["total"] != 50_000
    query = await client.fetch_order(placed["id"], BTC)
    assert (query["clientOrderId"], query["status"]) == (CLOID, "closed")

    low = client.price_to_precision(BTC, ask * 0.9)
    resting = await client.create_order(BTC, "limit", "buy", 0.001, low)
    assert resting["id"] in {one["id"] for one in await client.fetch_open_orders(BTC)}
    await client.cancel_order(resting["id"], BTC)
    assert not await client.fetch_open_orders(BTC)
    with pytest.raises(client_error("OrderNotFound")):
        await client.cancel_order(resting["id"], BTC)
    assert (await served.state(SERVER))["accounts"][0]["open"] == []


async def test_ccxt_is_refused_in_the_venues_words(client: Any) -> None:
    ask = (await client.fetch_order_book(BTC))["asks"][0][0]
    low, high = (client.price_to_precision(BTC, ask * factor) for factor in (0.9, 1.02))
    for error, text, amount, price, params in (
        ("InvalidOrder", r"minimum value of \$10", 0.00002, ask, {}),
        ("InsufficientFunds", "Insufficient margin", 1_000, ask, {}),
        ("InvalidOrder", "immediately matched, bbo was", 0.001, high, {"postOnly": True}),
        ("InvalidOrder", "could not immediately match", 0.001, low, {"timeInForce": "IOC"}),
        ("InvalidOrder", "Reduce only order would", 0.001, high, {"reduceOnly": True}),
    ):
        with pytest.raises(client_error(error), match=text):
            await client.create_order(BTC, "limit", "buy", amount, price, params)


async def test_ccxt_sees_positions_leverage_and_funding(served: Served, client: Any) -> None:
    rates = await client.fetch_funding_rates([BTC])
    assert rates[BTC]["fundingRate"] is not None
    assert rates[BTC]["interval"] == "1h"
    await client.set_leverage(5, BTC, {"marginMode": "isolated"})
    ask = (await client.fetch_order_book(BTC))["asks"][0][0]
    await client.create_order(BTC, "market", "buy", 0.01, ask)
    held = (await client.fetch_positions([BTC]))[0]
    assert (held["contracts"], held["side"], held["leverage"]) == (0.01, "long", 5.0)
    assert 0 < held["liquidationPrice"] < held["entryPrice"]
    await served.act(SERVER, "settle", symbol="BTC", perpetual=True)
    assert (await client.fetch_funding_history(BTC))[-1]["amount"] != 0
    await client.create_order(BTC, "market", "sell", 0.01, ask, {"reduceOnly": True})
    assert not await client.fetch_positions([BTC])


async def test_ccxt_trades_over_the_socket_and_follows_its_positions(client: Any) -> None:
    ask = (await client.fetch_order_book(BTC))["asks"][0][0]
    low, high = (client.price_to_precision(BTC, ask * factor) for factor in (0.9, 1.02))
    resting = await client.create_order_ws(BTC, "limit", "buy", 0.001, low)
    assert resting["id"] in {one["id"] for one in await client.fetch_open_orders(BTC)}
    await client.cancel_order_ws(resting["id"], BTC)
    assert not await client.fetch_open_orders(BTC)
    told = soon(client.watch_positions([BTC]))
    await client.create_order_ws(BTC, "limit", "buy", 0.002, high, {"timeInForce": "IOC"})
    (held,) = await told
    assert (held["symbol"], held["side"], held["contracts"]) == (BTC, "long", 0.002)


async def test_what_ccxt_adds_unasked_is_counted_and_can_be_refused(serve: Serve) -> None:
    """With an agent's key it cannot approve a builder; with the wallet's own it does."""
    served = await serve(SETTINGS)
    for kind, marks in (("accounts", {"setReferrer"}), ("withdrawing", None)):
        key = served.lines[SERVER][kind]
        async with ccxt_client(served, key[0] if isinstance(key, list) else key) as client:
            ask = (await client.fetch_order_book(BTC))["asks"][0][0]
            await client.create_order(BTC, "market", "buy", 0.001, ask)
        told = set((await served.state(SERVER))["brokers"])
        assert told == (marks or {"setReferrer", "approveBuilderFee", "builder"})


# The venue's own SDK -----------------------------------------------------------------------


@dataclass
class Sdk:
    """Its calls block, and run in a thread."""

    info: Any
    exchange: Any
    address: str

    async def __call__(self, act: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        return await asyncio.to_thread(lambda: act(*arguments, **more))

    def cloid(self, text: str) -> Any:
        return importlib.import_module("hyperliquid.utils.types").Cloid.from_str(text)


def make_sdk(served: Served, key: dict[str, str]) -> Sdk:
    rest = served.lines[SERVER]["rest"]
    wallet = importlib.import_module("eth_account").Account.from_key(key["privateKey"])
    info = importlib.import_module("hyperliquid.info").Info(rest, skip_ws=True)
    exchange = importlib.import_module("hyperliquid.exchange").Exchange(
        wallet, rest, account_address=key["walletAddress"]
    )
    return Sdk(info, exchange, key["walletAddress"])


@pytest.fixture
async def sdk(served: Served) -> Sdk:
    key = served.lines[SERVER]["accounts"][0]
    return await asyncio.to_thread(make_sdk, served, key)


def status(answer: Any) -> Any:
    assert answer["status"] == "ok", answer
    return answer["response"]["data"]["statuses"][0]


async def test_sdk_places_asks_and_cancels_by_its_own_id(sdk: Sdk) -> None:
    mid = float((await sdk(sdk.info.all_mids))["ETH"])
    limit = {"limit": {"tif": "Gtc"}}
    cloid, order = sdk.cloid(CLOID), sdk.exchange.order
    placed = status(
        await sdk(order, "ETH", True, 0.01, float(round(mid * 0.9)), limit, cloid=cloid)
    )
    number = placed["resting"]["oid"]
    asked = await sdk(sdk.info.query_order_by_cloid, sdk.address, cloid)
    assert (asked["order"]["status"], asked["order"]["order"]["oid"]) == ("open", number)
    (resting,) = await sdk(sdk.info.open_orders, sdk.address)
    assert (resting["oid"], resting["cloid"], resting["side"]) == (number, CLOID, "B")
    (detailed,) = await sdk(sdk.info.frontend_open_orders, sdk.address)
    assert (detailed["tif"], detailed["origSz"], detailed["reduceOnly"]) == ("Gtc", "0.01", False)
    assert status(await sdk(sdk.exchange.cancel_by_cloid, "ETH", cloid)) == "success"
    again = status(await sdk(sdk.exchange.cancel_by_cloid, "ETH", cloid))
    assert again["error"].startswith("Order was never placed, already canceled, or filled.")
    asked = await sdk(sdk.info.query_order_by_oid, sdk.address, number)
    assert asked["order"]["status"] == "canceled"
    nobody = sdk.cloid("0x" + "2" * 32)
    unknown = await sdk(sdk.info.query_order_by_cloid, sdk.address, nobody)
    assert unknown == {"status": "unknownOid"}


async def test_sdk_opens_and_closes_a_position(served: Served, sdk: Sdk) -> None:
    await sdk(sdk.exchange.update_leverage, 7, "ETH", False)
    opened = status(await sdk(sdk.exchange.market_open, "ETH", False, 0.02))
    assert opened["filled"]["totalSz"] == "0.02"
    state = await sdk(sdk.info.user_state, sdk.address)
    (held,) = state["assetPositions"]
    assert held["position"]["szi"] == "-0.02"
    assert held["position"]["leverage"]["value"] == 7
    assert float(held["position"]["liquidationPx"]) > float(held["position"]["entryPx"])
    closed = status(await sdk(sdk.exchange.market_close, "ETH"))
    assert closed["filled"]["totalSz"] == "0.02"
    fills = await sdk(sdk.info.user_fills, sdk.address)
    assert [fill["dir"] for fill in fills] == ["Close Short", "Open Short"]
    assert [fill["startPosition"] for fill in fills] == ["-0.02", "0.0"]
    assert fills[1]["closedPnl"] == "0.0" != fills[0]["closedPnl"]
    server = served.simex.servers[SERVER]
    assert isinstance(server, Hyperliquid)
    assert set(server.exchange.signed) == {"b"}, "it takes any other address for the test network"


async def test_sdk_hears_of_its_fills_and_of_the_market(served: Served, sdk: Sdk) -> None:
    heard: Queue[Any] = Queue()
    rest = served.lines[SERVER]["rest"]
    info = await asyncio.to_thread(importlib.import_module("hyperliquid.info").Info, rest)
    try:
        wishes = (
            {"type": "bbo", "coin": "ETH"},
            {"type": "l2Book", "coin": "ETH"},
            {"type": "trades", "coin": "ETH"},
            {"type": "activeAssetCtx", "coin": "ETH"},
            {"type": "userFills", "user": sdk.address},
            {"type": "orderUpdates", "user": sdk.address},
            {"type": "userEvents", "user": sdk.address},
            {"type": "userFundings", "user": sdk.address},
        )
        for wanted in wishes:
            info.subscribe(wanted, heard.put)
        await served.asked(SERVER, *(wanted["type"] for wanted in wishes))
        await sdk(sdk.exchange.market_open, "ETH", True, 0.02)
        await served.act(SERVER, "settle", symbol="ETH", perpetual=True)
        wanted_channels = {"bbo", "l2Book", "trades", "activeAssetCtx"}
        wanted_channels |= {"userFills", "orderUpdates", "user", "userFundings"}
        seen: dict[str, Any] = {}
        while wanted_channels - set(seen) or "fills" not in seen.get("user", {"data": {}})["data"]:
            message = await asyncio.to_thread(heard.get, timeout=20)
            if message["channel"] != "user" or "fills" in message["data"]:
                seen[message["channel"]] = message
        assert seen["orderUpdates"]["data"][0]["status"] == "filled"
        assert seen["user"]["data"]["fills"][0]["sz"] == "0.02"
        assert len(seen["l2Book"]["data"]["levels"][0]) == 20
    finally:
        await asyncio.to_thread(info.disconnect_websocket)


async def test_prices_and_sizes_off_the_rule_are_refused(sdk: Sdk) -> None:
    mid = float((await sdk(sdk.info.all_mids))["BTC"])
    limit = {"limit": {"tif": "Gtc"}}
    for size, price, text in (
        (0.001, round(mid * 0.9) + 0.5, "Price must be divisible by tick size. asset=0"),
        (0.0010001, float(round(mid * 0.9)), "Order has invalid size. asset=0"),
    ):
        answer = status(await sdk(sdk.exchange.order, "BTC", True, size, price, limit))
        assert answer == {"error": text}


async def test_builder_of_an_order_is_counted_and_refused_where_that_is_wanted(
    serve: Serve,
) -> None:
    strict = SimexSettings(venues=("hyperliquid",), symbols=2, refuse_brokers=True)
    served = await serve(strict)
    key = served.lines[SERVER]["accounts"][0]
    sdk = await asyncio.to_thread(make_sdk, served, key)
    mid = float((await sdk(sdk.info.all_mids))["ETH"])
    limit, price = {"limit": {"tif": "Gtc"}}, float(round(mid * 0.9))
    builder = {"b": "0x" + "9" * 40, "f": 10}
    answer = await sdk(sdk.exchange.order, "ETH", True, 0.01, price, limit, builder=builder)
    assert answer == {"status": "err", "response": "Builder fee has not been approved."}
    status(await sdk(sdk.exchange.order, "ETH", True, 0.01, price, limit))
    assert (await served.state(SERVER))["brokers"] == {"builder": 1}


async def test_strangers_signature_is_nobodys(served: Served) -> None:
    sdk = await asyncio.to_thread(make_sdk, served, served.lines[SERVER]["readOnly"])
    answer = await sdk(sdk.exchange.update_leverage, 3, "ETH", False)
    assert answer["status"] == "err"
    assert answer["response"].startswith("User or API Wallet 0x")
    assert answer["response"].endswith(" does not exist.")


async def test_new_agent_may_trade_at_once(served: Served) -> None:
    owner = await asyncio.to_thread(make_sdk, served, served.lines[SERVER]["withdrawing"])
    answer, private_key = await owner(owner.exchange.approve_agent, "desk")
    assert answer["status"] == "ok"
    key = {"walletAddress": owner.address, "privateKey": private_key}
    agent = await asyncio.to_thread(make_sdk, served, key)
    opened = status(await agent(agent.exchange.market_open, "ETH", True, 0.01))
    assert opened["filled"]["totalSz"] == "0.01"


async def test_action_that_comes_twice_is_carried_out_once(served: Served, sdk: Sdk) -> None:
    sent: list[Any] = []
    post = sdk.exchange.post

    def remember(path: str, body: Any) -> Any:
        sent.append(body)
        return post(path, body)

    sdk.exchange.post = remember
    await sdk(sdk.exchange.market_open, "ETH", True, 0.01)
    (body,) = sent
    again = await sdk(post, "/exchange", body)
    assert again == {"status": "err", "response": f"Invalid nonce: duplicate nonce {body['nonce']}"}
    assert (await served.state(SERVER))["accounts"][0]["fills"] == 1

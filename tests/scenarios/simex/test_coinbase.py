"""The simulated Coinbase: judged by unmodified ccxt.pro, and what only this venue has."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec.structs import replace

from arbiter.model.errors import VenueRefused
from arbiter.model.orders import OrderType, Side
from arbiter.model.reports import Accepted, Refused
from arbiter.simex.settings import SimexSettings
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.desk import CALM, Desk, running
from tests.scenarios.simex.judging import LEAVES_SOCKETS, SPOT, client_error, judge, soon
from tests.scenarios.simex.stands import STANDS

pytestmark = LEAVES_SOCKETS
SETTINGS = SimexSettings(venues=("coinbase",), symbols=3, quotes_per_second=90.0)


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(SETTINGS)


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Any]:
    async with judge(served, "coinbase", "coinbase", SPOT) as made:
        await made.load_markets()
        yield made


@pytest.fixture
async def desk(serve: Serve) -> AsyncIterator[Desk]:
    async with running(await serve(replace(CALM, venues=("coinbase",))), "coinbase") as made:
        yield made


# The judge ---------------------------------------------------------------------------------


async def test_the_judges_book_stays_the_venues(client: Any, served: Served) -> None:
    shown = next(iter(served.simex.servers["coinbase"].shown.values()))
    same = 0
    for _ in range(40):
        book = await client.watch_order_book(SPOT)
        bids, _ = shown.book.levels()
        scale = shown.book.scale
        wanted = [[float(scale.price(p)), float(scale.size(s))] for p, s in bids]
        same += [level[:2] for level in book["bids"]] == wanted
    assert same > 20, "the market moves on while a message is on its way"


async def test_orders_and_balances_are_told_by_stream_and_rest(client: Any) -> None:
    ask = (await client.fetch_order_book(SPOT))["asks"][0][0]
    watching = soon(client.watch_orders())
    await watching  # the snapshot
    told = soon(client.watch_orders())
    price = client.price_to_precision(SPOT, ask * 1.02)
    more = {"timeInForce": "IOC", "client_order_id": "judge-1"}
    made = await client.create_order(SPOT, "limit", "buy", 0.001, price, more)
    orders = await told
    while orders[-1]["status"] != "closed":
        orders = await client.watch_orders()
    assert (orders[-1]["clientOrderId"], orders[-1]["filled"]) == ("judge-1", 0.001)
    (mine,) = await client.fetch_my_trades(SPOT)
    assert (mine["order"], mine["amount"]) == (made["id"], 0.001)
    assert mine["fee"]["cost"] > 0
    assert (await client.fetch_balance())["USDT"]["total"] != 50_000
    assert (await client.fetch_balance({"v3": True}))["USDT"]["total"] != 50_000
    ended = await client.fetch_order(made["id"])
    assert (ended["clientOrderId"], ended["status"]) == ("judge-1", "closed")
    assert made["id"] in {one["id"] for one in await client.fetch_closed_orders(SPOT)}

    low = client.price_to_precision(SPOT, ask * 0.9)
    resting = await client.create_order(SPOT, "limit", "buy", 0.001, low)
    assert resting["id"] in {one["id"] for one in await client.fetch_open_orders(SPOT)}
    await client.cancel_order(resting["id"], SPOT)
    assert not await client.fetch_open_orders(SPOT)
    with pytest.raises(client_error("BadRequest")):
        await client.cancel_order(resting["id"], SPOT)
    bought = await client.create_order(SPOT, "market", "buy", 0.001, ask)
    assert (await client.fetch_order(bought["id"]))["filled"] > 0


async def test_refusals_are_those_of_production(client: Any) -> None:
    ask = (await client.fetch_order_book(SPOT))["asks"][0][0]
    too_small = "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"
    with pytest.raises(client_error("BaseError"), match=too_small):
        await client.create_order(SPOT, "limit", "buy", 0.00001, ask)
    with pytest.raises(client_error("InsufficientFunds")):
        await client.create_order(SPOT, "limit", "buy", 1_000, ask)
    other = ec.generate_private_key(ec.SECP256R1())
    client.secret = other.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    ).decode()
    with pytest.raises(client_error("AuthenticationError")):
        await client.fetch_balance()


async def test_a_mark_is_counted_and_can_be_refused(serve: Serve, client: Any) -> None:
    await client.create_order(SPOT, "limit", "buy", 0.001, 30_000)
    strict = await serve(replace(SETTINGS, refuse_brokers=True))
    async with judge(strict, "coinbase", "coinbase", SPOT) as other:
        await other.load_markets()
        with pytest.raises(client_error("BaseError"), match="broker"):
            await other.create_order(SPOT, "limit", "buy", 0.001, 30_000)
        assert (await strict.state("coinbase"))["brokers"] == {"client_order_id": 1}


# What only Coinbase has --------------------------------------------------------------------


async def test_an_id_sent_twice_makes_one_order_and_is_not_sent_twice_by_us(desk: Desk) -> None:
    order = desk.order()
    assert isinstance(await desk.client.submit(order), Accepted)
    await desk.log.end(order.client_order_id)
    assert isinstance(await desk.client.submit(order), Refused)
    other = STANDS["coinbase"].client(desk.served)
    again = await other.submit(order)  # of a process that does not remember
    assert isinstance(again, Accepted)
    state = (await desk.served.state("coinbase"))["accounts"][0]
    assert (state["orders"], state["fills"]) == (1, 1)
    await other.aclose()


async def test_a_market_buy_is_sized_in_base(desk: Desk) -> None:
    order = replace(desk.order(Side.BUY), type=OrderType.MARKET, price=None)
    assert isinstance(await desk.client.submit(order), Accepted)
    ended = await desk.log.end(order.client_order_id)
    assert ended.filled_size == order.size
    assert sum(fill.size for fill in desk.log.fills(order.client_order_id)) == order.size


async def test_a_token_of_a_wrong_time_is_mended_by_the_venues_clock(desk: Desk) -> None:
    await desk.act("clock_offset", offset_ms=-600_000)
    await desk.client.holdings()
    reading = await desk.client.correct_clock()
    assert reading is not None
    assert -601_000 < reading.offset_ms < -599_000


async def test_a_key_that_is_not_known_is_refused_and_not_taken_for_a_wrong_clock(
    serve: Serve,
) -> None:
    served = await serve(replace(CALM, venues=("coinbase",)))
    line = served.lines["coinbase"]
    line["accounts"] = [line["accounts"][0] | {"apiKey": "organizations/a/apiKeys/b"}]
    client = STANDS["coinbase"].client(served)
    with pytest.raises(VenueRefused) as refused:
        await client.holdings()
    assert refused.value.code == "UNAUTHORIZED"
    await client.aclose()


async def test_many_orders_fill_at_once_and_each_is_told_whole(desk: Desk) -> None:
    orders = [desk.order(Side.BUY if n % 2 else Side.SELL, usd=20) for n in range(20)]
    await asyncio.gather(*(desk.client.submit(order) for order in orders))
    for order in orders:
        ended = await desk.log.end(order.client_order_id)
        fills = desk.log.fills(order.client_order_id)
        assert sum(fill.size for fill in fills) == ended.filled_size
        assert len({fill.venue_trade_id for fill in fills}) == len(fills)

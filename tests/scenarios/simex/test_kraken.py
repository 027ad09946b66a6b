"""The simulated Kraken: judged by unmodified ccxt.pro, and what only this venue has."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from arbiter.model.reports import Accepted, Refused
from arbiter.simex.kraken.streams import checksum
from arbiter.simex.settings import SimexSettings
from arbiter.venues.kraken.orders import KrakenOrders
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.stands import STANDS
from tests.scenarios.simex.test_accounts import CALM, Desk, running
from tests.scenarios.simex.test_judge import SPOT, client_error, judge, soon

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SETTINGS = SimexSettings(venues=("kraken",), symbols=3, quotes_per_second=90.0)


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(SETTINGS)


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Any]:
    async with judge(served, "kraken", "kraken", SPOT) as made:
        made.enableRateLimit = False  # three seconds for each private read
        await made.load_markets()
        yield made


@pytest.fixture
async def desk(serve: Serve) -> AsyncIterator[Desk]:
    async with running(await serve(replace(CALM, venues=("kraken",))), "kraken") as made:
        yield made


# The judge ---------------------------------------------------------------------------------


async def test_books_and_best_prices_follow_the_market(client: Any) -> None:
    for _ in range(10):
        book = await client.watch_order_book(SPOT)
        assert book["bids"][0][0] < book["asks"][0][0]
    best = (await client.watch_bids_asks([SPOT]))[SPOT]
    assert 0 < best["bid"] < best["ask"]
    assert (await client.watch_ticker(SPOT))["last"] > 0
    assert (await client.watch_trades(SPOT))[-1]["amount"] > 0
    assert len((await client.fetch_order_book(SPOT))["bids"]) > 20
    assert (await client.fetch_ticker(SPOT))["bid"] > 0
    assert (await client.fetch_trades(SPOT))[-1]["price"] > 0
    assert (await client.fetch_ohlcv(SPOT, "1m"))[-1][4] > 0


async def test_checksum_is_that_of_the_book_which_the_judge_keeps(
    client: Any, served: Served
) -> None:
    """ccxt's own check cannot be used from Python, where it asks a float for its digits; so the
    judge's book is put into digits here, and compared with the sum that the venue sent."""
    told: list[dict[str, Any]] = []
    keep = client.handle_order_book
    seen: list[int] = []

    def listen(connection: Any, message: dict[str, Any]) -> None:
        keep(connection, message)
        book = client.orderbooks[SPOT]
        scale = next(s for s in served.simex.servers["kraken"].shown.values()).book.scale
        sides = [
            [(scale.price(scale.ticks(p)), scale.size(scale.lots(s))) for p, s in book[side]]
            for side in ("asks", "bids")
        ]
        seen.append(checksum(sides[0], sides[1]))
        told.append(message["data"][0])

    client.handle_order_book = listen
    for _ in range(12):
        await client.watch_order_book(SPOT)
    assert len(told) >= 12
    assert seen == [row["checksum"] for row in told]


async def test_orders_trades_and_balances_are_told_by_stream_and_rest(client: Any) -> None:
    ask = (await client.fetch_order_book(SPOT))["asks"][0][0]
    told = [
        soon(client.watch_orders()),
        soon(client.watch_my_trades()),
        soon(client.watch_balance()),
    ]
    await asyncio.sleep(0.3)  # ccxt says nothing when it has subscribed
    price = client.price_to_precision(SPOT, ask * 1.02)
    more = {"timeInForce": "IOC", "clientOrderId": "judge-1"}
    made = await client.create_order(SPOT, "limit", "buy", 0.001, price, more)
    orders, trades, _ = await asyncio.gather(*told)
    assert orders[-1]["id"] == made["id"]
    assert (trades[-1]["order"], trades[-1]["amount"]) == (made["id"], 0.001)
    assert trades[-1]["fee"]["cost"] > 0
    mine = await client.fetch_my_trades(SPOT)
    assert mine[-1]["id"] == trades[-1]["id"]
    assert (await client.fetch_balance())["USDT"]["total"] != 50_000
    ended = await client.fetch_order(made["id"])
    assert (ended["clientOrderId"], ended["status"]) == ("judge-1", "closed")
    assert made["id"] in {one["id"] for one in await client.fetch_closed_orders(SPOT)}

    resting = await client.create_order(
        SPOT, "limit", "buy", 0.001, client.price_to_precision(SPOT, ask * 0.9)
    )
    assert resting["id"] in {one["id"] for one in await client.fetch_open_orders(SPOT)}
    await client.cancel_order(resting["id"], SPOT)
    assert not await client.fetch_open_orders(SPOT)
    with pytest.raises(client_error("OrderNotFound")):
        await client.cancel_order(resting["id"], SPOT)
    assert (await client.fetch_trading_fee(SPOT))["taker"] == 0.0016


async def test_refusals_are_those_of_production(client: Any) -> None:
    ask = (await client.fetch_order_book(SPOT))["asks"][0][0]
    with pytest.raises(client_error("BaseError"), match="EOrder:Cost minimum not met"):
        await client.create_order(SPOT, "limit", "buy", 0.00002, ask)
    with pytest.raises(client_error("InsufficientFunds")):
        await client.create_order(SPOT, "limit", "buy", 1_000, ask)
    client.secret = base64.b64encode(b"wrong").decode()
    with pytest.raises(client_error("BaseError"), match="EAPI:Invalid signature"):
        await client.fetch_balance()
    client.apiKey = "nobody"
    with pytest.raises(client_error("AuthenticationError")):
        await client.fetch_balance()


async def test_a_broker_is_counted_and_can_be_refused(serve: Serve, client: Any) -> None:
    await client.create_order(SPOT, "limit", "buy", 0.001, 30_000, {"broker": "ccxt"})
    strict = await serve(replace(SETTINGS, refuse_brokers=True))
    async with judge(strict, "kraken", "kraken", SPOT) as other:
        other.enableRateLimit = False
        await other.load_markets()
        with pytest.raises(client_error("PermissionDenied")):
            await other.create_order(SPOT, "limit", "buy", 0.001, 30_000, {"broker": "ccxt"})
        assert (await strict.state("kraken"))["brokers"] == {"broker": 1}


# What only Kraken has ----------------------------------------------------------------------


async def test_nonces_must_rise(client: Any) -> None:
    await client.fetch_balance()
    client.options["lastNonce"] = 1_000
    client.nonce = lambda: 1_000
    with pytest.raises(client_error("InvalidNonce")):
        await client.fetch_balance()


async def test_reads_are_counted_and_the_count_sinks(client: Any) -> None:
    with pytest.raises(client_error("DDoSProtection")):
        await _many(client.fetch_balance)
    await asyncio.sleep(1.2)  # the counter sinks by one a second
    await client.fetch_balance()


async def _many(ask: Callable[[], Awaitable[object]]) -> None:
    for _ in range(30):
        await ask()


async def test_requests_under_way_together_keep_their_order_or_use_the_keys_window(
    serve: Serve,
) -> None:
    served = await serve(replace(CALM, venues=("kraken",)))
    for account in (0, 1):
        desk = Desk(served, "kraken")
        desk.client = STANDS["kraken"].client(served, account=account)
        listed = await desk.client.instruments()
        desk.instrument = next(i for i in listed if i.base == "ETH")
        orders = [desk.order(away="-0.1") for _ in range(20)]
        answers = await asyncio.gather(*(desk.client.submit(order) for order in orders))
        assert all(isinstance(answer, Accepted) for answer in answers), answers
        await desk.client.aclose()


async def test_an_id_of_an_ended_order_is_not_sent_again_though_the_venue_would_take_it(
    desk: Desk,
) -> None:
    order = desk.order()
    assert isinstance(await desk.client.submit(order), Accepted)
    await desk.log.end(order.client_order_id)
    again = await desk.client.submit(order)
    assert isinstance(again, Refused)
    assert (await desk.served.state("kraken"))["calls"]["submit"] == 1


async def test_orders_are_known_by_our_ids_after_a_restart(desk: Desk) -> None:
    resting, filled = desk.order(away="-0.1"), desk.order()
    for order in (resting, filled):
        assert isinstance(await desk.client.submit(order), Accepted)
    await desk.log.end(filled.client_order_id)
    other = STANDS["kraken"].client(desk.served)
    (found,) = await other.open_orders()
    assert found.client_order_id == resting.client_order_id
    (fill,) = await other.fills_since(0)
    assert fill.client_order_id == filled.client_order_id
    await other.aclose()


async def test_a_lost_private_message_is_noticed_and_made_up_for(desk: Desk) -> None:
    await desk.act("rates", rates={"drop_report": 1.0})
    first = desk.order()
    assert isinstance(await desk.client.submit(first), Accepted)
    await desk.act("heal")
    second = desk.order()
    assert isinstance(await desk.client.submit(second), Accepted)
    for order in (first, second):
        ended = await desk.log.end(order.client_order_id)
        fills = desk.log.fills(order.client_order_id)
        assert sum(fill.size for fill in fills) == ended.filled_size == order.size


async def test_rights_of_a_key_are_told(serve: Serve) -> None:
    served = await serve(replace(CALM, venues=("kraken",)))
    line = served.lines["kraken"]
    told = {}
    for kind in ("readOnly", "withdrawing", "trading"):
        line["accounts"] = [line.get(kind, line)]
        client = STANDS["kraken"].client(served)
        assert isinstance(client, KrakenOrders)
        told[kind] = await client.rights()
        await client.aclose()
    assert (told["readOnly"].can_trade, told["readOnly"].can_withdraw) == (False, False)
    assert told["withdrawing"].can_withdraw
    assert (told["trading"].can_trade, told["trading"].can_withdraw) == (True, False)

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
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.desk import CALM, Desk, running
from tests.scenarios.simex.judging import LEAVES_SOCKETS, SPOT, client_error, judge
from tests.scenarios.simex.stands import STANDS

pytestmark = LEAVES_SOCKETS
SETTINGS = SimexSettings(venues=("kraken",), symbols=3, quotes_per_second=90.0)


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(SETTINGS)


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Any]:
    async with judge(served, "kraken", "kraken", SPOT) as made:
        await made.load_markets()
        yield made


@pytest.fixture
async def desk(serve: Serve) -> AsyncIterator[Desk]:
    async with running(await serve(replace(CALM, venues=("kraken",))), "kraken") as made:
        yield made


# The judge ---------------------------------------------------------------------------------


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


async def test_an_ended_order_is_asked_for_by_its_name_and_fees_are_told(client: Any) -> None:
    ask = (await client.fetch_order_book(SPOT))["asks"][0][0]
    price = client.price_to_precision(SPOT, ask * 1.02)
    more = {"timeInForce": "IOC", "clientOrderId": "judge-1"}
    made = await client.create_order(SPOT, "limit", "buy", 0.001, price, more)
    ended = await client.fetch_order(made["id"])
    assert (ended["clientOrderId"], ended["status"]) == ("judge-1", "closed")
    assert made["id"] in {one["id"] for one in await client.fetch_closed_orders(SPOT)}
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

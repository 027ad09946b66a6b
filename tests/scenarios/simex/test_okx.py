"""The simulated OKX: judged by unmodified ccxt.pro, and what only this venue has."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from arbiter.model.errors import VenueRefused
from arbiter.model.ids import VenueId
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import OrderStatus, Side
from arbiter.model.reports import Accepted, Ended, Refused
from arbiter.simex.settings import SimexSettings
from arbiter.venues.catalogue import connector
from arbiter.venues.okx.names import to_okx
from arbiter.venues.okx.swaps import OkxSwapOrders
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.desk import CALM, Desk, running
from tests.scenarios.simex.judging import (
    LEAVES_SOCKETS,
    SPOT,
    SWAP,
    client_error,
    judge,
    soon,
    watch_some,
)
from tests.scenarios.simex.stands import STANDS

pytestmark = LEAVES_SOCKETS
SETTINGS = SimexSettings(venues=("okx",), symbols=3, quotes_per_second=90.0, time_scale=14_400.0)
QUIET = replace(CALM, venues=("okx",))
ISOLATED = {"marginMode": "isolated"}


@asynccontextmanager
async def judging(served: Served, symbol: str) -> AsyncIterator[Any]:
    async with judge(served, "okx", "okx", symbol) as client:
        await client.load_markets()
        yield client


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(SETTINGS)


@pytest.fixture(params=[SPOT, SWAP])
async def symbol(request: pytest.FixtureRequest) -> str:
    told: str = request.param
    return told


@pytest.fixture
async def client(served: Served, symbol: str) -> AsyncIterator[Any]:
    async with judging(served, symbol) as made:
        yield made


def amount(client: Any, symbol: str, base: float) -> float:
    """So much of the base asset, as the venue counts it."""
    return round(base / (client.market(symbol)["contractSize"] or 1.0), 8)


def terms(symbol: str) -> dict[str, str]:
    return ISOLATED if symbol == SWAP else {}


# The judge ---------------------------------------------------------------------------------


async def test_orders_trades_and_balances_are_told_by_stream_and_rest(
    served: Served, client: Any, symbol: str
) -> None:
    ask = (await client.fetch_order_book(symbol))["asks"][0][0]
    told = [
        soon(client.watch_orders()),
        soon(client.watch_my_trades()),
        soon(client.watch_balance()),
    ]
    await served.asked("okx", '"orders"', '"account"')
    size, price = amount(client, symbol, 0.001), client.price_to_precision(symbol, ask * 1.02)
    more = terms(symbol) | {"timeInForce": "IOC", "clientOrderId": "judge1"}
    placed = await client.create_order(symbol, "limit", "buy", size, price, more)
    orders, trades, _ = await asyncio.gather(*told)
    assert (orders[-1]["id"], orders[-1]["clientOrderId"]) == (placed["id"], "judge1")
    assert (trades[-1]["order"], trades[-1]["amount"]) == (placed["id"], size)
    mine = await client.fetch_my_trades(symbol)
    assert mine[-1]["id"] == trades[-1]["id"]
    assert mine[-1]["fee"]["cost"] > 0
    assert trades[-1]["fee"]["cost"] == -mine[-1]["fee"]["cost"], "ccxt leaves a stream's as it is"
    assert (await client.fetch_balance())["USDT"]["total"] != 50_000
    ended = await client.fetch_order(placed["id"], symbol)
    assert (ended["status"], ended["filled"]) == ("closed", size)

    resting = await client.create_order(
        symbol,
        "limit",
        "buy",
        size,
        client.price_to_precision(symbol, ask * 0.9),
        terms(symbol),
    )
    assert resting["id"] in {one["id"] for one in await client.fetch_open_orders(symbol)}
    await client.cancel_order(resting["id"], symbol)
    assert not await client.fetch_open_orders(symbol)
    with pytest.raises(client_error("BaseError"), match="51400"):
        await client.cancel_order(resting["id"], symbol)


async def test_refusals_are_those_of_production(client: Any, symbol: str) -> None:
    ask = (await client.fetch_order_book(symbol))["asks"][0][0]
    least = client.market(symbol)["precision"]["amount"]
    client.market(symbol)["limits"]["amount"]["min"] = None
    with pytest.raises(client_error("InvalidOrder"), match="51020"):
        await client.create_order(symbol, "limit", "buy", least, ask, terms(symbol))
    huge, small = amount(client, symbol, 1_000), amount(client, symbol, 0.001)
    with pytest.raises(client_error("InsufficientFunds"), match="51008"):
        await client.create_order(symbol, "limit", "buy", huge, ask, terms(symbol))
    odd = terms(symbol) | {"clientOrderId": "with-dashes"}
    with pytest.raises(client_error("BaseError"), match="Parameter clOrdId error"):
        await client.create_order(symbol, "limit", "buy", small, ask, odd)
    with pytest.raises(client_error("OrderNotFound")):
        await client.fetch_order("312269865356374999", symbol)
    client.secret = "wrong"
    with pytest.raises(client_error("AuthenticationError"), match="50113"):
        await client.fetch_balance()
    client.password = "wrong"
    with pytest.raises(client_error("AuthenticationError"), match="50105"):
        await client.fetch_balance()


async def test_clock_that_is_off_is_refused_until_it_is_corrected(served: Served) -> None:
    async with judging(served, SPOT) as client:
        await served.act("okx", "clock_offset", offset_ms=40_000)
        with pytest.raises(client_error("InvalidNonce"), match="50102"):
            await client.fetch_balance()
        await client.load_time_difference()
        assert (await client.fetch_balance())["USDT"]["total"] == 50_000


async def test_positions_leverage_and_funding(served: Served) -> None:
    async with judging(served, SWAP) as client:
        rates = await client.fetch_funding_rates([SWAP])
        assert rates[SWAP]["fundingRate"] is not None
        assert rates[SWAP]["interval"] == "8h"
        assert (await client.watch_funding_rate(SWAP))["fundingRate"] is not None
        await client.set_leverage(5, SWAP, ISOLATED)
        size = amount(client, SWAP, 0.01)
        await client.create_order(SWAP, "market", "buy", size, None, ISOLATED)
        (held,) = await client.fetch_positions([SWAP])
        assert (held["contracts"], held["side"], held["leverage"]) == (size, "long", 5.0)
        assert held["contracts"] * held["contractSize"] == pytest.approx(0.01)
        assert 0 < held["liquidationPrice"] < held["entryPrice"]
        await served.act("okx", "settle", symbol="BTC-USDT-SWAP")
        assert (await client.fetch_funding_history(SWAP))[-1]["amount"] != 0
        assert await client.fetch_funding_rate_history(SWAP)
        tiers = await client.fetch_market_leverage_tiers(SWAP, ISOLATED)
        assert tiers[0]["maintenanceMarginRate"] == 0.004
        more = ISOLATED | {"reduceOnly": True}
        await client.create_order(SWAP, "market", "sell", size, None, more)
        assert not [p for p in await client.fetch_positions([SWAP]) if p["contracts"]]


async def test_a_lost_delta_is_noticed_by_the_sequence_numbers(served: Served) -> None:
    async with judging(served, SPOT) as client:
        for _ in range(3):
            await client.watch_order_book(SPOT)
        await served.act("okx", "gap", symbol="BTC-USDT")
        with pytest.raises(client_error("InvalidNonce")):
            await watch_some(client)
        book = await client.watch_order_book(SPOT)
        assert book["bids"][0][0] < book["asks"][0][0]


async def test_brokers_marks_are_counted_and_can_be_refused(serve: Serve, served: Served) -> None:
    async with judging(served, SPOT) as client:
        await client.create_order(SPOT, "limit", "buy", 0.001, 30_000)
    assert (await served.state("okx"))["brokers"] == {"tag": 1}, "ccxt adds it by default"
    strict = await serve(replace(SETTINGS, refuse_brokers=True))
    async with judging(strict, SPOT) as client:
        with pytest.raises(client_error("BaseError"), match="broker"):
            await client.create_order(SPOT, "limit", "buy", 0.001, 30_000)


# Our own client ----------------------------------------------------------------------------


@pytest.fixture(params=["okx", "okx_futures"])
async def desk(request: pytest.FixtureRequest, serve: Serve) -> AsyncIterator[Desk]:
    async with running(await serve(QUIET), request.param) as made:
        yield made


async def test_orders_are_sent_under_names_that_fit_the_venue(desk: Desk) -> None:
    order = desk.order()
    assert isinstance(await desk.client.submit(order), Accepted)
    sent = desk.served.simex.servers["okx"].accounts[0].orders
    assert list(sent) == [to_okx(order.client_order_id)]


async def test_post_only_that_would_take_is_accepted_and_cancelled_by_the_venue(
    desk: Desk,
) -> None:
    resting = desk.order(away="-0.1")
    order = replace(resting, post_only=True, price=desk.order().price)
    assert isinstance(await desk.client.submit(order), Accepted)
    ended = await desk.log.end(order.client_order_id)
    assert (ended.status, ended.filled_size) == (OrderStatus.CANCELLED, ZERO)
    assert "venue" in ended.reason


async def test_order_that_fits_no_name_of_the_venue_is_not_sent(desk: Desk) -> None:
    order = replace(desk.order(), client_order_id="x" * 33)
    answer = await desk.client.submit(order)
    assert isinstance(answer, Refused)
    assert answer.code == "NOT_SENT"
    assert (await desk.served.state("okx"))["accounts"][0]["orders"] == 0


async def test_swaps_are_counted_in_base_here_and_in_contracts_there(serve: Serve) -> None:
    async with running(await serve(QUIET), "okx_futures") as desk:
        listed = desk.instrument
        assert (listed.contract_size, listed.wire_unit) == (ONE, Decimal("0.01"))
        assert listed.lot == listed.wire_unit / 100
        assert listed.margin is not None
        order = desk.order(usd=1_000)
        await desk.client.submit(order)
        await desk.log.end(order.client_order_id)
        assert isinstance(desk.client, OkxSwapOrders)
        (held,) = await desk.client.positions()
        assert held.quantity == order.size
        close = desk.order(Side.SELL, usd=1_000, reduce=True)
        await desk.client.submit(close)
        assert isinstance(await desk.log.end(close.client_order_id), Ended)
        assert not await desk.client.positions()


async def test_margin_tiers_are_known_of_the_markets_named(serve: Serve) -> None:
    served = await serve(QUIET)
    wiring = replace(served.wiring("okx", "okx_futures"), symbols=("ETH/USDT:PERP",))
    client = connector(VenueId("okx_futures")).orders(wiring)
    (listed,) = await client.instruments()
    assert listed.margin is not None
    bounds = [tier.up_to for tier in listed.margin.tiers]
    assert len(bounds) == 4
    assert bounds[-1] is None
    assert bounds[0] == pytest.approx(Decimal(50_000), rel=Decimal("0.01"))
    assert listed.margin.maintenance(Decimal(1_000)) == 4
    await client.aclose()


async def test_wrong_passphrase_is_refused_in_words(serve: Serve) -> None:
    served = await serve(QUIET)
    served.lines["okx"]["accounts"][0]["password"] = "wrong"
    client = STANDS["okx"].client(served)
    with pytest.raises(VenueRefused, match="PASSPHRASE") as refused:
        await client.rights()
    assert refused.value.code == "50105"
    await client.aclose()

"""Polymarket's engine restarts: first it answers 425 to all, then it takes makers and cancels only.

And orders with an end of their own, which the account may have from elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from msgspec.structs import replace

from arbiter.model.errors import TryAgain
from arbiter.model.ids import ClientOrderId
from arbiter.model.orders import OrderStatus, Side, TimeInForce
from arbiter.model.reports import Absent, Accepted, OrderTruth, Refused
from arbiter.simex.polymarket.desk import SECURITY_S
from arbiter.simex.polymarket.purse import Ticket
from arbiter.simex.polymarket.server import Polymarket
from tests.port_suites.order_client import OrderDesk
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.test_polymarket import CALM, VENUE, client_of, desk_of, settled
from tests.scenarios.simex.test_polymarket_market import _token

IOC = TimeInForce.IOC


class Engine:
    """The venue's matching engine, restarting for as long as a test says."""

    def __init__(self, served: Served, patch: pytest.MonkeyPatch) -> None:
        server = served.simex.servers[VENUE]
        assert isinstance(server, Polymarket)
        self.server = server
        self._served = served
        self._patch = patch

    async def restarts(self) -> None:
        self._patch.setattr(self.server.faults, "refuses_takers", lambda _now: False)
        await self._served.act(VENUE, "maintenance", seconds=600.0)

    def takes_makers(self) -> None:
        self._patch.setattr(self.server.faults, "refuses_takers", lambda _now: True)

    async def runs(self) -> None:
        await self._served.act(VENUE, "heal")

    def tickets(self) -> list[Ticket]:
        """What the account's orders are at the venue, oldest first."""
        return list(self.server.desk.purses[0].tickets.values())


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(CALM)


@pytest.fixture
async def engine(served: Served, monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(served, monkeypatch)


@pytest.fixture
async def desk(served: Served) -> AsyncIterator[OrderDesk]:
    async with desk_of(client_of(served)) as desk:
        yield desk


@asynccontextmanager
async def holding(desk: OrderDesk) -> AsyncIterator[Decimal]:
    """Contracts of YES, on chain."""
    (fill,) = await desk.trade(desk.order(tif=IOC))
    await desk.log.until(lambda: bool(settled(desk)))
    yield fill.size


def odd(desk: OrderDesk) -> Any:
    """To be taken at once, and no whole number of cents: it goes as one that may rest."""
    return replace(desk.order(tif=IOC), size=Decimal("10.33"))


async def test_engine_that_restarts_takes_no_order_of_any_kind(
    desk: OrderDesk, engine: Engine
) -> None:
    await engine.restarts()
    orders = [
        desk.order(tif=IOC),
        desk.order(tif=TimeInForce.FOK),
        desk.order(away="-0.1"),
        replace(desk.order(away="-0.1"), post_only=True),
        odd(desk),
    ]
    for order in orders:
        answer = await desk.client.submit(order)
        assert isinstance(answer, Refused)
        assert answer.code == "CLOSED"
    await engine.runs()
    assert await desk.client.open_orders() == []
    for order in orders:
        told = await desk.client.query(order.client_order_id, order.instrument)
        assert isinstance(told, Absent)
    assert engine.tickets() == []


async def test_cancel_during_a_restart_is_to_be_tried_again_and_the_order_rests_on(
    desk: OrderDesk, engine: Engine
) -> None:
    order = desk.order(away="-0.1")
    assert isinstance(await desk.client.submit(order), Accepted)
    await engine.restarts()
    with pytest.raises(TryAgain, match="restarts"):
        await desk.client.cancel(order)
    assert [o.client_order_id for o in await desk.client.open_orders()] == [order.client_order_id]
    engine.takes_makers()
    await desk.client.cancel(order)
    assert (await desk.log.end(order.client_order_id)).status is OrderStatus.CANCELLED


async def test_after_a_restart_only_makers_are_taken_until_it_is_over(
    desk: OrderDesk, engine: Engine
) -> None:
    await engine.restarts()
    engine.takes_makers()
    for order in (desk.order(tif=IOC), desk.order(away="-0.1"), odd(desk)):
        answer = await desk.client.submit(order)
        assert isinstance(answer, Refused)
        assert (answer.code, "post-only" in answer.reason) == ("CLOSED", True)
    crossing = replace(desk.order(away="0.02"), post_only=True)
    answer = await desk.client.submit(crossing)
    assert isinstance(answer, Refused)
    assert answer.code == "POST_ONLY_CROSSES"
    maker = replace(desk.order(away="-0.1"), post_only=True)
    assert isinstance(await desk.client.submit(maker), Accepted)
    truth = await desk.client.query(maker.client_order_id, maker.instrument)
    assert isinstance(truth, OrderTruth)
    assert truth.status is OrderStatus.WORKING
    await engine.runs()
    assert await desk.trade(desk.order(tif=IOC))
    assert [o.client_order_id for o in await desk.client.open_orders()] == [maker.client_order_id]


async def test_maker_that_came_to_rest_after_a_restart_is_filled_as_one(
    desk: OrderDesk, engine: Engine, served: Served
) -> None:
    await engine.restarts()
    engine.takes_makers()
    maker = replace(desk.order(away="-0.02"), post_only=True)
    assert isinstance(await desk.client.submit(maker), Accepted)
    await engine.runs()
    await served.act(VENUE, "jump", symbol="HEAT-NORTH", fraction=-0.1)
    ended = await desk.log.end(maker.client_order_id)
    assert (ended.status, ended.filled_size) == (OrderStatus.FILLED, maker.size)
    fills = desk.log.fills(maker.client_order_id)
    assert {fill.price for fill in fills} == {maker.price}
    assert sum(fill.fee for fill in fills) == 0


async def test_sale_refused_by_a_restart_promises_nothing(desk: OrderDesk, engine: Engine) -> None:
    """Else the next one would buy the other outcome, beside what is held."""
    async with holding(desk) as held:
        await engine.restarts()
        order = replace(desk.order(Side.SELL, tif=IOC), size=held)
        assert isinstance(await desk.client.submit(order), Refused)
        engine.takes_makers()
        order = replace(desk.order(Side.SELL, tif=IOC), size=held)
        assert isinstance(await desk.client.submit(order), Refused)
        await engine.runs()
        await desk.trade(replace(desk.order(Side.SELL, tif=IOC), size=held))
        assert engine.tickets()[-1].side is Side.SELL
        assert await desk.position() is None


# Orders good until a time, placed on the same account by another program.


LIVES_S = 600


async def time_passes(served: Served) -> None:
    """The venue's clock goes on by more than such an order lives."""
    await served.act(VENUE, "clock_offset", offset_ms=2 * LIVES_S * 1_000)


def place_until(
    served: Served, side: Side, price: float, size: float, lives_s: int = LIVES_S
) -> str:
    """Place one with the venue's own client; gives the venue's id."""
    line = served.lines[VENUE]
    client = import_module("py_clob_client_v2.client").ClobClient(
        host=line["rest"], chain_id=137, key=line["privateKey"]
    )
    types = import_module("py_clob_client_v2.clob_types")
    client.set_api_creds(client.create_or_derive_api_key())
    order = types.OrderArgs(
        token_id=_token(line, "heat-north"),
        price=price,
        size=size,
        side=side.value,
        expiration=int(served.simex.servers[VENUE].now_ns() // 10**9) + SECURITY_S + lives_s,
    )
    options = types.CreateOrderOptions(tick_size="0.01", neg_risk=False)
    told = client.create_and_post_order(order, options, types.OrderType.GTD)
    assert told["status"] == "live", told
    return str(told["orderID"])


async def until_gone(desk: OrderDesk, number: str) -> None:
    """Ask until the venue shows it no longer: nothing tells of orders that are not ours."""
    while True:
        if all(order.venue_order_id != number for order in await desk.client.open_orders()):
            return
        await asyncio.sleep(0.05)


async def test_order_until_a_time_is_seen_by_the_venues_name_and_goes_when_its_time_has_come(
    desk: OrderDesk, served: Served
) -> None:
    number = await asyncio.to_thread(place_until, served, Side.BUY, 0.41, 10.0)
    (seen,) = await desk.client.open_orders()
    assert (seen.venue_order_id, seen.client_order_id) == (number, ClientOrderId(number))
    assert seen.status is OrderStatus.WORKING
    assert (seen.size, seen.filled_size) == (Decimal(10), Decimal(0))
    await time_passes(served)
    await until_gone(desk, number)
    assert desk.log.reports == [], "it was none of ours"


async def test_tokens_promised_to_an_order_until_a_time_are_sold_by_none_of_ours_before_it_ends(
    desk: OrderDesk, engine: Engine, served: Served
) -> None:
    async with holding(desk) as held:
        number = await asyncio.to_thread(place_until, served, Side.SELL, 0.6, float(held))
        await desk.client.open_orders()
        order = desk.order(Side.SELL, usd=5, tif=IOC)
        await desk.trade(order)
        assert engine.tickets()[-1].side is Side.BUY, "NO is bought: the YES is promised"
        await time_passes(served)
        await until_gone(desk, number)
        await desk.trade(desk.order(Side.SELL, usd=5, tif=IOC))
        assert engine.tickets()[-1].side is Side.SELL


async def test_order_that_would_end_too_soon_is_refused(served: Served) -> None:
    error = import_module("py_clob_client_v2.exceptions").PolyApiException
    with pytest.raises(error, match="invalid expiration"):
        await asyncio.to_thread(place_until, served, Side.BUY, 0.41, 10.0, -5)

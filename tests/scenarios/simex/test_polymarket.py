"""Polymarket over real sockets: the order port's suite, ghost fills, disorder, maintenance, payouts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.orders import OrderStatus, Side, TimeInForce
from arbiter.model.perpetuals import ForcedCause
from arbiter.model.reports import Accepted, FillSettled, OrderTruth, Refused, Unknown
from arbiter.simex.polymarket.server import Polymarket
from arbiter.simex.settings import SimexSettings
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.polymarket.orders import PolymarketOrders
from tests.port_suites.order_client import OrderClientSuite, OrderDesk
from tests.scenarios.simex.conftest import Serve, Served

VENUE = "polymarket"
NAMES = ("heat-north", "launch")
PRICE = Decimal("0.5")
_BASE = SimexSettings(venues=(VENUE,), still=True)
CALM = replace(
    _BASE,
    events=replace(_BASE.events, depth=100.0, confirm_seconds=0.4, quotes_per_second=200.0),
)


def client_of(
    served: Served,
    *,
    account: int = 0,
    folder: Path | None = None,
    kind: str = "0",
    dead_man: bool = False,
) -> PolymarketOrders:
    wiring = served.wiring(VENUE, account=account)
    line = served.lines[VENUE]["accounts"][account]
    holder = {"0": "walletAddress", "1": "proxy", "2": "safe", "3": "depositWallet"}[kind]
    keys = VenueKeys(api_key=line[holder], secret=line["privateKey"], password=kind)
    return PolymarketOrders(
        replace(wiring, keys=keys, markets=NAMES, folder=folder, dead_man=dead_man)
    )


@asynccontextmanager
async def desk_of(client: PolymarketOrders) -> AsyncIterator[OrderDesk]:
    """A running client in the market that trades at a half."""
    instrument = await heat(client)
    desk = OrderDesk(client, instrument, price=PRICE)
    task = asyncio.create_task(client.run(desk.log))
    await client.following.wait()
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()


async def heat(client: PolymarketOrders) -> Instrument:
    listed = await client.instruments()
    return next(i for i in listed if i.id == "HEAT-NORTH.POLYMARKET")


def settled(desk: OrderDesk) -> list[FillSettled]:
    return [report for report in desk.log.reports if isinstance(report, FillSettled)]


class TestOrderClient(OrderClientSuite):
    @pytest.fixture
    async def desk(self, serve: Serve, tmp_path: Path) -> AsyncIterator[OrderDesk]:
        served = await serve(CALM)
        async with desk_of(client_of(served, folder=tmp_path)) as desk:
            yield desk

    async def test_oc18_fills_since_repeats_what_the_stream_said(self, desk: OrderDesk) -> None:
        """The venue tells a trade's time to the second: of one second all or none."""
        first = await desk.trade(desk.order(tif=TimeInForce.IOC))
        second = await desk.trade(desk.order(Side.SELL, tif=TimeInForce.IOC))
        assert list(await desk.client.fills_since(first[0].at_ns)) == first + second
        assert list(await desk.client.fills_since(second[-1].at_ns + 1)) == []


@pytest.mark.parametrize("kind", ["0", "1", "2", "3"])
async def test_every_type_of_wallet_signs_orders_that_are_taken(serve: Serve, kind: str) -> None:
    async with desk_of(client_of(await serve(CALM), kind=kind)) as desk:
        fills = await desk.trade(desk.order(tif=TimeInForce.IOC))
        assert sum(fill.size for fill in fills) == Decimal(40)


# What becomes of a match.


async def test_match_is_told_at_once_and_is_final_later(serve: Serve) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served)) as desk:
        await served.act(VENUE, "hold")
        (fill,) = await desk.trade(desk.order(tif=TimeInForce.IOC))
        assert settled(desk) == [], "it is provisional"
        await served.act(VENUE, "resume")
        await desk.log.until(lambda: bool(settled(desk)))
        assert [(told.venue_trade_id, told.ok) for told in settled(desk)] == [
            (fill.venue_trade_id, True)
        ]
        assert [told.ok for told in await desk.margin.settled_since(0)] == [True]


async def test_ghost_fill_is_taken_back_to_the_last_unit(serve: Serve) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served)) as desk:
        kept = await desk.trade(desk.order(usd=10, tif=TimeInForce.IOC))
        await desk.log.until(lambda: len(settled(desk)) == 1)
        before = await desk.totals()
        await served.act(VENUE, "fail", amount="1")
        await served.act(VENUE, "hold")
        (ghost,) = await desk.trade(desk.order(tif=TimeInForce.IOC))
        position = await desk.position()
        assert position is not None
        assert position.quantity == kept[0].size + ghost.size
        await served.act(VENUE, "resume")
        await desk.log.until(lambda: len(settled(desk)) == 2)
        assert [told.ok for told in settled(desk)] == [True, False]
        position = await desk.position()
        assert position is not None
        assert position.quantity == kept[0].size
        assert await desk.totals() == before
        assert await desk.client.fills_since(0) == kept
        truth = await desk.client.query(ghost.client_order_id, desk.instrument.id)
        assert isinstance(truth, OrderTruth)
        assert (truth.status.terminal, truth.filled_size) == (True, ZERO)


async def test_messages_out_of_order_and_twice_book_a_fill_once(serve: Serve) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served)) as desk:
        await served.act(
            VENUE, "rates", rates={"reorder": 0.4, "duplicate": 0.3, "drop_report": 0.2}
        )
        names = []
        for _ in range(8):
            order = desk.order(usd=5, tif=TimeInForce.IOC)
            assert isinstance(await desk.client.submit(order), Accepted)
            names.append(order.client_order_id)
        for name in names:
            assert (await desk.log.end(name)).filled_size == Decimal(10)
        for name in names:
            told = {fill.venue_trade_id: fill.size for fill in desk.log.fills(name)}
            assert len(told) == len(desk.log.fills(name)) == 1
        await served.act(VENUE, "heal")
        position = await desk.position()
        assert position is not None
        assert position.quantity == Decimal(80)


async def test_selling_before_it_is_confirmed_buys_the_other_outcome(serve: Serve) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served)) as desk:
        start = await desk.totals()
        await served.act(VENUE, "hold")
        await desk.trade(desk.order(tif=TimeInForce.IOC))
        (sold,) = await desk.trade(desk.order(Side.SELL, tif=TimeInForce.IOC))
        assert (sold.side, sold.price) == (Side.SELL, Decimal("0.49"))
        assert await desk.position() is None, "YES and NO come to nothing"
        await served.act(VENUE, "resume")
        await desk.log.until(lambda: len(settled(desk)) == 2)
        paid = {asset: total - Decimal("0.8") for asset, total in start.items()}
        assert await desk.totals() == paid, "a pair is worth one"


async def test_immediate_order_that_costs_no_whole_cents_leaves_nothing_behind(
    serve: Serve,
) -> None:
    async with desk_of(client_of(await serve(CALM))) as desk:
        odd = replace(desk.order(tif=TimeInForce.IOC), size=Decimal("10.33"))
        (fill,) = await desk.trade(odd)
        assert fill.size == Decimal("10.33")
        far = replace(desk.order(tif=TimeInForce.IOC, away="-0.1"), size=Decimal("10.33"))
        assert await desk.trade(far) == []
        assert await desk.client.open_orders() == []


async def test_orders_are_found_again_by_a_process_that_remembers_the_folder(
    serve: Serve, tmp_path: Path
) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served, folder=tmp_path)) as desk:
        taken, resting = desk.order(tif=TimeInForce.IOC), desk.order(away="-0.1")
        await desk.trade(taken)
        assert isinstance(await desk.client.submit(resting), Accepted)
    later = client_of(served, folder=tmp_path)
    instrument = await heat(later)
    truth = await later.query(taken.client_order_id, instrument.id)
    assert isinstance(truth, OrderTruth)
    assert (truth.status, truth.filled_size) == (OrderStatus.FILLED, taken.size)
    assert [t.client_order_id for t in await later.open_orders()] == [resting.client_order_id]
    assert [f.client_order_id for f in await later.fills_since(0)] == [taken.client_order_id]
    assert isinstance(await later.submit(taken), Refused), "an id is good for one order"
    await later.aclose()


# What keeps orders away.


async def test_restarting_engine_takes_nothing_and_then_only_makers(serve: Serve) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served)) as desk:
        await served.act(VENUE, "maintenance", seconds=600.0)
        answer = await desk.client.submit(desk.order(tif=TimeInForce.IOC))
        assert isinstance(answer, Refused)
        assert answer.code == "CLOSED"
        answer = await desk.client.submit(desk.order(away="-0.1"))
        assert isinstance(answer, Refused)
        assert answer.code == "CLOSED"


async def test_no_order_carries_a_builder(serve: Serve) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served)) as desk:
        await desk.trade(desk.order(tif=TimeInForce.IOC))
        assert (await served.state(VENUE))["brokers"] == {}


async def test_rights_of_a_wallet(serve: Serve) -> None:
    served = await serve(CALM)
    client = client_of(served)
    rights = await client.rights()
    assert rights.can_trade
    assert not rights.hindrance
    await client.aclose()


async def test_clock_of_the_venue_is_signed_by(serve: Serve) -> None:
    served = await serve(CALM)
    await served.act(VENUE, "clock_offset", offset_ms=90_000)
    async with desk_of(client_of(served)) as desk:
        assert await desk.trade(desk.order(tif=TimeInForce.IOC))


# Ends.


@pytest.mark.parametrize(
    ("side", "payout", "gain"),
    [(Side.BUY, "1", "19.6"), (Side.BUY, "0", "-20.4"), (Side.SELL, "0", "19.6")],
)
async def test_decided_market_pays_and_is_redeemed_later(
    serve: Serve, side: Side, payout: str, gain: str
) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served)) as desk:
        start = await desk.totals()
        await desk.trade(desk.order(side, tif=TimeInForce.IOC))
        await desk.log.until(lambda: bool(settled(desk)))
        assert not await desk.margin.forced_since(0)
        await served.act(VENUE, "resolve", symbol="HEAT-NORTH", amount=payout)
        (close,) = await desk.margin.forced_since(0)
        assert (close.cause, close.price, close.size) == (
            ForcedCause.RESOLUTION,
            Decimal(payout),
            Decimal(40),
        )
        assert close.side is side.opposite
        assert await desk.margin.forced_since(0) == [close]
        assert await desk.position() is None
        end = {asset: total + Decimal(gain) for asset, total in start.items()}
        assert await desk.totals() == end
        await served.act(VENUE, "redeem")
        assert await desk.totals() == end, "turning tokens into cash changes no total"
        answer = await desk.client.submit(desk.order(side, tif=TimeInForce.IOC))
        assert isinstance(answer, Refused)


async def test_rule_texts_are_told_and_change_when_the_venue_changes_them(serve: Serve) -> None:
    served = await serve(CALM)
    client = client_of(served)
    first = {one.instrument: one for one in await client.listings()}
    assert len(first) == len(NAMES)
    heat = first[next(name for name in first if name.startswith("HEAT"))]
    assert "25°C" in heat.rules
    assert heat.resolution_source
    assert not heat.simulated
    await served.act(VENUE, "reword", symbol="HEAT-NORTH")
    then = {one.instrument: one for one in await client.listings()}
    assert then[heat.instrument].rules_sha256 != heat.rules_sha256
    await client.aclose()


# A venue that answers badly, and an engine that falls silent.


@pytest.mark.parametrize("fault", ["drop_request", "drop_response", "server_error"])
async def test_no_answer_is_unknown_and_the_venue_knows_the_truth(serve: Serve, fault: str) -> None:
    served = await serve(CALM)
    client = client_of(served)
    async with desk_of(client) as desk:
        await served.act(VENUE, "rates", rates={fault: 1.0})
        order = desk.order(tif=TimeInForce.IOC)
        answer = await client.submit(order)
        assert isinstance(answer, Unknown)
        await served.act(VENUE, "heal")
        truth = await client.query(order.client_order_id, order.instrument)
        there = {fill.client_order_id for fill in await client.fills_since(0)}
        if isinstance(truth, OrderTruth):
            assert (truth.status, truth.filled_size) == (OrderStatus.FILLED, order.size)
            assert order.client_order_id in there
        else:
            assert order.client_order_id not in there


async def test_fills_missed_while_the_stream_was_away_are_made_up(serve: Serve) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served)) as desk:
        order = desk.order(Side.BUY, away="-0.02")
        assert isinstance(await desk.client.submit(order), Accepted)
        await served.act(VENUE, "stall", seconds=1.0)
        await served.act(VENUE, "disconnect")
        await served.act(VENUE, "jump", symbol="HEAT-NORTH", fraction=-0.1)
        ended = await desk.log.end(order.client_order_id)
        assert (ended.status, ended.filled_size) == (OrderStatus.FILLED, order.size)
        told = {f.venue_trade_id: f.size for f in desk.log.fills(order.client_order_id)}
        assert sum(told.values()) == order.size


async def test_market_of_an_event_with_several_outcomes_has_an_exchange_of_its_own(
    serve: Serve,
) -> None:
    """Orders there are signed for another contract."""
    async with desk_of(client_of(await serve(CALM))) as desk:
        listed = await desk.client.instruments()
        launch = next(i for i in listed if i.id == "LAUNCH.POLYMARKET")
        order = replace(desk.order(tif=TimeInForce.IOC), instrument=launch.id, symbol=launch.symbol)
        assert sum(fill.size for fill in await desk.trade(order)) == order.size


async def test_orders_end_when_the_engine_that_beat_falls_silent(serve: Serve) -> None:
    served = await serve(CALM)
    server = served.simex.servers[VENUE]
    assert isinstance(server, Polymarket)
    server.alive_ns = 1_000_000_000
    async with desk_of(client_of(served, dead_man=True)) as desk:
        order = desk.order(away="-0.1")
        assert isinstance(await desk.client.submit(order), Accepted)
    other = client_of(served)
    async with desk_of(other) as desk:
        while True:
            if not await other.open_orders():
                return
            await asyncio.sleep(0.05)

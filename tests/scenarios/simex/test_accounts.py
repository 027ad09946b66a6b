"""The real venues' clients against simulators that misbehave: faults, margin, rights, clocks."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.model.errors import Banned, OutcomeUnknown, RateLimited, TryAgain, VenueRefused
from arbiter.model.orders import OrderStatus, Side
from arbiter.model.perpetuals import ForcedCause
from arbiter.model.reports import (
    Absent,
    Accepted,
    ForcedReported,
    FundingReported,
    OrderTruth,
    Refused,
    Unknown,
)
from arbiter.ports.venue import MarginClient
from tests.scenarios.simex.conftest import Serve
from tests.scenarios.simex.desk import CALM, Desk, running
from tests.scenarios.simex.stands import PERPETUALS, STANDS


@pytest.fixture(params=list(STANDS))
async def desk(request: pytest.FixtureRequest, serve: Serve) -> AsyncIterator[Desk]:
    async with running(await serve(CALM), request.param) as made:
        yield made


@pytest.fixture(params=[stand.venue for stand in PERPETUALS])
async def margin(request: pytest.FixtureRequest, serve: Serve) -> AsyncIterator[Desk]:
    async with running(await serve(CALM), request.param) as made:
        yield made


@pytest.mark.parametrize("fault", ["drop_request", "drop_response", "server_error"])
async def test_no_answer_is_unknown_and_the_venue_knows_the_truth(desk: Desk, fault: str) -> None:
    order = desk.order()
    await desk.act("script", script=[{"call": "submit", "nth": 1, "fault": fault}])
    answer = await desk.client.submit(order)
    assert isinstance(answer, Unknown), answer
    orders = (await desk.served.state(desk.server))["accounts"][0]["orders"]
    truth = await desk.client.query(order.client_order_id, order.instrument)
    if orders:
        assert isinstance(truth, OrderTruth)
        ended = await desk.log.end(order.client_order_id)
        assert ended.status is OrderStatus.FILLED
    else:
        assert isinstance(truth, Absent)
    assert (await desk.served.state(desk.server))["calls"]["submit"] == 1, "sent once"


async def test_fills_missed_while_the_stream_was_away_are_made_up(desk: Desk) -> None:
    await desk.act("stall", seconds=3.0)
    order = desk.order()
    assert isinstance(await desk.client.submit(order), Accepted)
    await desk.act("disconnect")
    ended = await desk.log.end(order.client_order_id)
    assert ended.status is OrderStatus.FILLED
    fills = desk.log.fills(order.client_order_id)
    assert sum(fill.size for fill in fills) == order.size
    assert fills == await desk.client.fills_since(0)


async def test_clock_far_off_is_measured_and_signed_by(desk: Desk) -> None:
    await desk.act("clock_offset", offset_ms=30_000)
    await desk.client.holdings()  # refused once, corrected, asked again
    assert isinstance(await desk.client.submit(desk.order()), Accepted)
    reading = await desk.client.correct_clock()
    assert reading is not None
    assert 29_000 < reading.offset_ms < 31_000


async def test_rate_limit_is_told_and_nothing_was_sent(desk: Desk) -> None:
    order = desk.order()
    await desk.act("script", script=[{"call": "submit", "nth": 1, "fault": "rate_limited"}])
    with pytest.raises(RateLimited):
        await desk.client.submit(order)
    truth = await desk.client.query(order.client_order_id, order.instrument)
    assert isinstance(truth, Absent)


async def test_ban_is_a_ban(desk: Desk) -> None:
    await desk.act("ban", seconds=60)
    with pytest.raises(Banned) as banned:
        await desk.client.holdings()
    assert banned.value.retry_after_ms > 5_000


async def test_maintenance_refuses_or_leaves_unknown_but_never_accepts(desk: Desk) -> None:
    await desk.act("maintenance", seconds=60)
    answer = await desk.client.submit(desk.order())
    assert isinstance(answer, Refused | Unknown)
    assert (await desk.served.state(desk.server))["accounts"][0]["orders"] == 0


async def test_orders_carry_no_brokers_mark(desk: Desk) -> None:
    assert isinstance(await desk.client.submit(desk.order()), Accepted)
    resting = desk.order(away="-0.1")
    assert isinstance(await desk.client.submit(resting), Accepted)
    await desk.client.cancel(resting)
    await desk.log.end(resting.client_order_id)
    assert (await desk.served.state(desk.server))["brokers"] == {}


async def test_unreachable_venue_is_not_an_unknown_outcome(serve: Serve) -> None:
    served = await serve(CALM)
    served.lines["binance"]["rest"] = "http://127.0.0.1:9"
    client = STANDS["binance"].client(served)
    with pytest.raises(TryAgain):
        await client.instruments()
    await client.aclose()


async def test_duplicate_delivery_fills_once(desk: Desk) -> None:
    order = desk.order()
    await desk.act("script", script=[{"call": "submit", "nth": 1, "fault": "duplicate"}])
    await desk.client.submit(order)
    await desk.log.end(order.client_order_id)
    fills = await desk.client.fills_since(0)
    assert sum(fill.size for fill in fills) == order.size


@pytest.mark.parametrize("venue", ["binance", "bybit", "kraken", "coinbase", "okx", "okx_futures"])
async def test_rights_of_a_key_are_told(serve: Serve, venue: str) -> None:
    stand = STANDS[venue]
    served = await serve(replace(CALM, venues=(stand.server,)))
    line = served.lines[stand.server]
    told = {}
    for kind in ("readOnly", "withdrawing", "trading"):
        line["accounts"] = [line.get(kind, line)]
        client = stand.client(served)
        told[kind] = await client.rights()
        await client.aclose()
    assert (told["readOnly"].can_trade, told["readOnly"].can_withdraw) == (False, False)
    assert told["withdrawing"].can_withdraw
    assert (told["trading"].can_trade, told["trading"].can_withdraw) == (True, False)
    assert not told["trading"].hindrance
    assert told["withdrawing"].restricted_to_ip is (venue == "coinbase")  # which tells none


async def test_orders_are_known_by_our_ids_after_a_restart(desk: Desk) -> None:
    resting, filled = desk.order(away="-0.1"), desk.order()
    for order in (resting, filled):
        assert isinstance(await desk.client.submit(order), Accepted)
    await desk.log.end(filled.client_order_id)
    reborn = STANDS[desk.instrument.venue].client(desk.served)
    await reborn.instruments()
    truth = await reborn.query(filled.client_order_id, filled.instrument)
    assert isinstance(truth, OrderTruth)
    assert (truth.status, truth.filled_size) == (OrderStatus.FILLED, filled.size)
    assert [t.client_order_id for t in await reborn.open_orders()] == [resting.client_order_id]
    assert {f.client_order_id for f in await reborn.fills_since(0)} == {filled.client_order_id}
    await reborn.cancel(resting)
    assert not await reborn.open_orders()
    await reborn.aclose()


@pytest.mark.parametrize("venue", ["kraken", "coinbase"])
async def test_a_lost_private_message_shows_by_its_number_and_is_made_up_for(
    serve: Serve, venue: str
) -> None:
    async with running(await serve(replace(CALM, venues=(venue,))), venue) as desk:
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


async def test_position_is_told_with_leverage_and_liquidation_price(margin: Desk) -> None:
    client = margin.client
    assert isinstance(client, MarginClient)
    await client.set_leverage(margin.instrument.id, Decimal(5))
    order = margin.order(usd=1_000)
    await client.submit(order)
    await margin.log.end(order.client_order_id)
    (held,) = await client.positions()
    assert (held.quantity, held.leverage) == (order.size, Decimal(5))
    assert held.liquidation_price is not None
    assert 0 < held.liquidation_price < held.entry_price
    (balance,) = [b for b in await client.margin_balances() if b.asset == margin.instrument.settle]
    assert 190 < balance.reserved < 210
    assert balance.wallet < 50_000, "the fee is paid"
    with pytest.raises(VenueRefused):
        await client.set_leverage(margin.instrument.id, Decimal(500))
    close = margin.order(Side.SELL, usd=1_000, reduce=True)
    await client.submit(close)
    await margin.log.end(close.client_order_id)
    assert not await client.positions()
    refused = await client.submit(margin.order(Side.SELL, usd=1_000, reduce=True))
    assert isinstance(refused, Refused)


async def test_funding_is_booked_once_with_what_the_wallet_lost(margin: Desk) -> None:
    client = margin.client
    assert isinstance(client, MarginClient)
    order = margin.order(usd=1_000)
    await client.submit(order)
    await margin.log.end(order.client_order_id)
    before = {str(b.asset): b.wallet for b in await client.margin_balances()}
    await margin.act("settle", symbol=margin.instrument.market_id, perpetual=True)
    reports = await margin.heard(FundingReported)
    payments = {report.payment for report in reports if isinstance(report, FundingReported)}
    (paid,) = payments
    assert paid in await client.payments_since(0)
    after = {str(b.asset): b.wallet for b in await client.margin_balances()}
    settle = margin.instrument.settle
    assert after[settle] - before[settle] == paid.amount


async def test_interval_of_funding_may_change(margin: Desk) -> None:
    await margin.act("interval", symbol=margin.instrument.market_id, perpetual=True, hours=1)
    server = margin.served.simex.servers[margin.server]
    assert {r.interval_hours for r in margin.served.simex.market.funding(0).values()} >= {1}
    assert server.shown


@pytest.mark.parametrize(
    ("act", "cause"), [("liquidate", ForcedCause.LIQUIDATION), ("adl", ForcedCause.ADL)]
)
async def test_forced_closes_are_told_by_stream_and_rest(
    margin: Desk, act: str, cause: ForcedCause
) -> None:
    client = margin.client
    assert isinstance(client, MarginClient)
    await client.set_leverage(margin.instrument.id, Decimal(10))
    order = margin.order(usd=1_000)
    await client.submit(order)
    await margin.log.end(order.client_order_id)
    await margin.act(act, symbol=margin.instrument.market_id, perpetual=True)
    (report,) = await margin.heard(ForcedReported)
    assert isinstance(report, ForcedReported)
    assert (report.forced.cause, report.forced.side) == (cause, Side.SELL)
    (listed,) = await client.forced_since(0)
    assert (listed.venue_trade_id, listed.size) == (report.forced.venue_trade_id, order.size)
    assert not await client.positions()


async def test_blackhole_answers_nothing_and_heals(serve: Serve) -> None:
    async with running(await serve(CALM), "binance") as desk:
        await desk.act("blackhole", seconds=60.0)
        with pytest.raises((OutcomeUnknown, TryAgain)):
            await desk.client.holdings()
        await desk.act("heal")
        assert await desk.client.holdings()

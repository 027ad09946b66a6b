"""Markets that are taken up while clients and feeds run, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.app.late_markets import VenueLateMarkets
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import TimeInForce
from arbiter.venues.catalogue import connector
from arbiter.venues.common.events import EventAccount
from arbiter.venues.common.late_feed import LateFeed
from arbiter.venues.polymarket.orders import PolymarketOrders
from tests.port_suites.feed import QuoteLog
from tests.port_suites.order_client import OrderDesk
from tests.port_suites.running import running
from tests.scenarios.simex import kalshi, test_polymarket
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.test_polymarket_market import wiring_of

IOC = TimeInForce.IOC
PRICE = Decimal("0.5")
HEAT, LAUNCH = InstrumentId("HEAT-NORTH.POLYMARKET"), InstrumentId("LAUNCH.POLYMARKET")


def listing_only(served: Served, name: str, **more: object) -> PolymarketOrders:
    client = test_polymarket.client_of(served)
    return PolymarketOrders(replace(client._wiring, markets=(name,), **more))


@asynccontextmanager
async def followed(client: EventAccount, instrument: Instrument) -> AsyncIterator[OrderDesk]:
    desk = OrderDesk(client, instrument, price=PRICE)
    task = asyncio.create_task(client.run(desk.log))
    await client.following.wait()
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()


async def one(client: EventAccount, name: str) -> Instrument:
    (found,) = await client.find([name])
    return found


@pytest.mark.parametrize("by", ["name", "condition"])
async def test_market_found_at_polymarket_is_traded_once_it_is_taken_up(
    serve: Serve, by: str
) -> None:
    served = await serve(test_polymarket.CALM)
    client = listing_only(served, "launch")
    assert [i.id for i in await client.instruments()] == [LAUNCH]
    async with test_polymarket.desk_of(test_polymarket.client_of(served)) as other:
        condition = other.instrument.market_id
    found = await one(client, "HEAT-NORTH" if by == "name" else condition)
    assert found.id == HEAT
    assert [listing.instrument for listing in await client.listings()] == [LAUNCH]
    client.take_up([found])
    assert {listing.instrument for listing in await client.listings()} == {HEAT, LAUNCH}
    assert await client.find(["heat-north"]) == [], "it is followed already"
    async with followed(client, found) as desk:
        fills = await desk.trade(desk.order(tif=IOC))
        position = await desk.position()
        assert position is not None
        assert position.quantity == sum(fill.size for fill in fills) == 40


async def test_what_was_traded_before_a_market_was_taken_up_is_known_and_told_as_no_news(
    serve: Serve,
) -> None:
    served = await serve(test_polymarket.CALM)
    client = listing_only(served, "launch")
    (launch,) = await client.instruments()
    async with test_polymarket.desk_of(test_polymarket.client_of(served)) as by_hand:
        await by_hand.trade(by_hand.order(tif=IOC))
    assert await client.positions() == [], "nothing of a market that is not followed"
    async with followed(client, launch) as desk:
        client.take_up(await client.find(["heat-north"]))
        held = {told.instrument: told.quantity for told in await client.positions()}
        assert held == {HEAT: Decimal(40)}
        assert desk.log.reports == []


async def test_market_that_is_decided_is_not_found(serve: Serve) -> None:
    served = await serve(test_polymarket.CALM)
    await served.act("polymarket", "resolve", symbol="HEAT-NORTH", amount="1")
    client = listing_only(served, "launch")
    assert await client.find(["heat-north", "no-such-market", f"0x{'0' * 64}"]) == []
    await client.aclose()


async def test_market_found_at_kalshi_is_traded_once_it_is_taken_up(serve: Serve) -> None:
    served = await serve(kalshi.STILL)
    client = kalshi.client_of(served, markets=("ETH-ABOVE",))
    assert [i.market_id for i in await client.instruments()] == ["ETH-ABOVE"]
    assert await client.find(["eth-above", "NO-SUCH"]) == []
    found = await one(client, "btc-above")
    client.take_up([found])
    assert {i.market_id for i in await client.instruments()} == {"ETH-ABOVE", kalshi.TICKER}
    async with followed(client, found) as desk:
        desk.price = kalshi.PRICE
        fills = await desk.trade(desk.order(tif=IOC))
        position = await desk.position()
        assert position is not None
        assert position.quantity == sum(fill.size for fill in fills) > 0


async def test_ours_ids_are_names_and_an_events_name_stands_for_none_of_its_markets(
    serve: Serve,
) -> None:
    served = await serve(kalshi.STILL)
    client = kalshi.client_of(served, markets=("ETH-ABOVE",))
    late = VenueLateMarkets(VenueId("kalshi"), client, [])
    event = (await client._event((await client._markets(["BTC-ABOVE"]))[0]))["event_ticker"]
    found = await late.find(["BTC-ABOVE.KALSHI", event])
    assert [i.id for i in found] == ["BTC-ABOVE.KALSHI"]
    late.follow(found, {found[0].id: 1})
    assert await late.find(["BTC-ABOVE.KALSHI"]) == []
    await client.aclose()


@pytest.mark.parametrize("venue", ["polymarket", "kalshi"])
async def test_market_taken_up_is_quoted_beside_those_from_the_start(
    serve: Serve, venue: str
) -> None:
    if venue == "kalshi":
        wiring = await kalshi.wiring_of(await serve(kalshi.STILL))
    else:
        wiring = await wiring_of(await serve(test_polymarket.CALM))
    first, *late = wiring.instruments
    begun = replace(wiring, instruments=[first], slots={first.id: wiring.slots[first.id]})
    feed, log = LateFeed(begun, connector(wiring.venue).quotes), QuoteLog()
    async with running(feed.run(log)):
        await log.until(lambda: wiring.slots[first.id] in log.quotes)
        assert len(log.quotes) == 1
        for instrument in late[:2]:
            feed.follow([instrument], {instrument.id: wiring.slots[instrument.id]})
        wanted = {wiring.slots[i.id] for i in (first, *late[:2])}
        await log.until(lambda: log.quotes.keys() == wanted)
        before = len(log.quotes[wiring.slots[first.id]])
        await log.until(lambda: len(log.quotes[wiring.slots[first.id]]) > before)
    assert log.health == [(wiring.venue, True, "")] * len(log.health)

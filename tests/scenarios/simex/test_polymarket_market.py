"""Polymarket's market data over real sockets, and the judges: clients that others wrote."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from msgspec.structs import replace

from arbiter.model.copying import Wallet
from arbiter.model.ids import VenueId
from arbiter.model.orders import Side, TimeInForce
from arbiter.runtime.clock import SystemClock
from arbiter.simex.settings import SimexSettings
from arbiter.venues.catalogue import connector
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.polymarket.feed import (
    PolymarketDepthFeed,
    PolymarketFeed,
    PolymarketTradeFeed,
)
from arbiter.venues.polymarket.leader import PolymarketLeaders
from tests.fakes.wiring import HASTY
from tests.port_suites.depth import DepthLog
from tests.port_suites.feed import FeedStand, FeedSuite
from tests.port_suites.running import running
from tests.port_suites.trades import TradeLog
from tests.scenarios.simex.conftest import Serve, Served, serving
from tests.scenarios.simex.test_polymarket import (
    CALM,
    NAMES,
    VENUE,
    client_of,
    desk_of,
    settled,
)

_BASE = SimexSettings(venues=(VENUE,))
LIVELY = replace(
    _BASE, events=replace(_BASE.events, quotes_per_second=1_000.0, confirm_seconds=0.4)
)


class their:  # noqa: N801
    """The venue's own client of version 2: unmodified, and without types."""

    client = import_module("py_clob_client_v2.client")
    types = import_module("py_clob_client_v2.clob_types")
    utilities = import_module("py_clob_client_v2.utilities")


async def wiring_of(served: Served) -> FeedWiring:
    client = client_of(served)
    listed = await client.instruments()
    await client.aclose()
    line = served.lines[VENUE]
    return FeedWiring(
        venue=VenueId(VENUE),
        instruments=listed,
        slots={told.id: number for number, told in enumerate(listed)},
        clock=SystemClock(),
        endpoints=Endpoints(stream=line["ws"], rest=line["rest"]),
        stream=replace(HASTY, silence_s=2.0),
    )


class TestQuotes(FeedSuite):
    @pytest.fixture
    async def stand(self, serve: Serve) -> FeedStand:
        wiring = await wiring_of(await serve(LIVELY))
        feed = connector(wiring.venue).quotes(wiring)
        return FeedStand(feed=feed, slots=sorted(wiring.slots.values()), venues=[wiring.venue])


async def test_books_are_whole_and_their_hashes_fit() -> None:
    async with serving(LIVELY) as served:
        wiring = await wiring_of(served)
        feed = PolymarketDepthFeed(wiring)
        log = DepthLog()
        async with running(feed.run(log)):
            await log.until(lambda: len(log.books) == len(NAMES))
            await log.until(lambda: len(log.times) >= 60)
            assert not log.lost
    assert feed.tally.gaps == feed.tally.bad == 0


async def test_lost_change_is_noticed_by_the_hash_and_mended() -> None:
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serving(LIVELY))
        wiring = await wiring_of(served)
        feed = PolymarketDepthFeed(wiring)
        log = DepthLog()
        await stack.enter_async_context(running(feed.run(log)))
        await log.until(lambda: len(log.books) == len(NAMES))
        await served.act(VENUE, "rates", rates={"gap": 0.05})
        await log.until(lambda: feed.tally.resyncs >= 5)
        await served.act(VENUE, "heal")
        await log.until(lambda: log.books.keys() == set(wiring.slots.values()))
    assert feed.tally.gaps >= 5
    assert feed.tally.slowest_resync_ns < 2_000_000_000


async def test_quiet_market_stands_while_the_venue_answers_pings() -> None:
    quiet = replace(CALM, events=replace(CALM.events, quotes_per_second=1.0))
    async with serving(quiet) as served:
        wiring = await wiring_of(served)
        stand = FeedStand(feed=PolymarketFeed(wiring), slots=[0, 1], venues=[wiring.venue])
        log = stand.log
        async with running(stand.feed.run(log)):
            await log.until(lambda: all(len(log.quotes.get(slot, ())) > 4 for slot in (0, 1)))
            assert len({row[:4] for row in log.quotes[0]}) == 1, "nothing moved"


async def test_market_that_is_over_keeps_no_other_from_being_quoted() -> None:
    async with serving(LIVELY) as served:
        wiring = await wiring_of(served)
        await served.act(VENUE, "resolve", symbol="HEAT-NORTH", amount="1")
        stand = FeedStand(feed=PolymarketFeed(wiring), slots=[0, 1], venues=[wiring.venue])
        log = stand.log
        over = next(slot for name, slot in wiring.slots.items() if name.startswith("HEAT"))
        async with running(stand.feed.run(log)):
            await log.until(lambda: log.health[-1:] == [(wiring.venue, True, "")])
            await log.until(lambda: log.total > 20)
        assert over not in log.quotes


async def test_stall_is_noticed_and_survived() -> None:
    async with serving(LIVELY) as served:
        wiring = await wiring_of(served)
        stand = FeedStand(feed=PolymarketFeed(wiring), slots=[0, 1], venues=[wiring.venue])
        log = stand.log
        async with running(stand.feed.run(log)):
            await log.until(lambda: log.total > 20)
            await served.act(VENUE, "disconnect")
            await log.until(lambda: any(not up for _, up, _ in log.health))
            await log.until(lambda: log.health[-1][1])
            before = log.total
            await log.until(lambda: log.total > before + 20)


async def test_trades_are_told() -> None:
    async with serving(LIVELY) as served:
        wiring = await wiring_of(served)
        log = TradeLog()
        async with running(PolymarketTradeFeed(wiring).run(log)):
            await log.until(5)
    assert {trade.slot for trade in log.trades} <= set(wiring.slots.values())


# Judges.


async def test_their_client_of_version_2_trades_with_every_type_of_wallet(serve: Serve) -> None:
    line = (await serve(CALM)).lines[VENUE]
    await asyncio.to_thread(_trade_with_their_client, line)


def _trade_with_their_client(line: Mapping[str, Any]) -> None:
    options = their.types.CreateOrderOptions(tick_size="0.01", neg_risk=False)
    for kind, holder in enumerate(("walletAddress", "proxy", "safe", "depositWallet")):
        client = their.client.ClobClient(
            host=line["rest"],
            chain_id=137,
            key=line["privateKey"],
            signature_type=kind,
            funder=line[holder],
        )
        creds = client.create_or_derive_api_key()
        assert creds.api_key == line["apiKey"]
        client.set_api_creds(creds)
        token = _token(line, "heat-north")
        book = client.get_order_book(token)
        made = client.get_order_book_hash(their.utilities.parse_raw_orderbook_summary(book))
        assert made == book["hash"]
        order = their.types.OrderArgs(token_id=token, price=0.51, size=10.0, side="BUY")
        taken = client.create_and_post_order(order, options)
        assert taken["status"] == "matched"
        assert client.get_trades()[0]["taker_order_id"] == taken["orderID"]
        order = their.types.OrderArgs(token_id=token, price=0.41, size=10.0, side="BUY")
        resting = client.create_and_post_order(order, options)
        assert [row["id"] for row in client.get_open_orders()] == [resting["orderID"]]
        assert client.cancel_all()["canceled"] == [resting["orderID"]]


def _token(line: Mapping[str, Any], slug: str) -> str:
    import httpx
    import msgspec

    row = httpx.get(f"{line['rest']}/markets", params={"slug": slug}).json()[0]
    tokens: list[str] = msgspec.json.decode(row["clobTokenIds"])
    return tokens[0]


async def test_retired_client_is_refused_as_the_venue_refuses_it(serve: Serve) -> None:
    line = (await serve(CALM)).lines[VENUE]

    def trade() -> str:
        retired = import_module("py_clob_client.client")
        types = import_module("py_clob_client.clob_types")
        errors = import_module("py_clob_client.exceptions")
        client = retired.ClobClient(host=line["rest"], chain_id=137, key=line["privateKey"])
        client.set_api_creds(client.create_or_derive_api_creds())
        order = types.OrderArgs(
            token_id=_token(line, "heat-north"), price=0.51, size=10.0, side="BUY"
        )
        with pytest.raises(errors.PolyApiException) as refused:
            client.create_and_post_order(order)
        return str(refused.value)

    assert "order_version_mismatch" in await asyncio.to_thread(trade)


async def test_ccxt_reads_books_and_trades(serve: Serve) -> None:
    line = (await serve(CALM)).lines[VENUE]
    exchange = import_module("ccxt.prediction").polymarket(
        {
            "privateKey": line["privateKey"],
            "walletAddress": line["walletAddress"],
            "options": {"signatureType": 0, "builder": None},
        }
    )
    exchange.urls["api"] = _pointed(exchange.urls["api"], line)
    try:
        await exchange.fetch_events({"slug": "heat-north"})
        token = await asyncio.to_thread(_token, line, "heat-north")
        book = await exchange.fetch_order_book(token)
        assert (book["bids"][0][0], book["asks"][0][0]) == (0.49, 0.51)
        watched = await exchange.watch_order_book(token)
        assert watched["asks"][0][0] == 0.51
        await exchange.load_api_credentials()
        order = await exchange.create_order(
            token, "limit", "buy", 10, 0.41, {"orderType": "GTC", "builder": "0x" + "0" * 64}
        )
        opened = await exchange.fetch_open_orders()
        assert [row["id"] for row in opened] == [order["id"]]
        assert (await exchange.cancel_order(order["id"])) is not None
        balance = await exchange.fetch_balance()
        assert balance["total"]
    finally:
        await exchange.close()


def _pointed(urls: Any, line: Mapping[str, Any]) -> Any:
    if isinstance(urls, dict):
        return {name: _pointed(inner, line) for name, inner in urls.items()}
    if isinstance(urls, str):
        plain = re.sub(r"^https?://[^/]+", line["rest"], urls)
        return re.sub(r"^wss?://[^/]+", line["ws"], plain)
    return urls


async def test_a_builders_mark_is_counted(serve: Serve) -> None:
    served = await serve(CALM)
    line = served.lines[VENUE]

    def trade() -> None:
        client = their.client.ClobClient(host=line["rest"], chain_id=137, key=line["privateKey"])
        client.set_api_creds(client.create_or_derive_api_key())
        order = their.types.OrderArgs(
            token_id=_token(line, "heat-north"),
            price=0.41,
            size=10.0,
            side="BUY",
            builder_code="0x" + "ab" * 32,
        )
        client.create_and_post_order(
            order, their.types.CreateOrderOptions(tick_size="0.01", neg_risk=False)
        )

    await asyncio.to_thread(trade)
    assert (await served.state(VENUE))["brokers"] == {"builder": 1}


async def test_their_new_client_reads_markets_and_follows_books(serve: Serve) -> None:
    import dataclasses

    from polymarket import AsyncPublicClient
    from polymarket.environments import PRODUCTION, _create_environment
    from polymarket.models.clob.market_events import MarketBookEvent
    from polymarket.streams import MarketSpec

    line = (await serve(CALM)).lines[VENUE]
    config = PRODUCTION._config
    pointed = {
        field.name: _pointed(getattr(config, field.name), line)
        for field in dataclasses.fields(config)
        if isinstance(getattr(config, field.name), str)
    }
    environment = _create_environment(
        name="simulated", config=dataclasses.replace(config, **pointed)
    )
    async with AsyncPublicClient(environment=environment) as client:
        book = await client.get_order_book(
            token_id=await asyncio.to_thread(_token, line, "heat-north")
        )
        assert Decimal(str(book.asks[-1].price)) == Decimal("0.51")
        market = await client.get_market(slug="heat-north")
        assert market.outcomes.yes.token_id == book.asset_id
        spec = MarketSpec(asset_ids=[str(book.asset_id)])
        async with await client.subscribe(spec) as events:
            told = await anext(aiter(events))
        assert isinstance(told, MarketBookEvent)


async def test_wallets_activity_is_told_alike_in_both_versions(serve: Serve) -> None:
    served = await serve(CALM)
    line = served.lines[VENUE]
    async with desk_of(client_of(served)) as desk:
        (bought,) = await desk.trade(desk.order(tif=TimeInForce.IOC))
        await desk.log.until(lambda: bool(settled(desk)))
        (sold,) = await desk.trade(desk.order(Side.SELL, usd=5, tif=TimeInForce.IOC))
        await desk.log.until(lambda: len(settled(desk)) == 2)
    wallet = Wallet(line["walletAddress"].lower())
    told = []
    async with PublicRest(line["rest"]) as rest:
        for version in (2, 1):
            leaders = PolymarketLeaders(rest)
            leaders._version = version
            told.append((await leaders.actions_since(wallet, 0), await leaders.holdings(wallet)))
    (acts, held), older = told
    assert older == told[0]
    assert {(act.kind.value, act.size) for act in acts} == {
        ("BUY", bought.size),
        ("SELL", sold.size),
    }
    assert [(one.outcome.value, one.size) for one in held] == [("YES", bought.size - sold.size)]

"""Unmodified clients judge the simulated Kalshi: ccxt's of prediction markets, and the venue's own.

kalshi-sdk would be a third; it needs Python 3.12.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.judging import LEAVES_SOCKETS, client_error, moved
from tests.scenarios.simex.kalshi import STILL, TICKER, server_of

prediction = importlib.import_module("ccxt.prediction")

# Neither client closes its sockets in time.
pytestmark = LEAVES_SOCKETS


@asynccontextmanager
async def ccxt_on(served: Served) -> AsyncIterator[Any]:
    line = served.lines["kalshi"]
    client = prediction.kalshi({"apiKey": line["apiKey"], "privateKey": line["privateKey"]})
    client.urls["api"] = moved(client.urls["api"], line["rest"], line["ws"])
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(STILL)


@pytest.fixture
async def ccxt(served: Served) -> AsyncIterator[Any]:
    async with ccxt_on(served) as client:
        await client.load_markets()
        yield client


async def test_ccxt_reads_markets_books_and_trades(ccxt: Any, served: Served) -> None:
    assert len(ccxt.markets) == len(server_of(served).shown)
    yes, no = TICKER, f"{TICKER}-NO"
    book, other = await ccxt.fetch_order_book(yes), await ccxt.fetch_order_book(no)
    assert (book["bids"][0], book["asks"][0]) == ([0.54, 90.0], [0.56, 90.0])
    assert (other["bids"][0], other["asks"][0]) == ([0.44, 90.0], [0.46, 90.0])
    ticker = await ccxt.fetch_ticker(yes)
    assert (ticker["bid"], ticker["ask"]) == (0.54, 0.56)
    assert (await ccxt.fetch_status())["status"] == "ok"
    event = await ccxt.fetch_event(TICKER)
    assert [market["id"] for market in event["markets"]] == [TICKER]
    while not (trades := await ccxt.fetch_trades(yes)):
        pass  # ccxt paces itself
    assert trades[-1]["price"] in (0.54, 0.56)


async def test_ccxt_trades_both_outcomes_and_reads_the_account(ccxt: Any) -> None:
    free = (await ccxt.fetch_balance())["USD"]["free"]
    bought = await ccxt.create_order(TICKER, "limit", "buy", 10, 0.56)
    assert (bought["status"], bought["filled"]) == ("closed", 10)
    trades = await ccxt.fetch_my_trades(TICKER)
    assert (trades[-1]["price"], trades[-1]["fee"]["cost"]) == (0.56, 0.18)
    assert (await ccxt.fetch_balance())["USD"]["free"] == pytest.approx(free - 5.6 - 0.18)
    (held,) = await ccxt.fetch_positions()
    assert held["info"]["position_fp"] == "10.00"
    resting = await ccxt.create_order(f"{TICKER}-NO", "limit", "buy", 5, 0.40)
    assert resting["status"] == "open"
    (listed,) = await ccxt.fetch_open_orders()
    assert (listed["id"], listed["price"], listed["info"]["book_side"]) == (
        resting["id"],
        0.4,
        "ask",
    )
    await ccxt.cancel_order(resting["id"])
    assert (await ccxt.fetch_order(resting["id"]))["status"] == "canceled"


async def test_ccxt_hears_the_venues_refusals(ccxt: Any, served: Served) -> None:
    with pytest.raises(client_error("BadRequest"), match="invalid_price"):
        await ccxt.create_order(TICKER, "limit", "buy", 1, 0.555)
    with pytest.raises(client_error("InvalidOrder"), match="post only cross"):
        await ccxt.create_order(TICKER, "limit", "buy", 1, 0.56, {"post_only": True})
    with pytest.raises(client_error("BadRequest"), match="insufficient_balance"):
        await ccxt.create_order(TICKER, "limit", "buy", 1_000_000, 0.5)
    with pytest.raises(client_error("OrderNotFillable")):
        await ccxt.create_order(TICKER, "limit", "buy", 500, 0.56, {"timeInForce": "FOK"})
    with pytest.raises(client_error("BadSymbol"), match="not_found"):
        await ccxt.cancel_order("00000063-4b5c-4dcf-b721-000000000000")
    with pytest.raises(client_error("BaseError"), match="deprecated_v1_order_endpoint"):
        await ccxt.kalshiPrivatePostPortfolioOrders({"ticker": TICKER, "side": "yes"})
    ccxt.privateKey = served.lines["kalshi"]["readOnly"]["privateKey"]
    with pytest.raises(client_error("BaseError"), match="INCORRECT_API_KEY_SIGNATURE"):
        await ccxt.fetch_balance()


async def test_ccxt_reads_settlements(ccxt: Any, served: Served) -> None:
    await ccxt.create_order(TICKER, "limit", "buy", 10, 0.56)
    await served.act("kalshi", "resolve", symbol=TICKER, amount=1)
    (paid,) = await ccxt.fetch_settlements()
    assert (paid["won"], paid["amount"], paid["payout"], paid["cost"]) == (True, 10.0, 10.0, 5.6)


async def test_the_venues_own_client_reads_and_its_order_path_is_gone(served: Served) -> None:
    """kalshi_python_sync 3.2 knows only the order endpoints that were retired."""
    kalshi: Any = importlib.import_module("kalshi_python_sync")
    errors: Any = importlib.import_module("kalshi_python_sync.exceptions")
    line = served.lines["kalshi"]
    configuration = kalshi.Configuration(host=f"{line['rest']}/trade-api/v2")
    configuration.api_key_id = line["apiKey"]
    configuration.private_key_pem = line["privateKey"]

    def judge() -> None:
        client = kalshi.KalshiClient(configuration)
        portfolio = kalshi.PortfolioApi(client)
        assert portfolio.get_balance().balance == 5_000_000
        market = kalshi.MarketApi(client).get_market(TICKER).market
        assert (market.yes_bid_dollars, market.yes_ask_dollars) == ("0.5400", "0.5600")
        assert market.rules_primary.startswith("Resolves to YES")
        assert portfolio.get_fills().fills == []
        assert portfolio.get_positions().market_positions == []
        assert kalshi.ExchangeApi(client).get_exchange_status().trading_active
        orders = kalshi.OrdersApi(client)
        with pytest.raises(errors.ApiException) as gone:
            orders.create_order(ticker=TICKER, side="yes", action="buy", count=1, yes_price=56)
        assert gone.value.status == 410
        assert "deprecated_v1_order_endpoint" in str(gone.value.body)

    await asyncio.to_thread(judge)
    assert not server_of(served).accounts[0].orders

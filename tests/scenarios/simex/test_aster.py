"""Aster's simulator before unmodified ccxt.pro, and our client's signatures and rights there.

ccxt.pro follows no private stream of its futures: each such call ends for want of a market type.
"""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from arbiter.model.errors import BadConfig, VenueRefused
from arbiter.simex.settings import SimexSettings
from arbiter.venues.aster.signing import Signer
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.judging import LEAVES_SOCKETS, client_error, moved
from tests.scenarios.simex.stands import STANDS

pro = importlib.import_module("ccxt.pro")

pytestmark = LEAVES_SOCKETS

SETTINGS = SimexSettings(venues=("aster",), symbols=3, quotes_per_second=90.0, time_scale=14_400.0)
SWAP = "BTC/USDT:USDT"
STAND = STANDS["aster"]


@asynccontextmanager
async def judge(served: Served, **options: Any) -> AsyncIterator[Any]:
    line = served.lines["aster"]
    keys = {"walletAddress": line["walletAddress"], "privateKey": line["privateKey"]}
    client = pro.aster(keys | {"options": options})
    client.urls["api"] = moved(client.urls["api"], line["rest"], line["ws"])
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def test_ccxt_follows_books_quotes_and_funding(serve: Serve) -> None:
    served = await serve(SETTINGS)
    async with judge(served) as client:
        for _ in range(5):
            book = await client.watch_order_book(SWAP)
            assert book["bids"][0][0] < book["asks"][0][0]
        best = (await client.watch_bids_asks([SWAP]))[SWAP]
        assert 0 < best["bid"] < best["ask"]
        rates = await client.fetch_funding_rates([SWAP])
        assert rates[SWAP]["fundingRate"] is not None
        assert (await client.fetch_funding_intervals([SWAP]))[SWAP]["interval"] == "8h"


async def test_ccxt_places_cancels_and_reads_its_orders_and_money(serve: Serve) -> None:
    served = await serve(SETTINGS)
    async with judge(served, builderFee=False) as client:
        ask = (await client.fetch_order_book(SWAP))["asks"][0][0]
        price = client.price_to_precision(SWAP, ask * 1.02)
        await client.create_order(
            SWAP, "limit", "buy", 0.01, price, {"timeInForce": "IOC", "clientOrderId": "judge-1"}
        )
        assert (await client.fetch_orders(SWAP))[-1]["clientOrderId"] == "judge-1"
        mine = await client.fetch_my_trades(SWAP)
        assert mine[-1]["amount"] == 0.01
        assert mine[-1]["fee"]["cost"] > 0
        held = (await client.fetch_positions([SWAP]))[0]
        assert (held["contracts"], held["side"]) == (0.01, "long")
        assert (await client.fetch_balance({"type": "swap"}))["USDT"]["total"] > 0
        resting = await client.create_order(
            SWAP, "limit", "buy", 0.01, client.price_to_precision(SWAP, ask * 0.9)
        )
        assert resting["id"] in {one["id"] for one in await client.fetch_open_orders(SWAP)}
        await client.cancel_order(resting["id"], SWAP)
        assert not await client.fetch_open_orders(SWAP)
        await served.act("aster", "settle", symbol="BTCUSDT", perpetual=True)
        assert (await client.fetch_funding_history(SWAP))[-1]["amount"] != 0
        client.privateKey = "0x" + 64 * "1"
        with pytest.raises(client_error("BaseError"), match="No agent found"):
            await client.fetch_balance({"type": "swap"})
    assert (await served.state("aster"))["brokers"] == {}


async def test_ccxt_by_default_pays_a_builder_and_is_seen(serve: Serve) -> None:
    served = await serve(SETTINGS)
    async with judge(served) as client:
        ask = (await client.fetch_order_book(SWAP))["asks"][0][0]
        price = client.price_to_precision(SWAP, ask * 0.9)
        await client.create_order(SWAP, "limit", "buy", 0.01, price)
    marks = (await served.state("aster"))["brokers"]
    assert marks["approveBuilder"] >= 1
    assert marks["builder"] == marks["feeRate"] == 1


async def test_our_orders_name_no_builder_and_approve_none(serve: Serve) -> None:
    served = await serve(SETTINGS)
    client = STAND.client(served)
    await client.instruments()
    await client.rights()
    await client.holdings()
    await client.aclose()
    assert (await served.state("aster"))["brokers"] == {}


@pytest.mark.parametrize(
    ("kind", "trade", "withdraw"),
    [("readOnly", False, False), ("withdrawing", True, True), ("apiKey", True, False)],
)
async def test_rights_are_those_of_the_agent(
    serve: Serve, kind: str, trade: bool, withdraw: bool
) -> None:
    served = await serve(SETTINGS)
    line = served.lines["aster"]
    line["accounts"] = [line.get(kind, line["accounts"][0])]
    client = STAND.client(served)
    rights = await client.rights()
    await client.aclose()
    assert (rights.can_trade, rights.can_withdraw) == (trade, withdraw)
    assert "agent" in rights.safe_key


async def test_an_agent_that_the_account_does_not_know_is_refused(serve: Serve) -> None:
    served = await serve(SETTINGS)
    line = served.lines["aster"]
    line["accounts"] = [line["accounts"][0] | {"privateKey": "0x" + 64 * "2"}]
    client = STAND.client(served)
    with pytest.raises(VenueRefused, match="agent"):
        await client.rights()
    await client.aclose()


def test_a_request_is_signed_as_ccxt_signs_it() -> None:
    key = "0x" + 64 * "3"
    theirs = pro.aster({"privateKey": key})
    theirs.milliseconds = lambda: 1_700_000_000_000
    user = theirs.eth_get_address_from_private_key(key)
    asked = {"symbol": "BTCUSDT", "side": "BUY"}
    told = theirs.sign("v3/order", ["fapiPrivate"], "POST", asked)["body"]
    ours = Signer(user, key).signed(asked, 1_700_000_000_000_000)
    made = dict(pair.split("=") for pair in ours.split("&"))
    wanted = dict(pair.split("=") for pair in told.split("&"))
    assert made.keys() == wanted.keys()
    assert made["nonce"] == wanted["nonce"]
    assert made["signer"].lower() == wanted["signer"].lower()


@pytest.mark.parametrize(
    ("user", "key"),
    [("0x12", "0x" + 64 * "3"), ("0x" + 40 * "g", "0x" + 64 * "3"), ("0x" + 40 * "a", "secret")],
)
def test_what_is_no_wallet_is_refused_without_showing_it(user: str, key: str) -> None:
    with pytest.raises(BadConfig) as refused:
        Signer(user, key)
    assert key not in str(refused.value)

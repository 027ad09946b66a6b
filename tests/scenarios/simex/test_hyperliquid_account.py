"""A wallet at Hyperliquid: whose key it is, what is known of its orders, what is refused."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from arbiter.app.checks_kinds import Check, Verdict
from arbiter.app.config import Settings, load
from arbiter.app.venue_checks import check_venues
from arbiter.model.errors import VenueRefused
from arbiter.model.orders import OrderType, TimeInForce
from arbiter.model.reports import Absent, Accepted, Refused
from arbiter.simex.hyperliquid.server import Hyperliquid
from arbiter.simex.rest import Call, Reply
from arbiter.simex.settings import SimexSettings
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.hyperliquid.orders import HyperliquidOrders
from tests.port_suites.order_client import OrderDesk
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.stands import PRICE, STANDS

STAND = STANDS["hyperliquid"]
CALM = SimexSettings(
    venues=("hyperliquid",),
    symbols=3,
    quotes_per_second=90.0,
    depth_dispersion=0.0,
    dislocations_per_minute=0.0,
    still=True,
)


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(CALM)


def client_of(served: Served, kind: str = "accounts") -> HyperliquidOrders:
    line = served.lines["hyperliquid"]
    key = line[kind][0] if kind == "accounts" else line[kind]
    keys = VenueKeys(api_key=key["walletAddress"], secret=key["privateKey"])
    wiring = msgspec.structs.replace(served.wiring(STAND.server), keys=keys)
    return HyperliquidOrders(wiring)


async def desk_of(client: HyperliquidOrders) -> OrderDesk:
    listed = await client.instruments()
    return OrderDesk(client, next(i for i in listed if i.symbol == STAND.symbol), price=PRICE)


@pytest.mark.parametrize(
    ("kind", "trade", "withdraw"),
    [("accounts", True, False), ("readOnly", False, False), ("withdrawing", True, True)],
)
async def test_agent_may_trade_its_wallet_all_and_a_stranger_nothing(
    served: Served, kind: str, trade: bool, withdraw: bool
) -> None:
    client = client_of(served, kind)
    rights = await client.rights()
    await client.aclose()
    assert (rights.can_trade, rights.can_withdraw) == (trade, withdraw)
    assert "API wallet" in rights.safe_key


async def test_agent_of_another_account_may_not_trade_for_this_one(served: Served) -> None:
    first, second = served.lines["hyperliquid"]["accounts"]
    keys = VenueKeys(api_key=first["walletAddress"], secret=second["privateKey"])
    wiring = msgspec.structs.replace(served.wiring(STAND.server), keys=keys)
    client = HyperliquidOrders(wiring)
    assert not (await client.rights()).can_trade
    await client.aclose()


async def test_account_whose_money_is_told_elsewhere_is_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = served.simex.servers["hyperliquid"]
    assert isinstance(server, Hyperliquid)
    monkeypatch.setattr(server.info, "abstraction", "unifiedAccount")
    client = client_of(served)
    with pytest.raises(VenueRefused, match="classic mode"):
        await client.rights()
    await client.aclose()


async def test_market_order_is_a_limit_that_bounds_what_it_may_cost(served: Served) -> None:
    client = client_of(served)
    desk = await desk_of(client)
    order = desk.order(market=True)
    assert order.type is OrderType.MARKET
    assert isinstance(await client.submit(order), Accepted)
    view = next(iter(served.simex.servers["hyperliquid"].accounts[0].orders.values()))
    assert view.request.type is OrderType.LIMIT
    assert view.request.price == desk.instrument.floor_price(PRICE * 105 / 100)
    await client.aclose()


async def test_order_that_arrives_too_late_by_the_venues_clock_is_not_carried_out(
    served: Served,
) -> None:
    """So that an order the venue does not know cannot come there any more."""
    client = client_of(served)
    desk = await desk_of(client)
    await served.act("hyperliquid", "clock_offset", offset_ms=30_000)
    late, again = desk.order(tif=TimeInForce.IOC), desk.order(tif=TimeInForce.IOC)
    answer = await client.submit(late)
    assert isinstance(answer, Refused)
    assert answer.code == "expired"
    assert isinstance(await client.query(late.client_order_id, late.instrument), Absent)
    assert isinstance(await client.submit(again), Accepted), "the clock has been measured"
    await client.aclose()


async def test_actions_are_the_few_that_trading_needs(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No builder, no referrer, no approval: everything that was ever signed is looked at."""
    client = client_of(served)
    desk = await desk_of(client)
    sent: list[bytes] = []
    server = served.simex.servers["hyperliquid"]
    answer = server.answer

    def look(call: Call) -> Reply:
        if call.path == "/exchange":
            sent.append(call.body)
        return answer(call)

    monkeypatch.setattr(server, "answer", look)
    await client.rights()
    await client.set_leverage(desk.instrument.id, Decimal(5))
    for order in (desk.order(tif=TimeInForce.IOC), desk.order(away="-0.1")):
        await client.submit(order)
        await client.cancel(order)
    await client.aclose()
    actions = [msgspec.json.decode(body)["action"] for body in sent]
    assert [action["type"] for action in actions] == [
        "updateLeverage",
        "order",
        "cancelByCloid",
        "order",
        "cancelByCloid",
    ]
    assert all(set(a) == {"type", "orders", "grouping"} for a in actions if a["type"] == "order")
    nonces = [msgspec.json.decode(body)["nonce"] for body in sent]
    assert nonces == sorted(set(nonces))
    assert (await served.state("hyperliquid"))["brokers"] == {}
    assert isinstance(server, Hyperliquid)
    assert server.exchange.signed == {"a": len(sent)}


# doctor ------------------------------------------------------------------------------------


def settings_of(served: Served, folder: Path) -> Settings:
    line = served.lines["hyperliquid"]
    file = folder / "arbiter.toml"
    file.write_text(
        f"""
[engine]
mode = "live"
[venues]
enabled = ["hyperliquid"]
symbols = ["BTC/USDT", "ETH/USDT"]
rest = {{ hyperliquid = "{line["rest"]}" }}
stream = {{ hyperliquid = "{line["ws"]}" }}
"""
    )
    return load(environment={"ARBITER_HOME": str(folder / "home")}, file=file).settings


async def checked(served: Served, folder: Path, key: dict[str, str]) -> dict[str, Check]:
    environment = {
        "ARBITER_VENUE_HYPERLIQUID_API_KEY": key["walletAddress"],
        "ARBITER_VENUE_HYPERLIQUID_SECRET": key["privateKey"],
    }
    found = await check_venues(settings_of(served, folder), lambda _: None, environment)
    return {check.name: check for check in found}


async def test_doctor_is_content_with_an_agents_key(served: Served, tmp_path: Path) -> None:
    told = await checked(served, tmp_path, served.lines["hyperliquid"])
    assert {check.verdict for check in told.values()} == {Verdict.OK}
    assert "in 5 digits" in told["hyperliquid markets"].detail
    assert "50000 USDC" in told["hyperliquid balances"].detail


async def test_doctor_refuses_the_wallets_own_key_and_says_how_to_make_a_safe_one(
    served: Served, tmp_path: Path
) -> None:
    told = await checked(served, tmp_path, served.lines["hyperliquid"]["withdrawing"])
    key = told["hyperliquid key"]
    assert (key.verdict, "may withdraw" in key.detail) == (Verdict.FAIL, True)
    assert "app.hyperliquid.xyz/API" in key.mend


async def test_doctor_names_what_is_no_key_without_showing_it(
    served: Served, tmp_path: Path
) -> None:
    line = served.lines["hyperliquid"]
    told = await checked(served, tmp_path, line | {"privateKey": "0xsecret-of-mine"})
    assert told["hyperliquid key"].verdict is Verdict.FAIL
    assert "secret-of-mine" not in str(told)
    told = await checked(served, tmp_path, line | {"walletAddress": "alice"})
    assert "walletAddress" in told["hyperliquid key"].detail

"""Decided markets at Polymarket become money, once, through the relayer, over real sockets."""

import asyncio
import dataclasses
from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from eth_account import Account
from msgspec.structs import replace
from structlog.testing import capture_logs

from arbiter.model.money import ZERO
from arbiter.model.orders import Side, TimeInForce
from arbiter.simex.polymarket.relayer import Transaction
from arbiter.simex.polymarket.server import Polymarket
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.polymarket import redeem
from arbiter.venues.polymarket.orders import PolymarketOrders
from tests.port_suites.order_client import OrderDesk
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.test_polymarket import CALM, NAMES, VENUE, desk_of, settled

HOLDERS = {"0": "walletAddress", "1": "proxy", "2": "safe", "3": "depositWallet"}
SAFE = "2"
GAIN = Decimal("19.6")
"""Of 40 contracts that cost 0.51 each."""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("_POLL_S", 0.05), ("_LOOK_S", 0.2), ("_RETRY_S", 0.1)):
        monkeypatch.setattr(redeem, name, seconds)


def client_of(
    served: Served, kind: str, *, relayer_api_key: str | None = None, folder: Path | None = None
) -> PolymarketOrders:
    line = served.lines[VENUE]["accounts"][0]
    keys = VenueKeys(
        api_key=line[HOLDERS[kind]],
        secret=line["privateKey"],
        password=kind,
        relayer_api_key=line["relayerApiKey"] if relayer_api_key is None else relayer_api_key,
    )
    wiring = served.wiring(VENUE)
    return PolymarketOrders(replace(wiring, keys=keys, markets=NAMES, folder=folder))


def server_of(served: Served) -> Polymarket:
    server = served.simex.servers[VENUE]
    assert isinstance(server, Polymarket)
    return server


def sent(served: Served) -> list[Transaction]:
    return list(server_of(served).relayer.transactions.values())


def cash(served: Served) -> Decimal:
    return server_of(served).desk.purses[0].cash


def tokens(served: Served) -> Decimal:
    return sum(server_of(served).desk.purses[0].tokens.values(), ZERO)


async def until(served: Served, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await served.state(VENUE)


async def hold(desk: OrderDesk, side: Side = Side.BUY) -> None:
    """Take a position and wait until it is on chain."""
    before = len(settled(desk))
    await desk.trade(desk.order(side, tif=TimeInForce.IOC))
    await desk.log.until(lambda: len(settled(desk)) > before)


async def decide(served: Served, desk: OrderDesk, payout: str = "1") -> None:
    symbol = desk.instrument.id.partition(".")[0]
    await served.act(VENUE, "resolve", symbol=symbol, amount=payout)
    assert await desk.margin.forced_since(0)


def states(served: Served) -> list[str]:
    return [one.state.removeprefix("STATE_") for one in sent(served)]


@pytest.mark.parametrize(
    ("kind", "side", "payout"),
    [("1", Side.BUY, "1"), ("2", Side.BUY, "1"), ("3", Side.BUY, "1"), ("2", Side.SELL, "0")],
)
async def test_decided_market_is_redeemed_once_and_to_the_cent(
    serve: Serve, kind: str, side: Side, payout: str
) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served, kind)) as desk:
        start = cash(served)
        await hold(desk, side)
        await decide(served, desk, payout)
        while states(served) != ["CONFIRMED"]:
            (total,) = (await desk.totals()).values()
            assert total == start + GAIN, "money on its way is counted once"
        assert cash(served) == start + GAIN
        assert tokens(served) == ZERO
        (total,) = (await desk.totals()).values()
        assert total == start + GAIN
        looks = (await served.state(VENUE))["calls"]["redeem"]
        await desk.margin.forced_since(0)
        await served.act(VENUE, "disconnect")
        await desk.totals()
        assert (await served.state(VENUE))["calls"]["redeem"] == looks == 1


async def test_market_of_several_outcomes_is_redeemed_by_its_own_adapter(serve: Serve) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served, SAFE)) as desk:
        listed = await desk.client.instruments()
        desk.instrument = next(i for i in listed if i.id == "LAUNCH.POLYMARKET")
        await hold(desk)
        await decide(served, desk)
        await until(served, lambda: states(served) == ["CONFIRMED"])
        assert tokens(served) == ZERO


async def test_market_that_was_lost_is_left_alone(serve: Serve) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served, SAFE)) as desk:
        await hold(desk)
        await decide(served, desk, "0")
        assert await desk.margin.forced_since(0)
        await desk.totals()
    assert sent(served) == []
    assert tokens(served) == Decimal(40)


async def test_failed_redemption_is_tried_again(serve: Serve) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served, SAFE)) as desk:
        start = cash(served)
        await hold(desk)
        await served.act(VENUE, "relay_fail", amount="2")
        with capture_logs() as logs:
            await decide(served, desk)
            await until(served, lambda: states(served) == ["FAILED", "FAILED", "CONFIRMED"])
        assert cash(served) == start + GAIN
        failures = [line for line in logs if line["event"] == "a redemption failed"]
        assert [line["tries"] for line in failures] == [1, 2]
        assert "reverted" in failures[0]["why"]


@pytest.mark.parametrize("fault", ["drop_request", "drop_response", "server_error"])
async def test_without_an_answer_the_relayer_is_asked_and_it_is_done_once(
    serve: Serve, fault: str
) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served, SAFE)) as desk:
        start = cash(served)
        await hold(desk)
        await served.act(VENUE, "script", script=[{"call": "redeem", "nth": 1, "fault": fault}])
        await decide(served, desk)
        await until(served, lambda: states(served) == ["CONFIRMED"])
        assert cash(served) == start + GAIN
    told = await served.state(VENUE)
    assert told["faults"][fault] == 1
    if fault == "drop_response":
        assert told["calls"]["redeem"] == 1, "the relayer had it"


async def test_engine_that_was_killed_goes_on_with_what_is_under_way(
    serve: Serve, tmp_path: Path
) -> None:
    served = await serve(CALM)
    await served.act(VENUE, "relay_hold")
    async with desk_of(client_of(served, SAFE, folder=tmp_path)) as desk:
        start = cash(served)
        await hold(desk)
        await decide(served, desk)
        await until(served, lambda: states(served) == ["NEW"])
    async with desk_of(client_of(served, SAFE, folder=tmp_path)) as desk:
        (total,) = (await desk.totals()).values()
        assert total == start + GAIN
        await served.act(VENUE, "relay_resume")
        await until(served, lambda: states(served) == ["CONFIRMED"])
        (total,) = (await desk.totals()).values()
        assert total == cash(served) == start + GAIN


@pytest.mark.parametrize(("kind", "says"), [("2", redeem.RELAYER_KEY), ("0", "gas")])
async def test_where_the_relayer_does_not_serve_the_log_says_what_to_do(
    serve: Serve, kind: str, says: str
) -> None:
    served = await serve(CALM)
    async with desk_of(
        client_of(served, kind, relayer_api_key="" if kind == "2" else None)
    ) as desk:
        start = cash(served)
        await hold(desk)
        with capture_logs() as logs:
            await decide(served, desk)
            await desk.margin.forced_since(0)
        told = [line for line in logs if "by hand" in line["event"]]
        assert [(line["market"], line["worth"]) for line in told] == [("heat-north", "40")]
        assert says in told[0]["why"]
        (total,) = (await desk.totals()).values()
        assert total == start + GAIN
        rights = await desk.client.rights()  # type: ignore[attr-defined]
        assert says in rights.payouts
    assert "redeem" not in (await served.state(VENUE))["calls"]
    assert tokens(served) == Decimal(40)


async def test_refused_key_of_the_relayer_is_given_up_and_named(serve: Serve) -> None:
    served = await serve(CALM)
    client = client_of(served, SAFE, relayer_api_key="another")
    async with desk_of(client) as desk:
        await hold(desk)
        with capture_logs() as logs:
            await decide(served, desk)
            await until(served, lambda: any(line["log_level"] == "error" for line in logs))
        assert any(redeem.RELAYER_KEY in str(line.get("why")) for line in logs)
        assert redeem.RELAYER_KEY in (await client.rights()).payouts
    assert sent(served) == []


async def test_good_key_of_the_relayer_leaves_nothing_to_advise(serve: Serve) -> None:
    client = client_of(await serve(CALM), SAFE)
    assert (await client.rights()).payouts == ""
    await client.aclose()


@pytest.mark.parametrize(
    ("kind", "theirs"), [("1", "POLY_PROXY"), ("2", "GNOSIS_SAFE"), ("3", "DEPOSIT_WALLET")]
)
async def test_their_client_redeems_through_the_simulated_relayer(
    serve: Serve, kind: str, theirs: str
) -> None:
    """We have no key for it, so what is done is theirs."""
    served = await serve(CALM)
    root = "polymarket._internal.actions.relayer"
    gasless, auth = import_module(f"{root}.gasless"), import_module(f"{root}.auth")
    keys = import_module("polymarket.auth")
    config = import_module("polymarket.environments").PRODUCTION._config
    line = served.lines[VENUE]["accounts"][0]
    async with desk_of(client_of(served, kind, relayer_api_key="")) as desk:
        start = cash(served)
        await hold(desk)
        await decide(served, desk)
    key = keys.RelayerApiKey(key=line["relayerApiKey"], address=line["walletAddress"])
    relayer = import_module("polymarket.clients._transport").AsyncTransport(
        base_url=served.lines[VENUE]["rest"],
        header_resolver=auth.make_relayer_header_resolver(key),
    )
    context = SimpleNamespace(
        api_key=key,
        relayer=relayer,
        signer=Account.from_key(line["privateKey"]),
        signer_type="OWNER",
        wallet=line[HOLDERS[kind]],
        wallet_type=theirs,
        environment_config=dataclasses.replace(config, relayer_poll_frequency_ms=50),
        rpc=None,
    )
    condition = next(one for one in server_of(served).listed if one.slug == "heat-north").condition
    call = import_module(f"{root}.calls").ctf_redeem_positions_call(
        ctf=config.collateral_adapter, collateral=config.collateral_token, condition_id=condition
    )
    handle = await gasless.prepare_gasless_transaction(context, calls=[call])
    outcome = await handle.wait()
    await relayer.close()
    assert outcome.transaction_id == sent(served)[0].number
    assert cash(served) == start + GAIN

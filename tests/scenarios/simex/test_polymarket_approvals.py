"""What a wallet at Polymarket has not approved: the doctor says which calls to make, or where."""

from pathlib import Path

import pytest

from arbiter.app.checks_kinds import Check, Verdict
from arbiter.app.config import load
from arbiter.app.venue_checks import check_venues
from arbiter.model.orders import Side, TimeInForce
from arbiter.model.reports import Refused
from arbiter.venues.polymarket.signing import (
    COLLATERAL,
    EXCHANGE,
    NEG_RISK_EXCHANGE,
    OUTCOME_TOKENS,
)
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.test_polymarket import CALM, VENUE, client_of, desk_of

HOLDERS = {"0": "walletAddress", "1": "proxy", "2": "safe", "3": "depositWallet"}


async def key_check(served: Served, folder: Path, kind: str, named: str = '"heat-north"') -> Check:
    """What the doctor says of the wallet's key."""
    file, line = folder / "arbiter.toml", served.lines[VENUE]
    file.write_text(
        f"""
[engine]
mode = "live"
[venues]
enabled = ["polymarket"]
events = {{ polymarket = [{named}] }}
rest = {{ polymarket = "{line["rest"]}" }}
stream = {{ polymarket = "{line["ws"]}" }}
"""
    )
    settings = load(environment={"ARBITER_HOME": str(folder / "home")}, file=file).settings
    environment = {
        "ARBITER_VENUE_POLYMARKET_API_KEY": line[HOLDERS[kind]],
        "ARBITER_VENUE_POLYMARKET_SECRET": line["privateKey"],
        "ARBITER_VENUE_POLYMARKET_PASSWORD": kind,
    }
    found = await check_venues(settings, lambda _: None, environment)
    return next(check for check in found if check.name == "polymarket key")


@pytest.mark.parametrize("kind", ["0", "3"])
async def test_doctor_is_content_with_a_wallet_that_has_approved(
    serve: Serve, tmp_path: Path, kind: str
) -> None:
    check = await key_check(await serve(CALM), tmp_path, kind)
    assert check.verdict is Verdict.OK, check


async def test_keys_own_address_is_told_each_call_to_make(serve: Serve, tmp_path: Path) -> None:
    served = await serve(CALM)
    await served.act(VENUE, "disapprove")
    check = await key_check(served, tmp_path, "0")
    assert check.verdict is Verdict.FAIL
    holder = served.lines[VENUE]["walletAddress"]
    assert holder in check.detail
    assert "2 contracts may not spend its pUSD and 2 may not move its outcome tokens" in (
        check.detail
    )
    assert check.mend.startswith(f"send from {holder} on Polygon (chain 137, gas in POL)")
    for exchange in (EXCHANGE, NEG_RISK_EXCHANGE):
        assert f"approve({exchange}, 2^256 - 1) of {COLLATERAL}" in check.mend
        assert f"setApprovalForAll({exchange}, true) of {OUTCOME_TOKENS}" in check.mend
    await served.act(VENUE, "approve")
    assert (await key_check(served, tmp_path, "0")).verdict is Verdict.OK


@pytest.mark.parametrize("kind", ["1", "2", "3"])
async def test_wallet_of_the_site_is_sent_there(serve: Serve, tmp_path: Path, kind: str) -> None:
    served = await serve(CALM)
    await served.act(VENUE, "disapprove")
    check = await key_check(served, tmp_path, kind)
    assert check.verdict is Verdict.FAIL
    assert f"polymarket.com as {served.lines[VENUE][HOLDERS[kind]]}" in check.mend
    assert "make one trade" in check.mend
    assert "0x4D97" not in check.mend, "nobody is to send anything by hand"


async def test_without_a_market_the_money_alone_is_looked_at(serve: Serve, tmp_path: Path) -> None:
    served = await serve(CALM)
    await served.act(VENUE, "disapprove")
    check = await key_check(served, tmp_path, "0", named="")
    assert check.verdict is Verdict.FAIL
    assert "setApprovalForAll" not in check.mend


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
async def test_orders_are_refused_before_and_taken_after_approval(serve: Serve, side: Side) -> None:
    served = await serve(CALM)
    async with desk_of(client_of(served)) as desk:
        await served.act(VENUE, "disapprove")
        answer = await desk.client.submit(desk.order(side, tif=TimeInForce.IOC))
        assert isinstance(answer, Refused)
        assert answer.code == "BALANCE"
        await served.act(VENUE, "approve")
        assert await desk.trade(desk.order(side, tif=TimeInForce.IOC))

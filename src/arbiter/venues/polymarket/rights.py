"""What a wallet may do, and what keeps its orders away: bans, and what it has not approved.

Approving is an act of the wallet's on the chain, once for each contract that is to move its money or
its outcome tokens. Wallets made at polymarket.com have the site do it; a key's own address sends
the transactions itself.
"""

from decimal import Decimal

from arbiter.venues.common.account import KeyRights
from arbiter.venues.polymarket.rest import PolymarketRest
from arbiter.venues.polymarket.signing import CHAIN, COLLATERAL, OUTCOME_TOKENS, Wallet

_MOST = "2^256 - 1"


async def read_rights(rest: PolymarketRest, wallet: Wallet, token: str) -> KeyRights:
    """A wallet's key may always do everything with it: no lesser key is known here.

    `token` is any outcome token, empty where none is known: what is approved is approved for all.
    """
    told = await rest.signed("GET", "/auth/ban-status/closed-only")
    return KeyRights(
        can_trade=not told.get("closed_only"),
        can_withdraw=False,
        restricted_to_ip=True,
        safe_key="the wallet may only close what it holds: see its account at polymarket.com",
        hindrance=await _hindrance(rest, wallet, token),
    )


async def _hindrance(rest: PolymarketRest, wallet: Wallet, token: str) -> str:
    """Say what is not approved, and how to approve it; empty where all is."""
    money = await _barred(rest, {"asset_type": "COLLATERAL"})
    tokens: list[str] = []
    if token:
        tokens = await _barred(rest, {"asset_type": "CONDITIONAL", "token_id": token})
    if not money and not tokens:
        return ""
    kept = [f"{len(money)} contracts may not spend its pUSD"] if money else []
    kept += [f"{len(tokens)} may not move its outcome tokens"] if tokens else []
    return f"orders of {wallet.holder} are refused, {' and '.join(kept)}: " + (
        _by_site(wallet) if wallet.kind else _by_hand(wallet, money, tokens)
    )


def _by_site(wallet: Wallet) -> str:
    return (
        f"log in to polymarket.com as {wallet.holder}, deposit, and make one trade: the site has "
        "the wallet approve them, at no cost; then run arbiter doctor again"
    )


def _by_hand(wallet: Wallet, money: list[str], tokens: list[str]) -> str:
    """One transaction for each contract."""
    calls = [f"approve({spender}, {_MOST}) of {COLLATERAL}" for spender in money]
    calls += [f"setApprovalForAll({spender}, true) of {OUTCOME_TOKENS}" for spender in tokens]
    return (
        f"send from {wallet.holder} on Polygon (chain {CHAIN}, gas in POL), by any wallet program "
        f"or polygonscan.com's Write Contract: {'; '.join(calls)}; then run arbiter doctor again"
    )


async def _barred(rest: PolymarketRest, asset: dict[str, str]) -> list[str]:
    """The contracts that may move less than there is; of nothing, those that may move nothing."""
    told = await rest.balance(asset)
    needed = max(Decimal(str(told.get("balance") or "0")), Decimal(1))
    allowed = told.get("allowances") or {"its exchange": told.get("allowance") or "0"}
    return [spender for spender, most in allowed.items() if Decimal(str(most)) < needed]

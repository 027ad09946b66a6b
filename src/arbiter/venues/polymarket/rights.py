"""What a wallet may do, and what keeps its orders away: bans, and money that was not approved."""

from decimal import Decimal

from arbiter.venues.common.account import KeyRights
from arbiter.venues.polymarket.rest import PolymarketRest
from arbiter.venues.polymarket.signing import COLLATERAL


async def read_rights(rest: PolymarketRest, kind: int) -> KeyRights:
    """A wallet's key may always do everything with it: no lesser key is known here."""
    told = await rest.signed("GET", "/auth/ban-status/closed-only")
    return KeyRights(
        can_trade=not told.get("closed_only"),
        can_withdraw=False,
        restricted_to_ip=True,
        safe_key="the wallet may only close what it holds: see its account at polymarket.com",
        hindrance=await _hindrance(rest, kind),
    )


async def _hindrance(rest: PolymarketRest, kind: int) -> str:
    """Say who has to be allowed to spend what; empty where the exchanges may."""
    asked = {"asset_type": "COLLATERAL", "signature_type": str(kind)}
    told = await rest.signed("GET", "/balance-allowance", query=asked)
    balance = Decimal(str(told.get("balance") or "0"))
    allowed = told.get("allowances") or {}
    least = [Decimal(str(value)) for value in allowed.values()]
    least = least or [Decimal(str(told.get("allowance") or "0"))]
    if not balance or min(least) >= balance:
        return ""
    spenders = ", ".join(allowed) or "its exchange contracts"
    return (
        f"the exchange may not spend the wallet's pUSD: approve {COLLATERAL} (and the outcome "
        f"tokens) for {spenders}; one trade made on polymarket.com does it"
    )

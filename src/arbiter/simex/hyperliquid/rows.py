"""Orders, payments and the state of an account, as questions and streams both tell them."""

from decimal import Decimal
from typing import Any

from arbiter.model.money import ZERO
from arbiter.model.perpetuals import FundingPayment, VenuePosition
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account, OrderView
from arbiter.simex.hyperliquid import words
from arbiter.simex.hyperliquid.words import number

_ENTRY = Decimal("1e-8")


def order_row(view: OrderView, account: int, *, told: bool = False) -> dict[str, Any]:
    """One order; with `told`, filled as far as the stream has been told."""
    request, order = view.request, view.order
    filled = view.told_size if told else order.filled_size
    row = {
        "coin": view.instrument.market_id,
        "side": words.SIDES[request.side],
        "limitPx": number(request.price or ZERO),
        "sz": number(request.size - filled),
        "oid": words.order_number(order.number, account),
        "timestamp": order.accepted_ns // NS_PER_MS,
        "origSz": number(request.size),
    }
    if order.client_order_id.startswith("0x"):
        row["cloid"] = order.client_order_id
    return row


def detailed(view: OrderView, account: int) -> dict[str, Any]:
    """As the front end wants it."""
    request = view.request
    tif = "Ioc" if request.immediate else "Gtc"
    row = order_row(view, account)
    return row | {
        "cloid": row.get("cloid"),
        "triggerCondition": "N/A",
        "isTrigger": False,
        "triggerPx": "0.0",
        "children": [],
        "isPositionTpsl": False,
        "reduceOnly": request.reduce_only,
        "orderType": "Limit",
        "tif": "Alo" if request.post_only else tif,
    }


def update(view: OrderView, account: int, *, told: bool = False) -> dict[str, Any]:
    """Of ``orderUpdates``."""
    return {
        "order": order_row(view, account, told=told),
        "status": "open" if told else words.state_of(view),
        "statusTimestamp": view.order.updated_ns // NS_PER_MS,
    }


def funding(account: Account, paid: FundingPayment) -> dict[str, Any]:
    return {
        "coin": account.instrument(paid.instrument).market_id,
        "usdc": number(paid.amount),
        "szi": number(paid.quantity),
        "fundingRate": number(paid.rate),
        "nSamples": None,
    }


def ledger_row(account: Account, paid: FundingPayment) -> dict[str, Any]:
    """Of ``userFunding``."""
    return {
        "time": paid.at_ns // NS_PER_MS,
        "hash": "0x" + "0" * 64,
        "delta": {"type": "funding"} | funding(account, paid),
    }


def state(account: Account | None, now_ns: int) -> dict[str, Any]:
    """``clearinghouseState``; of an address that has nothing, None is enough."""
    held = [] if account is None else account.exchange.margin.told(now_ns)
    balances = [] if account is None else account.exchange.margin.balances()
    wallet = sum((b.wallet for b in balances), ZERO)
    gained = sum((b.unrealized for b in balances), ZERO)
    reserved = sum((b.reserved for b in balances), ZERO)
    worth = sum((abs(p.quantity) * p.mark_price for p in held), ZERO)
    summary = {
        "accountValue": number(wallet + gained),
        "totalNtlPos": number(worth),
        "totalRawUsd": number(wallet - sum((p.quantity * p.entry_price for p in held), ZERO)),
        "totalMarginUsed": number(sum((p.margin + p.unrealized_pnl for p in held), ZERO)),
    }
    return {
        "marginSummary": summary,
        "crossMarginSummary": summary,
        "crossMaintenanceMarginUsed": "0.0",
        "withdrawable": number(max(wallet - reserved, ZERO)),
        "assetPositions": [
            {"type": "oneWay", "position": _position(account, told)}
            for told in held
            if account is not None
        ],
        "time": now_ns // NS_PER_MS,
    }


def _position(account: Account, told: VenuePosition) -> dict[str, Any]:
    listed = account.instrument(told.instrument)
    assert listed.margin is not None, "every perpetual has margin terms"
    liquidation = told.liquidation_price
    used = told.margin + told.unrealized_pnl
    gain = told.unrealized_pnl
    return {
        "coin": listed.market_id,
        "szi": number(told.quantity),
        "leverage": {
            "type": "isolated",
            "value": int(told.leverage),
            "rawUsd": number(used - told.quantity * told.mark_price),
        },
        "entryPx": number(told.entry_price.quantize(_ENTRY)),
        "positionValue": number(abs(told.quantity) * told.mark_price),
        "unrealizedPnl": number(gain),
        "returnOnEquity": f"{gain / told.margin:.10f}" if told.margin else "0.0",
        "liquidationPx": None if liquidation is None else number(liquidation.quantize(_ENTRY)),
        "marginUsed": number(used),
        "maxLeverage": int(listed.margin.max_leverage),
        "cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"},
    }

"""What an account is told of its orders and trades, over REST and on the user stream."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from arbiter.model.money import ZERO
from arbiter.model.orders import Liquidity, OrderStatus
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.simex.account import OrderView
from arbiter.simex.polymarket import words
from arbiter.simex.polymarket.gamma import Listed
from arbiter.simex.polymarket.purse import Ticket, Trade
from arbiter.simex.polymarket.words import number

_SOMEBODY = "0x" + "70997970c51812dc3a010c7d01b50e0d17dc79c8"
_OTHER_OWNER = "00000000-0000-0000-0000-000000000002"


def order_row(ticket: Ticket, view: OrderView, listed: Listed, trades: list[str]) -> dict[str, Any]:
    status = view.order.status
    word = "LIVE"
    if status is OrderStatus.FILLED:
        word = "MATCHED"
    elif status.terminal:
        word = "CANCELED"
    return {
        "id": ticket.order_id,
        "status": word,
        "owner": ticket.owner,
        "maker_address": ticket.maker,
        "market": listed.condition,
        "asset_id": ticket.token,
        "side": ticket.side.value,
        "original_size": number(ticket.size),
        "size_matched": number(view.order.filled_size),
        "price": number(ticket.price),
        "outcome": words.OUTCOMES[ticket.outcome],
        "expiration": str(ticket.expires_s),
        "order_type": ticket.kind,
        "associate_trades": trades,
        "created_at": ticket.created_s,
    }


def order_event(row: dict[str, Any], kind: str, at_ms: int) -> dict[str, Any]:
    return row | {
        "event_type": "order",
        "type": kind,
        "order_owner": row["owner"],
        "created_at": str(row["created_at"] * 1_000),
        "timestamp": str(at_ms),
    }


def trade_row(trade: Trade, listed: Listed, account: int) -> dict[str, Any]:
    """One trade as its owner sees it: as the taker, or as one of the makers of another's."""
    fill, ticket = trade.fill, trade.ticket
    taker = fill.liquidity is Liquidity.TAKER
    other = words.NO if ticket.outcome == words.YES else words.YES
    maker = {
        "order_id": "0x" + "ab" * 32 if taker else ticket.order_id,
        "owner": _OTHER_OWNER if taker else ticket.owner,
        "maker_address": _SOMEBODY if taker else ticket.maker,
        "matched_amount": number(fill.size),
        "price": number(trade.price if not taker else Decimal(1) - trade.price),
        "fee_rate_bps": "0",
        "asset_id": ticket.token if not taker else listed.tokens[other],
        "outcome": words.OUTCOMES[ticket.outcome if not taker else other],
        "side": ticket.side.value,
    }
    return {
        "id": words.trade_id(fill.venue_trade_id, account),
        "taker_order_id": ticket.order_id if taker else "0x" + "cd" * 32,
        "market": listed.condition,
        "asset_id": ticket.token,
        "side": ticket.side.value if taker else ticket.side.opposite.value,
        "size": number(fill.size),
        "fee_rate_bps": "0",
        "price": number(trade.price),
        "status": trade.status.value,
        "match_time": str(fill.at_ns // NS_PER_S),
        "last_update": str(trade.at_ns // NS_PER_S),
        "outcome": words.OUTCOMES[ticket.outcome],
        "bucket_index": 0,
        "owner": ticket.owner if taker else _OTHER_OWNER,
        "maker_address": ticket.maker if taker else _SOMEBODY,
        "transaction_hash": words.transaction_of(fill.venue_trade_id, account),
        "maker_orders": [maker],
        "trader_side": "TAKER" if taker else "MAKER",
    }


def trade_event(row: dict[str, Any], ticket: Ticket, at_ms: int) -> dict[str, Any]:
    return row | {
        "event_type": "trade",
        "type": "TRADE",
        "trade_owner": ticket.owner,
        "timestamp": str(at_ms),
    }


def activity_row(trade: Trade, listed: Listed, wallet: str, account: int) -> dict[str, Any]:
    """The same trade as everybody may read it, version 1 of the data API."""
    ticket, fill = trade.ticket, trade.fill
    return {
        "proxyWallet": wallet.lower(),
        "timestamp": fill.at_ns // NS_PER_S,
        "conditionId": listed.condition,
        "type": "TRADE",
        "size": float(fill.size),
        "usdcSize": float(fill.size * trade.price),
        "transactionHash": words.transaction_of(fill.venue_trade_id, account),
        "price": float(trade.price),
        "asset": ticket.token,
        "side": ticket.side.value,
        "outcomeIndex": ticket.outcome,
        "title": listed.terms.title,
        "slug": listed.slug,
        "eventSlug": listed.slug,
        "outcome": words.OUTCOMES[ticket.outcome],
        "name": "",
        "pseudonym": "",
    }


def position_row(
    listed: Listed,
    outcome: int,
    wallet: str,
    size: Decimal,
    cost: Decimal,
    price: Decimal,
    *,
    decided: bool,
    mergeable: bool,
) -> dict[str, Any]:
    average = cost / size if size else ZERO
    return {
        "proxyWallet": wallet.lower(),
        "asset": listed.tokens[outcome],
        "conditionId": listed.condition,
        "size": float(size),
        "avgPrice": float(average),
        "initialValue": float(cost),
        "currentValue": float(size * price),
        "cashPnl": float(size * price - cost),
        "percentPnl": 0.0,
        "totalBought": float(size),
        "realizedPnl": 0.0,
        "percentRealizedPnl": 0.0,
        "curPrice": float(price),
        "redeemable": decided,
        "mergeable": mergeable,
        "title": listed.terms.title,
        "slug": listed.slug,
        "eventSlug": listed.slug,
        "outcome": words.OUTCOMES[outcome],
        "outcomeIndex": outcome,
        "oppositeOutcome": words.OUTCOMES[1 - outcome],
        "oppositeAsset": listed.tokens[1 - outcome],
        "endDate": _day(listed.closes_ns),
        "negativeRisk": listed.neg_risk,
    }


def _day(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // NS_PER_S, UTC).date().isoformat()


def millis(at_ns: int) -> int:
    return at_ns // NS_PER_MS

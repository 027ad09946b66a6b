"""Orders, trades and balances, as REST and the private stream tell them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from arbiter.model.money import ZERO, plain
from arbiter.model.orders import Fill, Liquidity, OrderStatus, OrderType
from arbiter.simex.account import Account, OrderView
from arbiter.simex.kraken import words


def number(value: Decimal) -> msgspec.Raw:
    """Write a JSON number with every digit."""
    return msgspec.Raw(plain(value).encode())


def stamp(at_ns: int) -> str:
    """RFC 3339 in microseconds."""
    whole, part = divmod(at_ns // 1_000, 1_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{part:06d}Z"


def seconds(at_ns: int) -> msgspec.Raw:
    whole, part = divmod(at_ns // 1_000, 1_000_000)
    return msgspec.Raw(f"{whole}.{part:06d}".encode())


def order_row(view: OrderView, name: str | None) -> dict[str, Any]:
    """One order as REST tells it; `name` is its ``cl_ord_id``."""
    request, order = view.request, view.order
    market = request.type is OrderType.MARKET
    pair, price = words.pair_name(view.instrument), request.price or ZERO
    side = request.side.value.lower()
    flags = "post,fciq" if request.post_only else "fciq"
    told = f"{side} {plain(request.size)} {pair} @ " + ("market" if market else "limit ")
    row = {
        "refid": None,
        "userref": None if name else 0,
        "cl_ord_id": name,
        "status": words.STATUS[order.status],
        "reason": _reason(view) or None,
        "opentm": seconds(order.accepted_ns),
        "starttm": 0,
        "expiretm": 0,
        "descr": {
            "pair": pair,
            "type": side,
            "ordertype": "market" if market else "limit",
            "price": plain(price),
            "price2": "0",
            "leverage": "none",
            "order": told if market else told + plain(price),
            "close": "",
        },
        "vol": plain(request.size),
        "vol_exec": plain(order.filled_size),
        "cost": plain(view.value),
        "fee": plain(sum((fill.fee for fill in view.fills), ZERO)),
        "price": plain(view.average),
        "stopprice": "0.00000",
        "limitprice": "0.00000",
        "misc": "",
        "oflags": flags,
    }
    if not name:
        del row["cl_ord_id"]
    if order.status.terminal:
        row["closetm"] = seconds(order.updated_ns)
    return row


def _reason(view: OrderView) -> str:
    match view.order.status:
        case OrderStatus.CANCELLED:
            return "User requested"
        case OrderStatus.EXPIRED:
            return "Order expired: unfilled"
        case _:
            return ""


def trade_row(account: Account, fill: Fill) -> dict[str, Any]:
    view = account.orders[fill.client_order_id]
    return {
        "ordertxid": words.order_id(view.order.number, account.number),
        "postxid": words.trade_id("0", account.number),
        "pair": words.pair_name(view.instrument),
        "aclass": "forex",
        "time": seconds(fill.at_ns),
        "type": fill.side.value.lower(),
        "ordertype": "market" if view.request.type is OrderType.MARKET else "limit",
        "price": plain(fill.price),
        "cost": plain(fill.size * fill.price),
        "fee": plain(fill.fee),
        "vol": plain(fill.size),
        "margin": "0.00000",
        "leverage": "0",
        "misc": "",
        "trade_id": int(fill.venue_trade_id),
        "maker": fill.liquidity is Liquidity.MAKER,
    }


def opened(view: OrderView, name: str | None, account: int) -> dict[str, Any]:
    """Tell the private stream of an order that has been taken."""
    request = view.request
    row = _head(view, name, account) | {
        "exec_type": "new",
        "order_status": "new",
        "symbol": words.stream_name(view.instrument),
        "side": request.side.value.lower(),
        "order_type": "market" if request.type is OrderType.MARKET else "limit",
        "order_qty": number(request.size),
        "cum_qty": number(ZERO),
        "cum_cost": number(ZERO),
        "time_in_force": request.time_in_force.value,
        "fee_usd_equiv": number(ZERO),
        "fee_ccy_pref": "fciq",
        "timestamp": stamp(view.order.accepted_ns),
    }
    if request.price is not None:
        row |= {"limit_price": number(request.price), "limit_price_type": "static"}
    return row


def traded(view: OrderView, name: str | None, fill: Fill, account: int) -> dict[str, Any]:
    value = fill.size * fill.price
    return _head(view, name, account) | {
        "exec_type": "trade",
        "order_status": "partially_filled",
        "exec_id": words.trade_id(fill.venue_trade_id, account),
        "trade_id": int(fill.venue_trade_id),
        "symbol": words.stream_name(view.instrument),
        "side": fill.side.value.lower(),
        "order_type": "market" if view.request.type is OrderType.MARKET else "limit",
        "last_qty": number(fill.size),
        "last_price": number(fill.price),
        "liquidity_ind": "m" if fill.liquidity is Liquidity.MAKER else "t",
        "cost": number(value),
        "fee_usd_equiv": number(fill.fee),
        "fees": [{"asset": str(fill.fee_asset), "qty": number(fill.fee)}],
        "timestamp": stamp(fill.at_ns),
    }


def ended(view: OrderView, name: str | None, account: int) -> dict[str, Any]:
    filled = view.order.status is OrderStatus.FILLED
    row = _head(view, name, account) | {
        "exec_type": "filled" if filled else "canceled",
        "order_status": "filled" if filled else "canceled",
        "cum_qty": number(view.order.filled_size),
        "cum_cost": number(view.value),
        "avg_price": number(view.average),
        "fee_usd_equiv": number(sum((fill.fee for fill in view.fills), ZERO)),
        "timestamp": stamp(view.order.updated_ns),
    }
    if filled:
        row["symbol"] = words.stream_name(view.instrument)
    else:
        row |= {"cancel_reason": _reason(view), "reason": _reason(view)}
    return row


def _head(view: OrderView, name: str | None, account: int) -> dict[str, Any]:
    head: dict[str, Any] = {"order_id": words.order_id(view.order.number, account)}
    return head | ({"cl_ord_id": name} if name else {"order_userref": 0})


def balance_row(asset: str, total: Decimal) -> dict[str, Any]:
    return {
        "asset": asset,
        "asset_class": "currency",
        "balance": number(total),
        "wallets": [{"type": "spot", "id": "main", "balance": number(total)}],
    }

"""Orders, fills and balances, as REST and the user channel tell them."""

from decimal import Decimal
from typing import Any

from arbiter.model.money import ZERO, plain
from arbiter.model.orders import Fill, Liquidity, OrderStatus, OrderType, TimeInForce
from arbiter.simex.account import Account, OrderView
from arbiter.simex.coinbase import words


def configuration(view: OrderView) -> dict[str, Any]:
    request = view.request
    size = plain(request.size)
    if request.type is OrderType.MARKET:
        return {"market_market_ioc": {"base_size": size}}
    priced = {"base_size": size, "limit_price": plain(request.price or ZERO)}
    match request.time_in_force:
        case TimeInForce.IOC:
            return {"sor_limit_ioc": priced}
        case TimeInForce.FOK:
            return {"limit_limit_fok": priced}
        case _:
            return {"limit_limit_gtc": priced | {"post_only": request.post_only}}


def _fees(view: OrderView) -> Decimal:
    return sum((fill.fee for fill in view.fills), ZERO)


def _reason(view: OrderView) -> str:
    return "User requested cancel" if view.order.status is OrderStatus.CANCELLED else ""


def order_row(view: OrderView, account: int) -> dict[str, Any]:
    request, order = view.request, view.order
    last = view.fills[-1].at_ns if view.fills else 0
    done = order.filled_size * 100 / request.size
    fees = _fees(view)
    return {
        "order_id": words.order_id(order.number, account),
        "product_id": view.instrument.market_id,
        "user_id": f"simex-{account}",
        "order_configuration": configuration(view),
        "side": request.side.value,
        "client_order_id": order.client_order_id,
        "status": words.STATUS[order.status],
        "time_in_force": words.TIMES[request.time_in_force],
        "created_time": words.stamp(order.accepted_ns),
        "completion_percentage": plain(done),
        "filled_size": plain(order.filled_size),
        "average_filled_price": plain(view.average),
        "fee": "",
        "number_of_fills": str(len(view.fills)),
        "filled_value": plain(view.value),
        "pending_cancel": False,
        "size_in_quote": False,
        "total_fees": plain(fees),
        "size_inclusive_of_fees": False,
        "total_value_after_fees": plain(view.value + fees * request.side.sign),
        "trigger_status": "INVALID_ORDER_TYPE",
        "order_type": "MARKET" if request.type is OrderType.MARKET else "LIMIT",
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "settled": order.status.terminal,
        "product_type": "SPOT",
        "reject_message": "",
        "cancel_message": _reason(view),
        "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": "0",
        "is_liquidation": False,
        "last_fill_time": words.stamp(last) if last else None,
        "edit_history": [],
        "leverage": "",
        "margin_type": "UNKNOWN_MARGIN_TYPE",
        "retail_portfolio_id": f"simex-portfolio-{account}",
        "originating_order_id": "",
        "attached_order_id": "",
    }


def fill_row(account: Account, fill: Fill) -> dict[str, Any]:
    view = account.orders[fill.client_order_id]
    trade = words.trade_id(fill.venue_trade_id, account.number)
    return {
        "entry_id": f"{trade}-entry",
        "trade_id": trade,
        "order_id": words.order_id(view.order.number, account.number),
        "trade_time": words.stamp(fill.at_ns),
        "trade_type": "FILL",
        "price": plain(fill.price),
        "size": plain(fill.size),
        "commission": plain(fill.fee),
        "product_id": view.instrument.market_id,
        "sequence_timestamp": words.stamp(fill.at_ns),
        "liquidity_indicator": "MAKER" if fill.liquidity is Liquidity.MAKER else "TAKER",
        "size_in_quote": False,
        "user_id": f"simex-{account.number}",
        "side": fill.side.value,
        "retail_portfolio_id": f"simex-portfolio-{account.number}",
    }


def user_row(view: OrderView, account: int, *, status: str, filled: Decimal) -> dict[str, Any]:
    """Tell the user channel how far an order has come."""
    request = view.request
    market = request.type is OrderType.MARKET
    row = {
        "order_id": words.order_id(view.order.number, account),
        "client_order_id": view.order.client_order_id,
        "cumulative_quantity": plain(filled),
        "leaves_quantity": plain(request.size - filled),
        "avg_price": plain(view.average if filled else ZERO),
        "total_fees": plain(_fees(view) if filled else ZERO),
        "status": status,
        "product_id": view.instrument.market_id,
        "creation_time": words.stamp(view.order.accepted_ns),
        "order_side": request.side.value,
        "order_type": "Market" if market else "Limit",
        "cancel_reason": _reason(view) if status == "CANCELLED" else "",
        "reject_reason": "",
        "number_of_fills": str(len(view.fills)),
        "product_type": "SPOT",
        "time_in_force": words.TIMES[request.time_in_force],
        "trigger_status": "INVALID_ORDER_TYPE",
    }
    return row if market else row | {"limit_price": plain(request.price or ZERO)}


def account_row(asset: str, total: Decimal, locked: Decimal, account: int) -> dict[str, Any]:
    return {
        "uuid": f"simex-{account}-{asset}",
        "name": f"{asset} Wallet",
        "currency": asset,
        "available_balance": {"value": plain(total - locked), "currency": asset},
        "default": True,
        "active": True,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_CRYPTO",
        "ready": True,
        "hold": {"value": plain(locked), "currency": asset},
        "retail_portfolio_id": f"simex-portfolio-{account}",
    }

"""Orders, fills, positions and settlements, as REST and the private stream both tell them.

The fields of before fixed point, whole cents and whole contracts, stand beside the new ones.
"""

from decimal import Decimal
from typing import Any

import msgspec

from arbiter.model.binaries import cost
from arbiter.model.ids import Asset
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Fill, Liquidity, OrderStatus, Side
from arbiter.model.perpetuals import MarginPosition
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.simex.account import OrderView
from arbiter.simex.kalshi import words
from arbiter.simex.kalshi.words import cents, count, dollars, exact

USD = Asset("USD")
USER = "a1b2c3d4-e5f6-7890-abcd-{:012x}"


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What a resolution paid one account."""

    ticker: str
    held: Decimal
    """Signed contracts of YES."""
    cost: Decimal
    payout: Decimal
    """Of one contract of YES."""
    at_ns: int


def order_row(view: OrderView, account: int, *, told: bool = False) -> dict[str, Any]:
    """One order; with `told`, filled as far as the private stream has been told."""
    request, order = view.request, view.order
    filled = view.told_size if told else order.filled_size
    price = request.price or ZERO
    over = order.status.terminal and (not told or filled == order.filled_size)
    left = ZERO if over else request.size - filled
    taker = [fill for fill in view.fills if fill.liquidity is Liquidity.TAKER]
    maker = [fill for fill in view.fills if fill.liquidity is Liquidity.MAKER]
    return {
        "order_id": words.order_id(order.number, account),
        "user_id": USER.format(account),
        "client_order_id": order.client_order_id,
        "ticker": view.instrument.market_id,
        "type": "limit",
        "status": _status(view) if over else "resting",
        **_sides(request.side),
        "yes_price_dollars": dollars(price),
        "no_price_dollars": dollars(ONE - price),
        "initial_count_fp": count(request.size),
        "fill_count_fp": count(filled),
        "remaining_count_fp": count(left),
        "taker_fill_cost_dollars": exact(_spent(taker)),
        "maker_fill_cost_dollars": exact(_spent(maker)),
        "taker_fees_dollars": exact(_fees(taker)),
        "maker_fees_dollars": exact(_fees(maker)),
        "exchange_index": 0,
        "subaccount_number": 0,
        "self_trade_prevention_type": "taker_at_cross",
        "cancel_order_on_pause": False,
        "created_time": words.moment(order.accepted_ns),
        "last_update_time": words.moment(order.updated_ns),
        "yes_price": cents(price),
        "no_price": cents(ONE - price),
        "initial_count": int(request.size),
        "fill_count": int(filled),
        "remaining_count": int(left),
        "taker_fees": cents(_fees(taker)),
        "maker_fees": cents(_fees(maker)),
        "taker_fill_cost": cents(_spent(taker)),
        "maker_fill_cost": cents(_spent(maker)),
        "queue_position": 0,
    }


def order_message(view: OrderView, account: int, *, told: bool = False) -> dict[str, Any]:
    """The same on the private stream, which has no cents and times in milliseconds, too."""
    row = order_row(view, account, told=told)
    row = {name: value for name, value in row.items() if not isinstance(value, int)}
    row |= {
        "is_yes": view.request.side is Side.BUY,
        "exchange_index": 0,
        "subaccount_number": 0,
        "created_ts_ms": view.order.accepted_ns // NS_PER_MS,
        "last_updated_ts_ms": view.order.updated_ns // NS_PER_MS,
    }
    return row


def _status(view: OrderView) -> str:
    return "executed" if view.order.status is OrderStatus.FILLED else "canceled"


def _sides(side: Side) -> dict[str, str]:
    """An ask buys NO in the words of before."""
    leg = "yes" if side is Side.BUY else "no"
    book = "bid" if side is Side.BUY else "ask"
    return {"side": leg, "action": "buy", "outcome_side": leg, "book_side": book}


def _spent(fills: list[Fill]) -> Decimal:
    return sum((fill.size * cost(fill.side, fill.price) for fill in fills), ZERO)


def _fees(fills: list[Fill]) -> Decimal:
    return sum((fill.fee for fill in fills), ZERO)


def fill_row(view: OrderView, fill: Fill, account: int) -> dict[str, Any]:
    name = words.trade_id(fill.venue_trade_id, account)
    ticker = view.instrument.market_id
    return {
        "fill_id": name,
        "trade_id": name,
        "order_id": words.order_id(view.order.number, account),
        "client_order_id": fill.client_order_id,
        "ticker": ticker,
        "market_ticker": ticker,
        **_sides(fill.side),
        "count_fp": count(fill.size),
        "yes_price_dollars": dollars(fill.price),
        "no_price_dollars": dollars(ONE - fill.price),
        "is_taker": fill.liquidity is Liquidity.TAKER,
        "fee_cost": exact(fill.fee),
        "exchange_index": 0,
        "created_time": words.moment(fill.at_ns),
        "ts": fill.at_ns // NS_PER_S,
        "count": int(fill.size),
        "price": float(fill.price),
        "yes_price": cents(fill.price),
        "no_price": cents(ONE - fill.price),
        "yes_price_fixed": dollars(fill.price),
        "no_price_fixed": dollars(ONE - fill.price),
    }


def fill_message(view: OrderView, fill: Fill, account: int, position: Decimal) -> dict[str, Any]:
    row = fill_row(view, fill, account)
    kept = (
        "trade_id", "order_id", "client_order_id", "market_ticker", "exchange_index", "is_taker",
        "side", "action", "outcome_side", "book_side", "yes_price_dollars", "count_fp", "fee_cost",
        "ts",
    )  # fmt: skip
    return {name: row[name] for name in kept} | {
        "ts_ms": fill.at_ns // NS_PER_MS,
        "post_position_fp": count(position),
        "purchased_side": row["outcome_side"],
        "subaccount": 0,
    }


def position_row(ticker: str, held: MarginPosition, fees: Decimal, traded: Decimal) -> Any:
    return {
        "ticker": ticker,
        "position_fp": count(held.quantity),
        "market_exposure_dollars": dollars(held.margin),
        "realized_pnl_dollars": dollars(held.realized_pnl),
        "fees_paid_dollars": dollars(fees),
        "total_traded_dollars": dollars(traded),
        "resting_orders_count": 0,
        "last_updated_ts": words.moment(held.updated_ns),
        "position": int(held.quantity),
        "market_exposure": cents(held.margin),
        "realized_pnl": cents(held.realized_pnl),
        "fees_paid": cents(fees),
        "total_traded": cents(traded),
    }


def position_message(ticker: str, account: int, held: MarginPosition, fees: Decimal) -> Any:
    return {
        "user_id": USER.format(account),
        "market_ticker": ticker,
        "position_fp": count(held.quantity),
        "position_cost_dollars": dollars(held.margin),
        "realized_pnl_dollars": dollars(held.realized_pnl),
        "fees_paid_dollars": dollars(fees),
        "position_fee_cost_dollars": dollars(fees),
        "volume_fp": count(abs(held.quantity)),
        "subaccount": 0,
    }


def settlement_row(told: Settlement) -> dict[str, Any]:
    yes, no = max(told.held, ZERO), max(-told.held, ZERO)
    revenue = yes * told.payout + no * (ONE - told.payout)
    yes_cost = told.cost if yes else ZERO
    no_cost = told.cost if no else ZERO
    return {
        "ticker": told.ticker,
        "event_ticker": told.ticker,
        "market_result": result(told.payout),
        "yes_count_fp": count(yes),
        "yes_total_cost_dollars": exact(yes_cost),
        "no_count_fp": count(no),
        "no_total_cost_dollars": exact(no_cost),
        "revenue": cents(revenue),
        "settled_time": words.moment(told.at_ns),
        "fee_cost": exact(ZERO),
        "value": cents(told.payout),
        "yes_count": int(yes),
        "no_count": int(no),
        "yes_total_cost": cents(yes_cost),
        "no_total_cost": cents(no_cost),
    }


def result(payout: Decimal) -> str:
    return {ONE: "yes", ZERO: "no"}.get(payout, "scalar")

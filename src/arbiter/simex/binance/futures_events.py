"""Futures user data: order and account updates, as the private stream tells them."""

from collections.abc import Iterable
from typing import Any

from arbiter.model.ids import Asset, InstrumentId
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Liquidity, OrderStatus, OrderType
from arbiter.model.perpetuals import ForcedCause, ForcedClose
from arbiter.model.reports import (
    Accepted,
    Ended,
    Filled,
    ForcedReported,
    FundingReported,
    VenueReport,
)
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account, OrderView
from arbiter.simex.binance import words
from arbiter.simex.binance.futures_account import forced_id, forced_number
from arbiter.simex.binance.spot_events import Event
from arbiter.simex.binance.words import fixed, short


def events(
    account: Account, reports: Iterable[VenueReport], now_ms: int, now_ns: int
) -> list[Event]:
    """Make the events of one step: the account's update stands before the orders'."""
    orders: list[Event] = []
    moved: dict[InstrumentId, None] = {}
    reason = "ORDER"
    for report in reports:
        if isinstance(report, Accepted):
            view = account.orders[report.client_order_id]
            orders.append((report, _order(view, "NEW", "NEW", report.at_ns, now_ms)))
        elif isinstance(report, Filled):
            view = account.orders[report.fill.client_order_id]
            moved[report.fill.instrument] = None
            orders.append((report, _trade(view, report.fill, now_ms)))
        elif isinstance(report, Ended) and report.status is not OrderStatus.FILLED:
            view = account.orders[report.client_order_id]
            status = words.STATUS[report.status]
            orders.append((report, _order(view, status, status, report.at_ns, now_ms)))
        elif isinstance(report, ForcedReported):
            moved[report.forced.instrument] = None
            orders.append((report, _forced(account, report.forced, now_ms)))
        elif isinstance(report, FundingReported):
            reason = "FUNDING_FEE"
            moved[report.payment.instrument] = None
            orders.append((report, _funding(account, report, now_ms, now_ns)))
    touched = account.take_touched()
    if not touched or reason == "FUNDING_FEE":
        return orders
    update = _update(account, list(touched), list(moved), reason, now_ms, now_ns)
    return [(None, update), *orders]


def _update(
    account: Account,
    assets: list[Asset],
    instruments: list[InstrumentId],
    reason: str,
    now_ms: int,
    now_ns: int,
) -> dict[str, Any]:
    return {
        "e": "ACCOUNT_UPDATE",
        "T": now_ms,
        "E": now_ms,
        "a": {
            "m": reason,
            "B": [
                {
                    "a": asset,
                    "wb": fixed(account.balances[asset][0]),
                    "cw": fixed(account.balances[asset][0] - account.balances[asset][1]),
                    "bc": "0",
                }
                for asset in assets
            ],
            "P": [_position(account, name, now_ns) for name in instruments],
        },
    }


def _funding(account: Account, report: FundingReported, now_ms: int, now_ns: int) -> dict[str, Any]:
    payment = report.payment
    told = _update(account, [payment.asset], [payment.instrument], "FUNDING_FEE", now_ms, now_ns)
    told["a"]["B"][0]["bc"] = fixed(payment.amount)
    told["T"] = payment.at_ns // NS_PER_MS
    return told


def _position(account: Account, name: InstrumentId, now_ns: int) -> dict[str, Any]:
    told = {one.instrument: one for one in account.exchange.margin.told(now_ns)}.get(name)
    position = account.exchange.margin.positions[name]
    return {
        "s": account.instrument(name).market_id,
        "pa": short(position.quantity),
        "ep": short(told.entry_price if told else ZERO),
        "bep": short(told.entry_price if told else ZERO),
        "cr": fixed(position.realized_pnl),
        "up": fixed(told.unrealized_pnl if told else ZERO),
        "mt": "isolated",
        "iw": fixed(position.margin),
        "ps": "BOTH",
    }


def _trade(view: OrderView, fill: Fill, now_ms: int) -> dict[str, Any]:
    view.told_size += fill.size
    view.told_value += fill.size * fill.price
    done = view.told_size == view.request.size
    told = _order(view, "TRADE", "FILLED" if done else "PARTIALLY_FILLED", fill.at_ns, now_ms)
    told["o"] |= {
        "l": short(fill.size),
        "L": short(fill.price),
        "N": fill.fee_asset,
        "n": short(fill.fee),
        "t": int(fill.venue_trade_id),
        "m": fill.liquidity is Liquidity.MAKER,
    }
    return told


def _order(view: OrderView, kind: str, status: str, at_ns: int, now_ms: int) -> dict[str, Any]:
    request, order = view.request, view.order
    type_ = "MARKET" if request.type is OrderType.MARKET else "LIMIT"
    average = view.told_value / view.told_size if view.told_size else ZERO
    return {
        "e": "ORDER_TRADE_UPDATE",
        "T": at_ns // NS_PER_MS,
        "E": now_ms,
        "o": {
            "s": view.instrument.market_id,
            "c": order.client_order_id,
            "S": request.side.value,
            "o": type_,
            "f": words.futures_tif(request),
            "q": short(request.size),
            "p": short(request.price or ZERO),
            "ap": f"{average:.8f}",
            "sp": "0",
            "x": kind,
            "X": status,
            "i": order.number,
            "l": "0",
            "z": short(view.told_size),
            "L": "0",
            "T": at_ns // NS_PER_MS,
            "t": 0,
            "b": "0",
            "a": "0",
            "m": False,
            "R": request.reduce_only,
            "wt": "CONTRACT_PRICE",
            "ot": type_,
            "ps": "BOTH",
            "cp": False,
            "rp": "0",
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": "EXPIRE_MAKER",
            "pm": "NONE",
            "gtd": 0,
        },
    }


def _forced(account: Account, close: ForcedClose, now_ms: int) -> dict[str, Any]:
    adl = close.cause is ForcedCause.ADL
    at = close.at_ns // NS_PER_MS
    return {
        "e": "ORDER_TRADE_UPDATE",
        "T": at,
        "E": now_ms,
        "o": {
            "s": account.instrument(close.instrument).market_id,
            "c": forced_id(close.venue_trade_id, adl=adl),
            "S": close.side.value,
            "o": "LIMIT",
            "f": "IOC",
            "q": short(close.size),
            "p": short(close.price),
            "ap": short(close.price),
            "sp": "0",
            "x": "TRADE" if adl else "CALCULATED",
            "X": "FILLED",
            "i": forced_number(close.venue_trade_id),
            "l": short(close.size),
            "z": short(close.size),
            "L": short(close.price),
            "N": close.fee_asset,
            "n": short(close.fee),
            "T": at,
            "t": int(close.venue_trade_id),
            "b": "0",
            "a": "0",
            "m": False,
            "R": False,
            "wt": "CONTRACT_PRICE",
            "ot": "LIMIT",
            "ps": "BOTH",
            "cp": False,
            "rp": "0",
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": "NONE",
        },
    }

"""Spot user data: execution reports and balances, as the private stream tells them."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from arbiter.model.ids import Asset
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Liquidity, OrderStatus
from arbiter.model.reports import Accepted, Ended, Filled, VenueReport
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account, OrderView
from arbiter.simex.binance import words
from arbiter.simex.binance.words import fixed

Event = tuple[VenueReport | None, dict[str, Any]]
"""What it tells of (None: balances), and the event."""


def events(account: Account, reports: Iterable[VenueReport], now_ms: int) -> list[Event]:
    """Make the events of one step; balances come last, as on the venue."""
    made: list[Event] = []
    for report in reports:
        if isinstance(report, Accepted):
            view = account.orders[report.client_order_id]
            made.append((report, _execution(view, "NEW", "NEW", report.at_ns, now_ms)))
        elif isinstance(report, Filled):
            view = account.orders[report.fill.client_order_id]
            made.append((report, _trade(view, report.fill, now_ms)))
        elif isinstance(report, Ended) and report.status is not OrderStatus.FILLED:
            view = account.orders[report.client_order_id]
            status = words.STATUS[report.status]
            told = _execution(view, status, status, report.at_ns, now_ms)
            if report.status is OrderStatus.CANCELLED:
                told |= {"C": view.order.client_order_id, "c": f"cancel-{view.order.number}"}
            made.append((report, told))
    touched = account.take_touched()
    if touched:
        made.append((None, _position(touched, now_ms)))
    return made


def _position(balances: dict[Asset, tuple[Decimal, Decimal]], now_ms: int) -> dict[str, Any]:
    return {
        "e": "outboundAccountPosition",
        "E": now_ms,
        "u": now_ms,
        "B": [
            {"a": asset, "f": fixed(total - locked), "l": fixed(locked)}
            for asset, (total, locked) in balances.items()
        ],
    }


def _trade(view: OrderView, fill: Fill, now_ms: int) -> dict[str, Any]:
    view.told_size += fill.size
    view.told_value += fill.size * fill.price
    done = view.told_size == view.request.size
    told = _execution(view, "TRADE", "FILLED" if done else "PARTIALLY_FILLED", fill.at_ns, now_ms)
    return told | {
        "l": fixed(fill.size),
        "L": fixed(fill.price),
        "n": fixed(fill.fee),
        "N": fill.fee_asset,
        "t": int(fill.venue_trade_id),
        "m": fill.liquidity is Liquidity.MAKER,
        "Y": fixed(fill.size * fill.price),
        "w": not done,
    }


def _execution(view: OrderView, kind: str, status: str, at_ns: int, now_ms: int) -> dict[str, Any]:
    request, order = view.request, view.order
    return {
        "e": "executionReport",
        "E": now_ms,
        "s": view.instrument.market_id,
        "c": order.client_order_id,
        "S": request.side.value,
        "o": words.spot_type(request),
        "f": request.time_in_force.value,
        "q": fixed(request.size),
        "p": fixed(request.price or ZERO),
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": "",
        "x": kind,
        "X": status,
        "r": "NONE",
        "i": order.number,
        "l": "0.00000000",
        "z": fixed(view.told_size),
        "L": "0.00000000",
        "n": "0",
        "N": None,
        "T": at_ns // NS_PER_MS,
        "t": -1,
        "I": order.number * 2,
        "w": kind == "NEW",
        "m": False,
        "M": False,
        "O": order.accepted_ns // NS_PER_MS,
        "Z": fixed(view.told_value),
        "Y": "0.00000000",
        "Q": "0.00000000",
        "W": order.accepted_ns // NS_PER_MS,
        "V": "EXPIRE_MAKER",
    }

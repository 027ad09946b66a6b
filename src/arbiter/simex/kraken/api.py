"""Kraken's REST API with a key: orders, trades, the account."""

import itertools
import re
from typing import Any

from arbiter.matching.faults import Fault
from arbiter.matching.orders import OrderRequest
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import ClientOrderId
from arbiter.model.money import plain
from arbiter.model.orders import OrderType, Side, TimeInForce
from arbiter.model.reports import CancelRefused, Refused
from arbiter.model.time import NS_PER_S
from arbiter.simex.account import Account, OrderView
from arbiter.simex.kraken import rows, words
from arbiter.simex.kraken.calls import Context, Route
from arbiter.simex.kraken.limits import ADD_COST, TRADING_DECAY, TRADING_MOST, Counter, cancel_cost
from arbiter.simex.kraken.public import Public
from arbiter.simex.venue import Shown, VenueServer

_UUID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST = 18
_PAGE = 50
_FLAGS = {"post", "fciq", "fcib", "nompp", "viqc"}
NONCE_WINDOW = 10_000
"""Of the second account's key; the others have none."""


class Api:
    def __init__(self, server: VenueServer) -> None:
        self._server = server
        self.public = Public(server)
        self._fresh = itertools.count(1)
        self._trading: dict[tuple[int, str], Counter] = {}
        self._names: dict[tuple[int, ClientOrderId], str] = {}
        """The ``cl_ord_id`` of each order; the venue takes one again when its order has closed."""
        self.tokens: dict[str, int] = {}
        """Account by token of the private stream."""
        self.private: dict[str, Route] = {
            "AddOrder": Route(self.add, "modify-trades", "submit", 0.0),
            "CancelOrder": Route(self.cancel, "close-trades", "cancel", 0.0),
            "CancelAll": Route(self.cancel_all, "close-trades", "cancel"),
            "OpenOrders": Route(self.open_orders, "query-open-trades", "query"),
            "ClosedOrders": Route(self.closed_orders, "query-closed-trades", "query"),
            "QueryOrders": Route(self.query_orders, "query-open-trades", "query"),
            "TradesHistory": Route(self.trades, "query-closed-trades", "fills", 2.0),
            "QueryTrades": Route(self.query_trades, "query-closed-trades", "fills"),
            "Balance": Route(self.balance, "query-funds", "holdings"),
            "BalanceEx": Route(self.balance_ex, "query-funds", "holdings"),
            "TradeVolume": Route(self.volume, "query-funds"),
            "GetWebSocketsToken": Route(self.token, "create-ws-token"),
            "GetApiKeyInfo": Route(self.key_info, "-"),
        }

    def name_of(self, account: Account, view: OrderView) -> str | None:
        return self._names.get((account.number, view.order.client_order_id))

    # Orders.

    def add(self, context: Context) -> dict[str, Any]:
        for mark in ("broker", "trading_agreement_partner", "referral"):
            if context.text(mark):
                self._server.brokers[mark] += 1
                if self._server.settings.refuse_brokers:
                    raise words.error("EGeneral:Permission denied")
        shown = self.public.find(context.need("pair"))
        self._count(context.account, shown, ADD_COST)
        name = self._checked_name(context)
        request = self._request(context, shown, name)
        if context.text("validate").lower() == "true":
            return {"descr": {"order": "validated"}}
        self._door(shown, marketable=not request.post_only)
        account = context.account
        reports = account.submit(request, self._server.now_ns())
        for report in reports:
            if isinstance(report, Refused):
                raise words.refusal_error(report.reason)
        if name:
            self._names[account.number, request.client_order_id] = name
        self._server.tell(account, reports)
        view = account.orders[request.client_order_id]
        number = words.order_id(view.order.number, account.number)
        return {"txid": [number], "descr": {"order": rows.order_row(view, name)["descr"]["order"]}}

    def _checked_name(self, context: Context) -> str:
        name = context.text("cl_ord_id")
        if not name:
            return ""
        short = len(name) <= _LONGEST and name.isascii()
        if context.text("userref") or not (short or _UUID.fullmatch(name)):
            raise words.invalid("cl_ord_id")
        account = context.account
        if any(self.name_of(account, view) == name for view in account.open_orders()):
            raise words.invalid("cl_ord_id")
        return name

    def _request(self, context: Context, shown: Shown, name: str) -> OrderRequest:
        side, kind = context.need("type"), context.need("ordertype")
        if side not in ("buy", "sell"):
            raise words.invalid("type")
        if kind not in ("limit", "market"):
            raise words.invalid("ordertype")
        flags = {flag for flag in context.text("oflags").split(",") if flag}
        tif = context.text("timeinforce") or "GTC"
        if flags - _FLAGS or "fcib" in flags or "viqc" in flags:
            raise words.invalid("oflags")
        if tif not in ("GTC", "IOC", "FOK"):
            raise words.invalid("timeinforce")
        market = kind == "market"
        size = context.positive("volume")
        price = None if market else context.positive("price")
        try:
            return OrderRequest(
                client_order_id=self._own_name(context.account, name),
                instrument=shown.instrument.id,
                side=Side.BUY if side == "buy" else Side.SELL,
                type=OrderType.MARKET if market else OrderType.LIMIT,
                time_in_force=TimeInForce("IOC" if market else tif),
                post_only="post" in flags,
                size=size,
                price=price,
            )
        except InvalidValue:
            raise words.invalid("volume") from None

    def _own_name(self, account: Account, name: str) -> ClientOrderId:
        """The exchange's own id of an order: a name's first order is called by it."""
        wanted = ClientOrderId(name or f"simex{next(self._fresh):09d}")
        while wanted in account.orders:
            wanted = ClientOrderId(f"{name}~{next(self._fresh)}")
        return wanted

    def _count(self, account: Account, shown: Shown, cost: float) -> None:
        counter = self._trading.setdefault(
            (account.number, shown.market_id), Counter(TRADING_MOST, TRADING_DECAY)
        )
        if not counter.add(cost, self._server.now_ns()):
            raise words.error("EOrder:Rate limit exceeded")

    def _door(self, shown: Shown, *, marketable: bool) -> None:
        fault = self._server.closed(shown.instrument.id)
        if fault is None:
            return
        if fault is Fault.DELISTING:
            raise words.error("EService:Market in cancel_only mode")
        if marketable or not self._server.faults.refuses_takers(self._server.now_ns()):
            raise words.error("EService:Market in post_only mode")

    def _own(self, context: Context, number: str) -> OrderView | None:
        return context.account.by_number(words.order_number(number))

    def _named(self, context: Context, name: str) -> list[OrderView]:
        account = context.account
        return [v for v in account.orders.values() if self.name_of(account, v) == name]

    def cancel(self, context: Context) -> dict[str, int]:
        name = context.text("cl_ord_id")
        if name:
            found = [v for v in self._named(context, name) if not v.order.status.terminal]
        else:
            view = self._own(context, context.need("txid"))
            found = [view] if view is not None else []
        if not found:
            raise words.no_such_order()
        for view in found:
            self._cancelled(context.account, view)
        return {"count": len(found)}

    def _cancelled(self, account: Account, view: OrderView) -> None:
        now_ns = self._server.now_ns()
        shown = self._server.by_id[view.instrument.id]
        self._count(account, shown, cancel_cost(now_ns - view.order.accepted_ns))
        reports = account.cancel(view, now_ns)
        if any(isinstance(report, CancelRefused) for report in reports):
            raise words.no_such_order()
        self._server.tell(account, reports)

    def cancel_all(self, context: Context) -> dict[str, int]:
        found = context.account.open_orders()
        for view in found:
            self._cancelled(context.account, view)
        return {"count": len(found)}

    def _told(self, context: Context, views: list[OrderView]) -> dict[str, Any]:
        account = context.account
        return {
            words.order_id(view.order.number, account.number): rows.order_row(
                view, self.name_of(account, view)
            )
            for view in views
        }

    def open_orders(self, context: Context) -> dict[str, Any]:
        name, found = context.text("cl_ord_id"), context.account.open_orders()
        if name:
            found = [view for view in found if self.name_of(context.account, view) == name]
        return {"open": self._told(context, found)}

    def closed_orders(self, context: Context) -> dict[str, Any]:
        """Newest first, fifty at a time."""
        name, first = context.text("cl_ord_id"), context.whole("ofs", 0)
        views = self._named(context, name) if name else list(context.account.orders.values())
        start_ns = context.whole("start", 0) * NS_PER_S
        found = [
            view
            for view in reversed(views)
            if view.order.status.terminal and view.order.updated_ns > start_ns
        ]
        page = self._told(context, found[first : first + _PAGE])
        return {"closed": page, "count": len(found)}

    def query_orders(self, context: Context) -> dict[str, Any]:
        numbers = context.need("txid").split(",")
        if len(numbers) > _PAGE:
            raise words.invalid("txid")
        found = [self._own(context, number) for number in numbers]
        views = [view for view in found if view is not None]
        if not views:
            raise words.error("EOrder:Invalid order")
        return self._told(context, views)

    def trades(self, context: Context) -> dict[str, Any]:
        """Newest first, fifty at a time; `start` itself is left out."""
        account, first = context.account, context.whole("ofs", 0)
        start = context.whole("start", 0) * NS_PER_S
        end = context.whole("end", 2**33) * NS_PER_S
        found = [fill for fill in reversed(account.fills) if start < fill.at_ns <= end]
        page = {
            words.trade_id(fill.venue_trade_id, account.number): rows.trade_row(account, fill)
            for fill in found[first : first + _PAGE]
        }
        return {"trades": page, "count": len(found)}

    def query_trades(self, context: Context) -> dict[str, Any]:
        account, wanted = context.account, set(context.need("txid").split(","))
        told = {words.trade_id(f.venue_trade_id, account.number): f for f in account.fills}
        return {n: rows.trade_row(account, fill) for n, fill in told.items() if n in wanted}

    # The account.

    def balance(self, context: Context) -> dict[str, str]:
        return {
            words.asset_id(asset): plain(total)
            for asset, (total, _) in context.account.balances.items()
        }

    def balance_ex(self, context: Context) -> dict[str, Any]:
        return {
            words.asset_id(asset): {"balance": plain(total), "hold_trade": plain(locked)}
            for asset, (total, locked) in context.account.balances.items()
        }

    def volume(self, context: Context) -> dict[str, Any]:
        told: dict[str, Any] = {"currency": "ZUSD", "volume": "0.0000"}
        if not context.text("pair"):
            return told
        listed = {words.pair_name(s.instrument): s.instrument for s in self.public.which(context)}
        fees = {name: plain(i.taker_fee * 100) for name, i in listed.items()}
        makers = {name: plain(i.maker_fee * 100) for name, i in listed.items()}
        return told | {"fees": _tiers(fees), "fees_maker": _tiers(makers)}

    def token(self, context: Context) -> dict[str, Any]:
        account = context.account.number
        token = f"simexToken{account:04d}{next(self._fresh):020d}"
        self.tokens[token] = account
        return {"token": token, "expires": 900}

    def key_info(self, context: Context) -> dict[str, Any]:
        key = context.key
        assert key is not None, "signed"
        return {
            "apiKeyName": "simex",
            "apiKey": key.key,
            "nonce": "0",
            "nonceWindow": nonce_window(key.account),
            "permissions": rights(can_trade=key.can_trade, can_withdraw=key.can_withdraw),
            "iban": f"AA00 N84G {key.account:04d} 0001",
            "validUntil": "0",
            "queryFrom": "0",
            "queryTo": "0",
            "createdTime": "1767225600",
            "modifiedTime": "1767225600",
            "ipAllowlist": [],
            "lastUsed": "1767225600",
        }


def nonce_window(account: int) -> int:
    return NONCE_WINDOW if account == 1 else 0


def rights(*, can_trade: bool, can_withdraw: bool) -> list[str]:
    told = ["query-funds", "query-open-trades", "query-closed-trades", "create-ws-token"]
    if can_trade:
        told += ["modify-trades", "close-trades"]
    return told + (["withdraw-funds"] if can_withdraw else [])


def _tiers(fees: dict[str, str]) -> dict[str, Any]:
    return {
        name: {
            "fee": fee,
            "minfee": fee,
            "maxfee": fee,
            "nextfee": None,
            "tiervolume": "0.0000",
            "nextvolume": None,
        }
        for name, fee in fees.items()
    }

"""The v5 REST API with a key: orders and the account."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from arbiter.matching.faults import Fault
from arbiter.matching.orders import OrderRequest
from arbiter.model.errors import InvalidValue, VenueRefused
from arbiter.model.ids import ClientOrderId
from arbiter.model.orders import OrderType, Side, TimeInForce
from arbiter.model.reports import CancelRefused, Refused
from arbiter.simex.account import Account, OrderView
from arbiter.simex.bybit import rows, words
from arbiter.simex.bybit.calls import Context, Route
from arbiter.simex.bybit.public import Public
from arbiter.simex.bybit.words import LINEAR, SPOT, number
from arbiter.simex.rest import VenueError
from arbiter.simex.venue import Shown, VenueServer

_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")


class Api:
    def __init__(self, server: VenueServer, fresh_id: Callable[[], str]) -> None:
        self._server = server
        self._fresh_id = fresh_id
        self.public = Public(server)
        order, account, position = (f"/v5/{part}" for part in ("order", "account", "position"))
        self.routes: dict[tuple[str, str], Route] = {
            **self.public.routes,
            ("POST", f"{order}/create"): Route(self.place, True, True, "submit"),
            ("POST", f"{order}/cancel"): Route(self.cancel, True, True, "cancel"),
            ("POST", f"{order}/cancel-all"): Route(self.cancel_all, True, True, "cancel"),
            ("GET", f"{order}/realtime"): Route(self.realtime, True, False, "query"),
            ("GET", f"{order}/history"): Route(self.history, True, False, "query"),
            ("GET", "/v5/execution/list"): Route(self.executions, True, False, "fills"),
            ("GET", f"{account}/wallet-balance"): Route(self.wallet, True, False, "holdings"),
            ("GET", f"{account}/info"): Route(self.info, True),
            ("GET", f"{account}/fee-rate"): Route(self.fee_rate, True),
            ("POST", f"{account}/set-margin-mode"): Route(lambda _: {"reasons": []}, True, True),
            ("GET", f"{position}/list"): Route(self.positions, True),
            ("POST", f"{position}/set-leverage"): Route(self.set_leverage, True, True),
            ("POST", f"{position}/switch-mode"): Route(self.switch_mode, True, True),
            ("POST", f"{position}/switch-isolated"): Route(self.switch_isolated, True, True),
            ("GET", "/v5/user/query-api"): Route(self.query_api, True),
            ("GET", "/v5/asset/coin/query-info"): Route(self.coins, True),
        }

    # Orders.

    def place(self, context: Context) -> dict[str, str]:
        if context.headers.get("Referer"):
            self._server.brokers["Referer"] += 1
            if self._server.settings.refuse_brokers:
                raise VenueError(10005, "Orders that carry a broker's mark are refused here.", 200)
        category = self.public.category(context)
        shown = self.public.find(category, context.need("symbol"))
        request = self._request(context, shown)
        self._door(shown, marketable=not request.post_only)
        reports = context.account.submit(request, self._server.now_ns())
        for report in reports:
            if isinstance(report, Refused):
                raise words.refusal_error(report.reason, category)
        self._server.tell(context.account, reports)
        view = context.account.orders[request.client_order_id]
        return _ids(view, context.account)

    def _request(self, context: Context, shown: Shown) -> OrderRequest:
        side, kind = context.need("side"), context.need("orderType")
        if side not in ("Buy", "Sell"):
            raise words.invalid("Side invalid")
        if kind not in ("Limit", "Market"):
            raise words.invalid("OrderType invalid")
        tif = context.text("timeInForce") or ("GTC" if kind == "Limit" else "IOC")
        if tif not in ("GTC", "IOC", "FOK", "PostOnly"):
            raise words.invalid("timeInForce invalid")
        size = _decimal(context, "qty")
        price = _decimal(context, "price") if kind == "Limit" else None
        # Spot market buys are in quote unless they say otherwise.
        spot_buy = kind == "Market" and side == "Buy" and not shown.perpetual
        if spot_buy and context.text("marketUnit", "quoteCoin") == "quoteCoin":
            best = shown.book.top[1] * shown.instrument.tick
            size = shown.instrument.floor_size(size / best)
        name = context.text("orderLinkId") or self._fresh_id()
        if not _ID.fullmatch(name):
            raise words.invalid("OrderLinkedID invalid")
        try:
            return OrderRequest(
                client_order_id=ClientOrderId(name),
                instrument=shown.instrument.id,
                side=Side.BUY if side == "Buy" else Side.SELL,
                type=OrderType.MARKET if kind == "Market" else OrderType.LIMIT,
                time_in_force=TimeInForce(tif if tif in ("IOC", "FOK") else "GTC"),
                post_only=tif == "PostOnly",
                reduce_only=context.flag("reduceOnly") and shown.perpetual,
                size=size,
                price=price,
            )
        except InvalidValue:
            raise words.invalid("Qty invalid") from None

    def _door(self, shown: Shown, *, marketable: bool) -> None:
        fault = self._server.closed(shown.instrument.id)
        if fault is None:
            return
        if fault is Fault.DELISTING:
            raise VenueError(170121, "Invalid symbol.", 200)
        if marketable or not self._server.faults.refuses_takers(self._server.now_ns()):
            raise VenueError(10016, "Server error.", 200)

    def _own(self, context: Context, category: str) -> OrderView | None:
        by_number = words.order_number(context.text("orderId"))
        if by_number:
            view = context.account.by_number(by_number)
        else:
            view = context.account.orders.get(ClientOrderId(context.text("orderLinkId")))
        if view is None or words.category_of(view.instrument) != category:
            return None
        return view

    def cancel(self, context: Context) -> dict[str, str]:
        category = self.public.category(context)
        view = self._own(context, category)
        if view is None:
            raise words.no_such_order(category)
        return self._cancelled(context.account, view)

    def _cancelled(self, account: Account, view: OrderView) -> dict[str, str]:
        reports = account.cancel(view, self._server.now_ns())
        if any(isinstance(report, CancelRefused) for report in reports):
            raise words.no_such_order(words.category_of(view.instrument))
        self._server.tell(account, reports)
        return _ids(view, account)

    def cancel_all(self, context: Context) -> dict[str, Any]:
        category, wanted = self.public.category(context), context.text("symbol")
        told = [
            self._cancelled(context.account, view)
            for view in context.account.open_orders()
            if words.category_of(view.instrument) == category
            and wanted in ("", view.instrument.market_id)
        ]
        return {"list": told, "success": "1"}

    def realtime(self, context: Context) -> dict[str, Any]:
        """Open orders; asked for by id, an ended one too."""
        category, wanted = self.public.category(context), context.text("symbol")
        if context.text("orderId") or context.text("orderLinkId"):
            view = self._own(context, category)
            found = [] if view is None else [view]
        else:
            found = [
                view
                for view in context.account.open_orders()
                if words.category_of(view.instrument) == category
                and wanted in ("", view.instrument.market_id)
            ]
        return self._page(context, [rows.order_row(v, context.account.number) for v in found])

    def history(self, context: Context) -> dict[str, Any]:
        category, wanted = self.public.category(context), context.text("symbol")
        view = self._own(context, category)
        found = [] if view is None else [view]
        if not context.text("orderId") and not context.text("orderLinkId"):
            found = [
                view
                for view in reversed(context.account.orders.values())
                if view.order.status.terminal
                and words.category_of(view.instrument) == category
                and wanted in ("", view.instrument.market_id)
            ]
        return self._page(context, [rows.order_row(v, context.account.number) for v in found])

    def executions(self, context: Context) -> dict[str, Any]:
        """Newest first, as the venue does."""
        account, category = context.account, self.public.category(context)
        start, end = context.whole("startTime", 0), context.whole("endTime", 2**62)
        kind = context.text("execType")
        made: list[dict[str, Any]] = []
        if kind in ("", "Trade"):
            made += [
                rows.execution_row(account.orders[f.client_order_id], f, account.number)
                for f in account.fills
            ]
        if kind in ("", "Funding"):
            made += [
                rows.funding_row(account.instrument(p.instrument), p, n, account.number)
                for n, p in enumerate(account.payments, 1)
            ]
        made += [
            row
            for close in account.forced
            for row in [
                rows.forced_row(account.instrument(close.instrument), close, account.number)
            ]
            if kind in ("", row["execType"])
        ]
        wanted, order = context.text("symbol"), context.text("orderId")
        link = context.text("orderLinkId")
        found = [
            row
            for row in made
            if row["category"] == category
            and wanted in ("", row["symbol"])
            and order in ("", row["orderId"])
            and link in ("", row["orderLinkId"])
            and start <= int(row["execTime"]) <= end
        ]
        found.sort(key=lambda row: (int(row["execTime"]), row["seq"]), reverse=True)
        return self._page(context, found, most=100)

    def _page(
        self, context: Context, found: list[dict[str, Any]], most: int = 50
    ) -> dict[str, Any]:
        limit = min(context.whole("limit", 50), most)
        first = context.whole("cursor", 0)
        more = first + limit < len(found)
        return {
            "category": self.public.category(context),
            "list": found[first : first + limit],
            "nextPageCursor": str(first + limit) if more else "",
        }

    # The account.

    def prices(self) -> dict[str, Decimal]:
        made = {"USDT": Decimal(1)}
        for shown in self.public.listed[SPOT].values():
            made[shown.instrument.base] = shown.book.top[0] * shown.instrument.tick
        return made

    def wallet(self, context: Context) -> dict[str, Any]:
        return {"list": [rows.wallet_row(context.account, self.prices())]}

    def info(self, _: Context) -> dict[str, Any]:
        return {
            "marginMode": "ISOLATED_MARGIN",
            "updatedTime": str(self._server.now_ms()),
            "unifiedMarginStatus": 6,
            "dcpStatus": "OFF",
            "timeWindow": 10,
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
        }

    def fee_rate(self, context: Context) -> dict[str, Any]:
        told = [
            {
                "symbol": shown.market_id,
                "takerFeeRate": number(shown.instrument.taker_fee),
                "makerFeeRate": number(shown.instrument.maker_fee),
                "baseCoin": "",
            }
            for shown in self.public.which(context)
        ]
        return {"list": told}

    def positions(self, context: Context) -> dict[str, Any]:
        account, wanted = context.account, context.text("symbol")
        if self.public.category(context) != LINEAR:
            return {"category": context.text("category"), "list": [], "nextPageCursor": ""}
        held = {p.instrument: p for p in account.exchange.margin.told(self._server.now_ns())}
        told = [
            rows.position_row(
                shown.instrument,
                held.get(shown.instrument.id),
                account.exchange.margin.contracts[shown.instrument.id].leverage,
                self._server.now_ms(),
            )
            for shown in self.public.listed[LINEAR].values()
            if wanted == shown.market_id or (not wanted and shown.instrument.id in held)
        ]
        return {"category": LINEAR, "list": told, "nextPageCursor": ""}

    def set_leverage(self, context: Context) -> dict[str, Any]:
        shown = self.public.find(self.public.category(context), context.need("symbol"))
        times = _decimal(context, "buyLeverage")
        contract = context.account.exchange.margin.contracts[shown.instrument.id]
        if contract.leverage == times:
            raise VenueError(110043, "leverage not modified", 200)
        try:
            context.account.exchange.set_leverage(shown.instrument.id, times, self._server.now_ns())
        except VenueRefused:
            raise VenueError(110013, "cannot set leverage due to risk limit", 200) from None
        return {}

    def switch_mode(self, context: Context) -> dict[str, Any]:
        if context.text("mode") == "0":
            raise VenueError(110025, "Position mode is not modified", 200)
        raise VenueError(
            110024, "You have an existing position, so the position mode cannot be switched.", 200
        )

    def switch_isolated(self, _: Context) -> dict[str, Any]:
        raise VenueError(110026, "Cross/isolated margin mode is not modified", 200)

    def query_api(self, context: Context) -> dict[str, Any]:
        key = context.key
        assert key is not None, "signed"
        wallet = ["AccountTransfer"] + (["Withdraw"] if key.can_withdraw else [])
        return {
            "id": "2208369",
            "note": "simex",
            "apiKey": key.key,
            "readOnly": int(not key.can_trade),
            "secret": "",
            "permissions": {
                "ContractTrade": ["Order", "Position"],
                "Spot": ["SpotTrade"],
                "Wallet": wallet if key.can_withdraw else [],
                "Options": [],
                "Derivatives": ["DerivativesTrade"],
                "Exchange": [],
            },
            "ips": ["*"],
            "type": 1,
            "deadlineDay": 90,
            "unified": 0,
            "uta": 1,
            "userID": 1_448_939 + key.account,
            "vipLevel": "No VIP",
            "isMaster": True,
        }

    def coins(self, context: Context) -> dict[str, Any]:
        told = [
            {"name": asset, "coin": asset, "remainAmount": "0", "chains": []}
            for asset in context.account.balances
        ]
        return {"rows": told}


def _ids(view: OrderView, account: Account) -> dict[str, str]:
    return {
        "orderId": words.order_id(view.order.number, account.number),
        "orderLinkId": view.order.client_order_id,
    }


def _decimal(context: Context, name: str) -> Decimal:
    try:
        value = Decimal(context.need(name))
    except InvalidOperation:
        raise words.invalid(f"{name} invalid") from None
    if not value.is_finite() or value <= 0:
        raise words.invalid(f"{name} invalid")
    return value

"""Coinbase's REST API with a key: orders, fills, the account."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from arbiter.matching.faults import Fault
from arbiter.matching.orders import OrderRequest
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import ClientOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import plain
from arbiter.model.orders import OrderType, Side, TimeInForce
from arbiter.model.reports import CancelRefused, Refused
from arbiter.simex.account import OrderView
from arbiter.simex.coinbase import rows, words
from arbiter.simex.coinbase.calls import Context, Route
from arbiter.simex.coinbase.public import Public
from arbiter.simex.venue import Shown, VenueServer

_BROKERAGE = "/api/v3/brokerage"
_MARK = "ccxt"
_LIMITS = {
    "limit_limit_gtc": TimeInForce.GTC,
    "sor_limit_ioc": TimeInForce.IOC,
    "limit_limit_fok": TimeInForce.FOK,
}


class Api:
    def __init__(self, server: VenueServer) -> None:
        self._server = server
        self.public = Public(server)
        orders = f"{_BROKERAGE}/orders"
        self.routes: dict[tuple[str, str], Route] = {
            **{("GET", path): route for path, route in self.public.routes.items()},
            ("POST", orders): Route(self.place, trading=True, call="submit"),
            ("POST", f"{orders}/preview"): Route(self.preview, trading=True),
            ("POST", f"{orders}/batch_cancel"): Route(self.cancel, trading=True, call="cancel"),
            ("GET", f"{orders}/historical/batch"): Route(self.orders, call="query"),
            ("GET", f"{orders}/historical/fills"): Route(self.fills, call="fills"),
            ("GET", f"{_BROKERAGE}/accounts"): Route(self.accounts, call="holdings"),
            ("GET", "/v2/accounts"): Route(self.accounts_v2, call="holdings"),
            ("GET", f"{_BROKERAGE}/transaction_summary"): Route(self.summary),
            ("GET", f"{_BROKERAGE}/key_permissions"): Route(self.permissions),
        }
        self._order = Route(self.order, call="query")

    def route(self, method: str, path: str) -> tuple[Route, str] | None:
        """Find what serves a path, and what the path leaves open."""
        exact = self.routes.get((method, path))
        if exact is not None:
            return exact, ""
        if method != "GET" or not path.startswith(_BROKERAGE):
            return None
        parts = path.removeprefix(_BROKERAGE).strip("/").split("/")
        match parts:
            case ["orders", "historical", number]:
                return self._order, number
            case ["market", "products", product, *rest] | ["products", product, *rest]:
                found = self.public.product_routes.get("/".join(rest))
                return None if found is None else (found, product)
        return None

    # Orders.

    def place(self, context: Context) -> dict[str, Any]:
        """An id that has been used gets the order that it belongs to."""
        name = str(context.body.get("client_order_id") or "")
        if not name:
            raise words.invalid("client_order_id is required")
        if name.startswith(_MARK):
            self._server.brokers["client_order_id"] += 1
            if self._server.settings.refuse_brokers:
                raise words.NotMade("INELIGIBLE_PAIR", "broker's marks are refused here", "")
        account, asked = context.account, context.body.get("order_configuration")
        view = account.orders.get(ClientOrderId(name))
        if view is None:
            view = self._made(context, name)
        number = words.order_id(view.order.number, account.number)
        return {
            "success": True,
            "failure_reason": "UNKNOWN_FAILURE_REASON",
            "order_id": number,
            "success_response": {
                "order_id": number,
                "product_id": view.instrument.market_id,
                "side": view.request.side.value,
                "client_order_id": name,
            },
            "order_configuration": asked,
        }

    def _made(self, context: Context, name: str) -> OrderView:
        shown = self._product(context)
        request = self._request(context, shown, name)
        self._door(shown, marketable=not request.post_only)
        reports = context.account.submit(request, self._server.now_ns())
        for report in reports:
            if isinstance(report, Refused):
                raise words.not_made(report.reason)
        self._server.tell(context.account, reports)
        return context.account.orders[request.client_order_id]

    def preview(self, context: Context) -> dict[str, Any]:
        shown = self._product(context)
        self._request(context, shown, "preview")
        return {"order_total": "0", "commission_total": "0", "errs": [], "warning": []}

    def _product(self, context: Context) -> Shown:
        shown = self.public.listed.get(str(context.body.get("product_id")))
        if shown is None:
            raise words.not_made("UNKNOWN_INSTRUMENT")
        return shown

    def _request(self, context: Context, shown: Shown, name: str) -> OrderRequest:
        side, asked = context.body.get("side"), context.body.get("order_configuration")
        if side not in ("BUY", "SELL"):
            raise words.invalid("side is required")
        if not isinstance(asked, dict) or len(asked) != 1:
            raise words.not_made("UNSUPPORTED")
        ((kind, terms),) = asked.items()
        if not isinstance(terms, dict):
            raise words.invalid("order_configuration is invalid")
        tif = TimeInForce.IOC if kind == "market_market_ioc" else _LIMITS.get(kind)
        if tif is None:
            raise words.not_made("UNSUPPORTED")
        market = kind == "market_market_ioc"
        try:
            return OrderRequest(
                client_order_id=ClientOrderId(name),
                instrument=shown.instrument.id,
                side=Side(side),
                type=OrderType.MARKET if market else OrderType.LIMIT,
                time_in_force=tif,
                post_only=terms.get("post_only") is True,
                size=self._size(terms, shown, Side(side)),
                price=None if market else _decimal(terms, "limit_price"),
            )
        except InvalidValue:
            raise words.invalid("order_configuration is invalid") from None

    def _size(self, terms: Mapping[str, Any], shown: Shown, side: Side) -> Decimal:
        """A market buy may be sized in quote."""
        if "quote_size" not in terms:
            return _decimal(terms, "base_size")
        if side is Side.SELL:
            raise words.not_made("UNSUPPORTED")
        instrument: Instrument = shown.instrument
        best = shown.book.top[1] * instrument.tick
        return instrument.floor_size(_decimal(terms, "quote_size") / best)

    def _door(self, shown: Shown, *, marketable: bool) -> None:
        fault = self._server.closed(shown.instrument.id)
        if fault is None:
            return
        refuses = marketable or not self._server.faults.refuses_takers(self._server.now_ns())
        if fault is Fault.DELISTING or refuses:
            raise words.shut()

    def cancel(self, context: Context) -> dict[str, Any]:
        numbers = context.body.get("order_ids")
        if not isinstance(numbers, list) or not numbers:
            raise words.invalid("order_ids is required")
        return {"results": [self._cancelled(context, str(number)) for number in numbers]}

    def _cancelled(self, context: Context, number: str) -> dict[str, Any]:
        account = context.account
        view = account.by_number(words.order_number(number))
        why = "UNKNOWN_CANCEL_ORDER"
        if view is not None:
            reports = account.cancel(view, self._server.now_ns())
            if not any(isinstance(report, CancelRefused) for report in reports):
                why = "UNKNOWN_CANCEL_FAILURE_REASON"
                self._server.tell(account, reports)
        made = why == "UNKNOWN_CANCEL_FAILURE_REASON"
        return {"success": made, "failure_reason": why, "order_id": number}

    def order(self, context: Context) -> dict[str, Any]:
        view = context.account.by_number(words.order_number(context.tail))
        if view is None:
            raise words.not_found("order with this orderID was")
        return {"order": rows.order_row(view, context.account.number)}

    def orders(self, context: Context) -> dict[str, Any]:
        """Newest first."""
        account, states = context.account, context.many("order_status")
        products, numbers = context.many("product_ids"), context.many("order_ids")
        products += context.many("product_id")
        start, end = context.time_ns("start_date"), context.time_ns("end_date") or 2**63
        found = [
            rows.order_row(view, account.number)
            for view in reversed(account.orders.values())
            if (not states or words.STATUS[view.order.status] in states)
            and (not products or view.instrument.market_id in products)
            and (not numbers or words.order_id(view.order.number, account.number) in numbers)
            and start <= view.order.accepted_ns < end
        ]
        page, cursor = _page(context, found, 1_000)
        return {"orders": page, "sequence": "0", "has_next": bool(cursor), "cursor": cursor}

    def fills(self, context: Context) -> dict[str, Any]:
        """Newest first."""
        account, numbers = context.account, context.many("order_ids")
        products = context.many("product_ids") + context.many("product_id")
        start = context.time_ns("start_sequence_timestamp")
        end = context.time_ns("end_sequence_timestamp") or 2**63
        found = [
            row
            for fill in reversed(account.fills)
            if start <= fill.at_ns < end
            for row in [rows.fill_row(account, fill)]
            if (not numbers or row["order_id"] in numbers)
            and (not products or row["product_id"] in products)
        ]
        page, cursor = _page(context, found, 250)
        return {"fills": page, "cursor": cursor}

    # The account.

    def accounts(self, context: Context) -> dict[str, Any]:
        account = context.account
        found = [
            rows.account_row(asset, total, locked, account.number)
            for asset, (total, locked) in account.balances.items()
        ]
        page, cursor = _page(context, found, 250)
        return {"accounts": page, "has_next": bool(cursor), "cursor": cursor, "size": len(page)}

    def accounts_v2(self, context: Context) -> dict[str, Any]:
        told = [
            {
                "id": f"simex-{asset}",
                "name": f"{asset} Wallet",
                "type": "wallet",
                "currency": {"code": asset},
                "balance": {"amount": plain(total), "currency": asset},
            }
            for asset, (total, _) in context.account.balances.items()
        ]
        return {"pagination": {"next_uri": None}, "data": told}

    def summary(self, _: Context) -> dict[str, Any]:
        first = next(iter(self.public.listed.values())).instrument
        return {
            "total_volume": 0,
            "total_fees": 0,
            "fee_tier": {
                "pricing_tier": "Advanced 1",
                "usd_from": "0",
                "usd_to": "1000",
                "taker_fee_rate": plain(first.taker_fee),
                "maker_fee_rate": plain(first.maker_fee),
                "aop_from": "",
                "aop_to": "",
            },
            "margin_rate": None,
            "goods_and_services_tax": None,
            "advanced_trade_only_volume": 0,
            "advanced_trade_only_fees": 0,
        }

    def permissions(self, context: Context) -> dict[str, Any]:
        key = context.key
        assert key is not None, "signed"
        return {
            "can_view": True,
            "can_trade": key.can_trade,
            "can_transfer": key.can_withdraw,
            "portfolio_uuid": f"simex-portfolio-{key.account}",
            "portfolio_type": "DEFAULT",
        }


def _page(
    context: Context, found: list[dict[str, Any]], most: int
) -> tuple[list[dict[str, Any]], str]:
    limit = min(context.whole("limit", 100), most)
    first = context.whole("cursor", 0)
    more = first + limit < len(found)
    return found[first : first + limit], str(first + limit) if more else ""


def _decimal(terms: Mapping[str, Any], name: str) -> Decimal:
    try:
        value = Decimal(str(terms[name]))
    except (KeyError, InvalidOperation):
        raise words.invalid(f"{name} is invalid") from None
    if not value.is_finite() or value <= 0:
        raise words.invalid(f"{name} is invalid")
    return value

"""The v5 REST API with a key: orders and the account."""

import itertools
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from arbiter.matching.codes import Refusal
from arbiter.matching.faults import Fault
from arbiter.matching.orders import OrderRequest, VenueOrder
from arbiter.model.errors import InvalidValue, VenueRefused
from arbiter.model.ids import ClientOrderId
from arbiter.model.money import ONE
from arbiter.model.orders import OrderStatus, OrderType, Side, TimeInForce
from arbiter.model.reports import Accepted, CancelRefused, Ended, Refused, VenueReport
from arbiter.simex.account import Account, OrderView
from arbiter.simex.okx import rows, words
from arbiter.simex.okx.calls import Context, Route, page, within
from arbiter.simex.okx.public import Public, Settled
from arbiter.simex.okx.words import SWAP, OrderRefused, number
from arbiter.simex.rest import VenueError
from arbiter.simex.venue import Shown, VenueServer

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_KINDS = ("market", "limit", "post_only", "fok", "ioc", "optimal_limit_ioc")
_TIMES = {"ioc": TimeInForce.IOC, "optimal_limit_ioc": TimeInForce.IOC, "fok": TimeInForce.FOK}
_CCXT = "6b9ad766b55dBCDE"
_ENDED_AT_ONCE = 20_000_000
"""Numbers of orders that the exchange behind never saw."""


class Api:
    def __init__(self, server: VenueServer, fresh_id: Callable[[], str], settled: Settled) -> None:
        self._server = server
        self._fresh_id = fresh_id
        self._ended_at_once = itertools.count(_ENDED_AT_ONCE)
        self.public = Public(server, settled)
        trade, account = "/api/v5/trade", "/api/v5/account"
        placing = Route(self.place, True, True, "submit", many=True)
        cancelling = Route(self.cancel, True, True, "cancel", many=True)
        fills = Route(self.fills, True, False, "fills")
        past = Route(self.past_orders, True, False, "query")
        bills = Route(self.bills, True)
        self.routes: dict[tuple[str, str], Route] = {
            **self.public.routes,
            ("POST", f"{trade}/order"): placing,
            ("POST", f"{trade}/batch-orders"): placing,
            ("POST", f"{trade}/cancel-order"): cancelling,
            ("POST", f"{trade}/cancel-batch-orders"): cancelling,
            ("GET", f"{trade}/order"): Route(self.order, True, False, "query"),
            ("GET", f"{trade}/orders-pending"): Route(self.open_orders, True, False, "query"),
            ("GET", f"{trade}/orders-history"): past,
            ("GET", f"{trade}/orders-history-archive"): past,
            ("GET", f"{trade}/fills"): fills,
            ("GET", f"{trade}/fills-history"): fills,
            ("GET", f"{account}/balance"): Route(self.balance, True, False, "holdings"),
            ("GET", f"{account}/positions"): Route(self.positions, True),
            ("GET", f"{account}/bills"): bills,
            ("GET", f"{account}/bills-archive"): bills,
            ("GET", f"{account}/config"): Route(self.config, True),
            ("GET", f"{account}/trade-fee"): Route(self.trade_fee, True),
            ("GET", f"{account}/leverage-info"): Route(self.leverage, True),
            ("POST", f"{account}/set-leverage"): Route(self.set_leverage, True, True),
            ("GET", "/api/v5/asset/currencies"): Route(self.currencies, True),
        }

    # Orders.

    def place(self, context: Context) -> list[Any]:
        self._count_brokers(context)
        shown = self._named(context)
        request = self._request(context, shown)
        self._door(shown, marketable=not request.post_only)
        if request.client_order_id in context.account.orders:
            raise words.refusal_error(Refusal.DUPLICATE_ID)
        reports = context.account.submit(request, self._server.now_ns())
        for report in reports:
            if isinstance(report, Refused):
                if report.reason.startswith(Refusal.WOULD_TAKE):
                    reports = self._end_at_once(context.account, request, shown)
                    break
                raise words.refusal_error(report.reason)
        self._server.tell(context.account, reports)
        view = context.account.orders[request.client_order_id]
        return [self._placed(view, context.account, "Order placed")]

    def _count_brokers(self, context: Context) -> None:
        mark = "tag" if context.text("tag") else ""
        if not mark and context.text("clOrdId").startswith(_CCXT):
            mark = "clOrdId"
        if mark:
            self._server.brokers[mark] += 1
            if self._server.settings.refuse_brokers:
                text = "Orders that carry a broker's mark are refused here."
                raise OrderRefused(51000, text, 200)

    def _named(self, context: Context) -> Shown:
        shown = self.public.listed.get(context.need("instId"))
        if shown is None:
            raise words.refusal_error(Refusal.UNKNOWN_INSTRUMENT)
        return shown

    def _request(self, context: Context, shown: Shown) -> OrderRequest:
        listed, side, kind = shown.instrument, context.need("side"), context.need("ordType")
        for name, value, allowed in (
            ("side", side, ("buy", "sell")),
            ("ordType", kind, _KINDS),
            ("tdMode", context.need("tdMode"), ("isolated",) if shown.perpetual else ("cash",)),
            ("posSide", context.text("posSide"), ("", "net")),
        ):
            if value not in allowed:
                raise OrderRefused(51000, f"Parameter {name} error", 200)
        at_market = kind in ("market", "optimal_limit_ioc")
        size = context.amount("sz") * listed.wire_unit
        # A spot market buy is in quote unless it says otherwise.
        in_quote = context.text("tgtCcy", "quote_ccy") == "quote_ccy"
        if kind == "market" and side == "buy" and not shown.perpetual and in_quote:
            size = listed.floor_size(size / (shown.book.top[1] * listed.tick))
        name = context.text("clOrdId") or self._fresh_id()
        if not _ID.fullmatch(name):
            raise OrderRefused(51000, "Parameter clOrdId error", 200)
        try:
            return OrderRequest(
                client_order_id=ClientOrderId(name),
                instrument=listed.id,
                side=Side.BUY if side == "buy" else Side.SELL,
                type=OrderType.MARKET if at_market else OrderType.LIMIT,
                time_in_force=_TIMES.get(kind, TimeInForce.GTC),
                post_only=kind == "post_only",
                reduce_only=context.flag("reduceOnly") and shown.perpetual,
                size=size,
                price=None if at_market else context.amount("px"),
            )
        except InvalidValue:
            raise OrderRefused(51000, "Parameter sz error", 200) from None

    def _door(self, shown: Shown, *, marketable: bool) -> None:
        fault = self._server.closed(shown.instrument.id)
        if fault is None:
            return
        if fault is Fault.DELISTING:
            raise words.refusal_error(Refusal.UNKNOWN_INSTRUMENT)
        if marketable or not self._server.faults.refuses_takers(self._server.now_ns()):
            raise VenueError(50001, "Service temporarily unavailable. Try again later", 503)

    def _end_at_once(
        self, account: Account, request: OrderRequest, shown: Shown
    ) -> list[VenueReport]:
        """A post-only order that would take is taken and cancelled by the venue, not refused."""
        now = self._server.now_ns()
        order = VenueOrder(
            request=request,
            number=next(self._ended_at_once),
            status=OrderStatus.EXPIRED,
            lock_asset=shown.instrument.quote,
            lock_rate=ONE,
            accepted_ns=now,
            updated_ns=now,
        )
        account.remember(order)
        venue, name = shown.instrument.venue, order.client_order_id
        return [
            Accepted(
                venue=venue, at_ns=now, client_order_id=name, venue_order_id=order.venue_order_id
            ),
            Ended(
                venue=venue,
                at_ns=now,
                client_order_id=name,
                status=order.status,
                filled_size=order.filled_size,
                reason="",
            ),
        ]

    def _placed(self, view: OrderView, account: Account, text: str) -> dict[str, str]:
        return {
            "ordId": words.order_id(view.order.number, account.number),
            "clOrdId": view.order.client_order_id,
            "tag": "",
            "sCode": "0",
            "sMsg": text,
            "ts": str(self._server.now_ms()),
        }

    def _own(self, context: Context) -> OrderView | None:
        by_number = words.order_number(context.text("ordId"))
        if by_number:
            view = context.account.by_number(by_number)
        else:
            view = context.account.orders.get(ClientOrderId(context.need("clOrdId")))
        if view is None or view.instrument.market_id != context.need("instId"):
            return None
        return view

    def cancel(self, context: Context) -> list[Any]:
        view, account = self._own(context), context.account
        if view is None or view.order.status.terminal:
            raise words.refusal_error(Refusal.UNKNOWN_ORDER)
        reports = account.cancel(view, self._server.now_ns())
        if any(isinstance(report, CancelRefused) for report in reports):
            raise words.refusal_error(Refusal.ALREADY_ENDED)
        self._server.tell(account, reports)
        return [self._placed(view, account, "")]

    def order(self, context: Context) -> list[Any]:
        view = self._own(context)
        if view is None:
            raise VenueError(51603, "Order does not exist", 200)
        return [rows.order_row(view, context.account.number)]

    def open_orders(self, context: Context) -> list[Any]:
        return self._orders(context, context.account.open_orders())

    def past_orders(self, context: Context) -> list[Any]:
        ended = [v for v in context.account.orders.values() if v.order.status.terminal]
        return self._orders(context, ended)

    def _orders(self, context: Context, views: list[OrderView]) -> list[Any]:
        wanted, kind = context.text("instId"), context.text("instType")
        found = [
            rows.order_row(view, context.account.number)
            for view in views
            if wanted in ("", view.instrument.market_id)
            and kind in ("", words.kind_of(view.instrument))
        ]
        found.sort(key=lambda row: int(row["ordId"]), reverse=True)
        return page(context, found, "ordId")

    def fills(self, context: Context) -> list[Any]:
        """Newest first, those of forced closes among them."""
        account = context.account
        made = [
            rows.fill_row(account.orders[f.client_order_id], f, account.number)
            for f in account.fills
        ]
        made += [
            rows.forced_row(account.instrument(close.instrument), close, account.number)
            for close in account.forced
        ]
        wanted, kind, order = (context.text(name) for name in ("instId", "instType", "ordId"))
        found = [
            row
            for row in within(context, made)
            if wanted in ("", row["instId"])
            and kind in ("", row["instType"])
            and order in ("", row["ordId"])
        ]
        found.sort(key=lambda row: int(row["billId"]), reverse=True)
        return page(context, found, "billId")

    # The account.

    def prices(self) -> dict[str, Decimal]:
        made = {"USDT": ONE}
        for shown in self.public.listed.values():
            if not shown.perpetual:
                made[shown.instrument.base] = shown.book.top[0] * shown.instrument.tick
        return made

    def balance(self, context: Context) -> list[Any]:
        return [rows.balance_row(context.account, self.prices(), self._server.now_ms())]

    def positions(self, context: Context) -> list[Any]:
        wanted = context.text("instId")
        names = wanted.split(",") if wanted else []
        if context.text("instType", SWAP) != SWAP:
            return []
        now = self._server.now_ns()
        return [
            self.position(context.account, account_shown)
            for account_shown in self.public.listed.values()
            if account_shown.instrument.id
            in {told.instrument for told in context.account.exchange.margin.told(now)}
            and (not names or account_shown.market_id in names)
        ]

    def position(self, account: Account, shown: Shown) -> dict[str, Any]:
        margin, name = account.exchange.margin, shown.instrument.id
        held = {told.instrument: told for told in margin.told(self._server.now_ns())}
        leverage = margin.contracts[name].leverage
        return rows.position_row(shown.instrument, held.get(name), leverage, self._server.now_ms())

    def bills(self, context: Context) -> list[Any]:
        """Of funding alone: nothing else asks for bills."""
        account, wanted = context.account, context.text("instId")
        if context.text("type", "8") != "8" or context.text("instType", SWAP) != SWAP:
            return []
        made = [
            rows.funding_bill(account.instrument(paid.instrument), paid, count, account.number)
            for count, paid in enumerate(account.payments, 1)
        ]
        found = [row for row in within(context, made) if wanted in ("", row["instId"])]
        return page(context, found[::-1], "billId")

    def config(self, context: Context) -> list[Any]:
        key = context.key
        assert key is not None, "signed"
        rights = ["read_only"]
        rights += ["withdraw"] if key.can_withdraw else []
        rights += ["trade"] if key.can_trade else []
        return [
            {
                "uid": str(44_705_892_343_619_584 + key.account),
                "mainUid": str(44_705_892_343_619_584 + key.account),
                "label": "simex",
                "perm": ",".join(rights),
                "ip": "",
                "acctLv": "2",
                "posMode": "net_mode",
                "acctStpMode": "cancel_maker",
                "autoLoan": False,
                "ctIsoMode": "automatic",
                "mgnIsoMode": "automatic",
                "greeksType": "PA",
                "level": "Lv1",
                "levelTmp": "",
                "enableSpotBorrow": False,
                "spotBorrowAutoRepay": False,
                "roleType": "0",
                "type": "0",
                "kycLv": "3",
            }
        ]

    def trade_fee(self, context: Context) -> list[Any]:
        shown = next(iter(self.public.of_kind(context)), None)
        if shown is None:
            return []
        maker, taker = number(-shown.instrument.maker_fee), number(-shown.instrument.taker_fee)
        swap = shown.perpetual
        return [
            {
                "category": "1",
                "instType": context.text("instType"),
                "level": "Lv1",
                "maker": maker if not swap else "-0.0002",
                "taker": taker if not swap else "-0.0005",
                "makerU": maker if swap else "",
                "takerU": taker if swap else "",
                "makerUSDC": "",
                "takerUSDC": "",
                "delivery": "",
                "exercise": "",
                "feeGroup": [{"groupId": "1", "maker": maker, "taker": taker}],
                "ts": str(self._server.now_ms()),
            }
        ]

    def _leverage(self, context: Context, shown: Shown) -> list[Any]:
        contract = context.account.exchange.margin.contracts[shown.instrument.id]
        return [
            {
                "instId": shown.market_id,
                "lever": number(contract.leverage),
                "mgnMode": "isolated",
                "posSide": "net",
            }
        ]

    def leverage(self, context: Context) -> list[Any]:
        return self._leverage(context, self.public.named(context))

    def set_leverage(self, context: Context) -> list[Any]:
        shown = self.public.named(context)
        if context.need("mgnMode") != "isolated" or not shown.perpetual:
            raise words.invalid("mgnMode")
        account, now = context.account, self._server.now_ns()
        try:
            account.exchange.set_leverage(shown.instrument.id, context.amount("lever"), now)
        except VenueRefused:
            text = "Leverage exceeds the maximum limit. Please lower the leverage."
            raise VenueError(59102, text, 200) from None
        return self._leverage(context, shown)

    def currencies(self, context: Context) -> list[Any]:
        return [
            {
                "ccy": asset,
                "name": asset,
                "chain": f"{asset}-{asset}",
                "canDep": True,
                "canWd": True,
                "canInternal": True,
                "minWd": "1",
                "maxWd": "1000000",
                "wdTickSz": "8",
                "minFee": "0",
                "maxFee": "0",
                "mainNet": True,
            }
            for asset in context.account.balances
        ]

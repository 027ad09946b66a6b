"""The REST API with a key: orders and the account."""

import re
from decimal import Decimal
from typing import Any

from arbiter.matching.faults import Fault
from arbiter.matching.orders import OrderRequest
from arbiter.model.binaries import cost
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import ClientOrderId, InstrumentId
from arbiter.model.money import ZERO, quotient
from arbiter.model.orders import Fill, Side, TimeInForce
from arbiter.model.reports import CancelRefused, Refused
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.simex.account import Account, OrderView
from arbiter.simex.kalshi import rows, words
from arbiter.simex.kalshi.calls import Context, Route, split
from arbiter.simex.kalshi.limits import CANCEL
from arbiter.simex.kalshi.public import Public
from arbiter.simex.kalshi.rows import USD, Settlement
from arbiter.simex.kalshi.words import cents, count, dollars
from arbiter.simex.venue import Shown, VenueServer

ORDERS = "/portfolio/events/orders"
_ID = re.compile(r"[\w:+=/-]{1,64}")
_SIDES = {"bid": Side.BUY, "ask": Side.SELL}
_LIFETIMES = {
    "good_till_canceled": TimeInForce.GTC,
    "immediate_or_cancel": TimeInForce.IOC,
    "fill_or_kill": TimeInForce.FOK,
}
_PREVENTIONS = ("taker_at_cross", "maker")


class Api:
    def __init__(self, server: VenueServer, public: Public) -> None:
        self._server = server
        self._public = public
        self._killed: set[tuple[int, ClientOrderId]] = set()
        """Orders that were filled or killed, and killed: no such order exists."""
        self._anonymous = 0
        self.settlements: dict[int, list[Settlement]] = {}

    def routes(self) -> list[Route]:
        def retired(_: Context) -> Any:
            raise words.retired()

        old = "/portfolio/orders"
        dead = [
            ("POST", old),
            ("DELETE", old),
            ("POST", f"{old}/batched"),
            ("DELETE", f"{old}/batched"),
            ("DELETE", f"{old}/{{order}}"),
            ("POST", f"{old}/{{order}}/amend"),
            ("POST", f"{old}/{{order}}/decrease"),
        ]
        return [
            *(Route(method, split(path), retired, signed=True) for method, path in dead),
            Route(
                "POST",
                split(ORDERS),
                self.place,
                signed=True,
                write=True,
                call="submit",
                status=201,
            ),
            Route(
                "DELETE",
                split(f"{ORDERS}/{{order}}"),
                self.cancel,
                signed=True,
                write=True,
                tokens=CANCEL,
                call="cancel",
            ),
            Route("GET", split(old), self.orders, signed=True, call="query"),
            Route("GET", split(f"{old}/{{order}}"), self.order, signed=True, call="query"),
            Route("GET", split("/portfolio/fills"), self.fills, signed=True, call="fills"),
            Route("GET", split("/portfolio/balance"), self.balance, signed=True, call="holdings"),
            Route("GET", split("/portfolio/positions"), self.positions, signed=True),
            Route("GET", split("/portfolio/settlements"), self.settled, signed=True),
            Route("GET", split("/api_keys"), self.api_keys, signed=True),
            Route("GET", split("/account/limits"), self.limits, signed=True),
        ]

    # Orders.

    def place(self, context: Context) -> dict[str, Any]:
        shown = self._public.listed.get(context.text("ticker"))
        if shown is None:
            raise words.not_found()
        request = self._request(context, shown)
        fault = self._server.closed(shown.instrument.id)
        if fault is Fault.DELISTING:
            raise words.Refused(409, "market_closed", "market closed")
        if fault is not None:
            raise words.Refused(409, "trading_is_paused", "trading is paused")
        account = context.account
        reports = account.submit(request, self._server.now_ns())
        for report in reports:
            if isinstance(report, Refused):
                raise words.refused(report.reason)
        view = account.orders[request.client_order_id]
        if request.time_in_force is TimeInForce.FOK and not view.order.filled_size:
            self._killed.add((account.number, request.client_order_id))
            account.take_touched()
            raise words.Refused(
                409,
                "fill_or_kill_insufficient_resting_volume",
                "fill or kill insufficient resting volume",
            )
        self._server.tell(account, reports)
        return self._placed(view, account)

    def _placed(self, view: OrderView, account: Account) -> dict[str, Any]:
        order = view.order
        left = ZERO if order.status.terminal else order.remaining
        told = {
            "order_id": words.order_id(order.number, account.number),
            "client_order_id": order.client_order_id,
            "fill_count": count(order.filled_size),
            "remaining_count": count(left),
            "ts_ms": order.accepted_ns // NS_PER_MS,
        }
        if order.filled_size:
            fees = sum((fill.fee for fill in view.fills), ZERO)
            told["average_fill_price"] = dollars(view.average)
            told["average_fee_paid"] = words.exact(quotient(fees, order.filled_size))
        return told

    def _request(self, context: Context, shown: Shown) -> OrderRequest:
        side = _SIDES.get(context.text("side"))
        if side is None:
            raise words.invalid("invalid side")
        size, price = context.fixed("count"), context.fixed("price")
        lifetime = _LIFETIMES.get(context.text("time_in_force"))
        if lifetime is None:
            raise words.invalid("invalid time_in_force")
        if context.text("self_trade_prevention_type") not in _PREVENTIONS:
            raise words.invalid("invalid self_trade_prevention_type")
        post_only = context.params.get("post_only") is True
        reduce_only = context.params.get("reduce_only") is True
        if reduce_only and lifetime is TimeInForce.GTC:
            raise words.invalid("reduce only must be immediate")
        name = context.text("client_order_id") or self._name(context.account)
        if not _ID.fullmatch(name):
            raise words.invalid("invalid client_order_id")
        try:
            return OrderRequest(
                client_order_id=ClientOrderId(name),
                instrument=shown.instrument.id,
                side=side,
                time_in_force=lifetime,
                post_only=post_only,
                reduce_only=reduce_only,
                size=size,
                price=price,
            )
        except InvalidValue:
            raise words.invalid("invalid count") from None

    def _name(self, account: Account) -> str:
        self._anonymous += 1
        return f"simex-{account.number}-{self._anonymous}"

    def _own(self, context: Context) -> OrderView:
        account = context.account
        view = account.by_number(words.order_number(context.parts["order"]))
        if view is None or (account.number, view.order.client_order_id) in self._killed:
            raise words.not_found()
        return view

    def cancel(self, context: Context) -> dict[str, Any]:
        view, now = self._own(context), self._server.now_ns()
        left = view.order.remaining
        reports = context.account.cancel(view, now)
        if any(isinstance(report, CancelRefused) for report in reports):
            raise words.not_found()
        self._server.tell(context.account, reports)
        return {
            "order_id": words.order_id(view.order.number, context.account.number),
            "client_order_id": view.order.client_order_id,
            "reduced_by": count(left),
            "ts_ms": now // NS_PER_MS,
        }

    def order(self, context: Context) -> dict[str, Any]:
        return {"order": rows.order_row(self._own(context), context.account.number)}

    def orders(self, context: Context) -> dict[str, Any]:
        """Newest first, as the venue does."""
        account, ticker, status = context.account, context.text("ticker"), context.text("status")
        start, end = _window(context)
        found = [
            row
            for view in reversed(account.orders.values())
            if (account.number, view.order.client_order_id) not in self._killed
            and ticker in ("", view.instrument.market_id)
            and start <= view.order.accepted_ns <= end
            for row in [rows.order_row(view, account.number)]
            if status in ("", row["status"])
        ]
        return context.page(found, "orders")

    # The account.

    def fills(self, context: Context) -> dict[str, Any]:
        """Newest first."""
        account, ticker = context.account, context.text("ticker")
        start, end = _window(context)
        number = words.order_number(context.text("order_id"))
        found = [
            rows.fill_row(view, fill, account.number)
            for fill in reversed(account.fills)
            for view in [account.orders[fill.client_order_id]]
            if ticker in ("", view.instrument.market_id)
            and number in (0, view.order.number)
            and start <= fill.at_ns <= end
        ]
        return context.page(found, "fills")

    def balance(self, context: Context) -> dict[str, Any]:
        account = context.account
        total, _ = account.balances.get(USD, (ZERO, ZERO))
        positions = account.exchange.margin.positions.values()
        held = sum((position.margin for position in positions), ZERO)
        free = total - held - self._resting(account)
        worth = sum(
            (
                abs(p.quantity) * cost(_side(p.quantity), account.exchange.margin.marks[n])
                for n, p in account.exchange.margin.positions.items()
                if p.quantity and n in account.exchange.margin.marks
            ),
            ZERO,
        )
        return {
            "balance": cents(free),
            "balance_dollars": dollars(free),
            "portfolio_value": cents(worth or held),
            "updated_ts": self._server.now_ms() // 1_000,
            "balance_breakdown": [{"exchange_index": 0, "balance_dollars": dollars(free)}],
        }

    def _resting(self, account: Account) -> Decimal:
        """What resting orders set aside: nothing where they only sell what is held."""
        held = {
            name: position.quantity for name, position in account.exchange.margin.positions.items()
        }
        total = ZERO
        for view in reversed(account.open_orders()):
            request, left = view.request, view.order.remaining
            there = held.get(request.instrument, ZERO)
            covered = min(max(-there * request.side.sign, ZERO), left)
            held[request.instrument] = there + covered * request.side.sign
            total += (left - covered) * cost(request.side, request.price or ZERO)
        return total

    def positions(self, context: Context) -> dict[str, Any]:
        account, ticker = context.account, context.text("ticker")
        only_held = "position" in context.text("count_filter")
        found = []
        for name, held in account.exchange.margin.positions.items():
            market = account.instrument(name).market_id
            if ticker not in ("", market) or (only_held and not held.quantity):
                continue
            fills = self.traded(account, name)
            fees = sum((fill.fee for fill in fills), ZERO)
            spent = sum((fill.size * cost(fill.side, fill.price) for fill in fills), ZERO)
            found.append(rows.position_row(market, held, fees, spent))
        return context.page(found, "market_positions") | {"event_positions": []}

    def traded(self, account: Account, name: InstrumentId) -> list[Fill]:
        return [fill for fill in account.fills if fill.instrument == name]

    def settled(self, context: Context) -> dict[str, Any]:
        ticker = context.text("ticker")
        start, end = _window(context)
        told = self.settlements.get(context.account.number, [])
        found = [
            rows.settlement_row(one)
            for one in reversed(told)
            if ticker in ("", one.ticker) and start <= one.at_ns <= end
        ]
        return context.page(found, "settlements")

    def api_keys(self, context: Context) -> dict[str, Any]:
        number = context.account.number
        own = [key for key in self._server.keys.values() if key.account == number]
        return {
            "api_keys": [
                {"api_key_id": key.key, "name": "simex", "scopes": scopes(key)} for key in own
            ]
        }

    def limits(self, _: Context) -> dict[str, Any]:
        write = self._server.settings.weight_per_minute // 60
        return {
            "usage_tier": "basic",
            "read": {"refill_rate": 2 * write, "bucket_capacity": 2 * write},
            "write": {"refill_rate": write, "bucket_capacity": write},
        }


def scopes(key: Any) -> list[str]:
    """``write`` grants everything below it, transfers too."""
    if key.can_withdraw:
        return ["read", "write"]
    return ["read", "write::trade"] if key.can_trade else ["read"]


def _side(quantity: Decimal) -> Side:
    return Side.BUY if quantity > ZERO else Side.SELL


def _window(context: Context) -> tuple[int, int]:
    """From ``min_ts`` to the end of ``max_ts``, whole seconds."""
    start, end = context.whole("min_ts", 0), context.whole("max_ts", 0)
    return start * NS_PER_S, (end + 1) * NS_PER_S if end else 2**63

"""Actions (``POST /exchange``): signed, numbered once, carried out for the signer's account."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from arbiter.matching.faults import Fault
from arbiter.matching.orders import OrderRequest
from arbiter.model.errors import InvalidValue, VenueRefused
from arbiter.model.ids import ClientOrderId
from arbiter.model.orders import Side, TimeInForce
from arbiter.model.reports import CancelRefused, Refused
from arbiter.simex.account import Account, OrderView
from arbiter.simex.hyperliquid import words
from arbiter.simex.hyperliquid.info import Info, Owner
from arbiter.simex.hyperliquid.market import MarketData
from arbiter.simex.hyperliquid.signatures import BadSignature, Signatures
from arbiter.simex.hyperliquid.wallets import Nonces
from arbiter.simex.hyperliquid.words import number
from arbiter.simex.venue import Shown, VenueServer

CALLS = {"order": "submit", "cancel": "cancel", "cancelByCloid": "cancel"}
_TIFS = {"Gtc": TimeInForce.GTC, "Ioc": TimeInForce.IOC, "Alo": TimeInForce.GTC}

Action = dict[str, Any]


class Denied(Exception):
    """The whole action is refused, in the venue's words."""


class Exchange:
    """`signed` counts actions by the network they were signed for: ``a`` is the main one."""

    def __init__(
        self,
        server: VenueServer,
        market: MarketData,
        info: Info,
        owners: dict[str, Owner],
        fresh_id: Callable[[], str],
    ) -> None:
        self._server = server
        self._market = market
        self._info = info
        self._owners = owners
        self._fresh_id = fresh_id
        self.signed: Counter[str] = Counter()
        self._signatures = Signatures()
        self._nonces: dict[str, Nonces] = {}
        self._acts: dict[str, Callable[[Owner, Action], Any]] = {
            "order": self._orders,
            "cancel": self._cancel,
            "cancelByCloid": self._cancel,
            "updateLeverage": self._leverage,
            "scheduleCancel": lambda _owner, _action: {"type": "default"},
            "setReferrer": self._referrer,
            "approveBuilderFee": self._builder,
            "approveAgent": self._agent,
        }

    def address(self, private_key: str) -> str:
        return self._signatures.address(private_key)

    def answer(self, body: Any) -> dict[str, Any]:
        """Carry an action out, or say why not; what is no action is the HTTP layer's matter."""
        if not isinstance(body, dict) or not isinstance(body.get("action"), dict):
            raise words.MALFORMED
        action, nonce = body["action"], body.get("nonce")
        kind = action.get("type")
        if kind not in self._acts or not isinstance(nonce, int):
            raise words.MALFORMED
        try:
            if kind == "order":
                body = body | {"action": _canonical(action)}
            owner = self._signer(body)
            return {"status": "ok", "response": self._acts[kind](owner, action)}
        except Denied as refusal:
            return {"status": "err", "response": str(refusal)}
        except (KeyError, TypeError, ValueError, InvalidOperation, msgspec.MsgspecError):
            raise words.MALFORMED from None

    def _signer(self, body: dict[str, Any]) -> Owner:
        """Whose action it is. An agent acts for its account, and may not approve anybody."""
        try:
            found = self._signatures.signers(body)
        except BadSignature:
            raise Denied("L1 error: Invalid signature") from None
        personal = body["action"]["type"].startswith("approve")
        expires = body.get("expiresAfter")
        if expires is not None and int(expires) < self._server.now_ms():
            raise Denied("Action already expired")
        for source, address in found.items():
            account = address if personal else self._info.agents.get(address, address)
            owner = self._owners.get(account)
            if owner is not None and not owner.account.number >= self._server.settings.accounts:
                nonces = self._nonces.setdefault(address, Nonces())
                problem = nonces.problem(body["nonce"], self._server.now_ms())
                if problem is not None:
                    raise Denied(problem)
                self.signed[source] += 1
                return owner
        address = next(iter(found.values()))
        if personal:
            raise Denied(f"Must deposit before performing actions. User: {address}")
        raise Denied(f"User or API Wallet {address} does not exist.")

    # Marks of others: counted, and refused where that is wanted.

    def _mark(self, what: str) -> None:
        self._server.brokers[what] += 1

    def _referrer(self, _owner: Owner, _action: Action) -> dict[str, str]:
        self._mark("setReferrer")
        return {"type": "default"}

    def _builder(self, _owner: Owner, _action: Action) -> dict[str, str]:
        self._mark("approveBuilderFee")
        return {"type": "default"}

    def _agent(self, owner: Owner, action: Action) -> dict[str, str]:
        self._info.agents[str(action["agentAddress"]).lower()] = owner.address
        return {"type": "default"}

    # Orders.

    def _orders(self, owner: Owner, action: Action) -> dict[str, Any]:
        if action.get("builder"):
            self._mark("builder")
            if self._server.settings.refuse_brokers:
                raise Denied(words.UNAPPROVED_BUILDER)
        wires = [msgspec.convert(wire, Wire) for wire in action["orders"]]
        return {"type": "order", "data": {"statuses": [self._place(owner, w) for w in wires]}}

    def _place(self, owner: Owner, wire: "Wire") -> dict[str, Any]:
        account = owner.account
        if not 0 <= wire.a < len(self._market.listed):
            return {"error": f"Order has invalid asset. asset={wire.a}"}
        shown = self._market.listed[wire.a]
        try:
            request = self._request(wire, shown)
        except (InvalidValue, InvalidOperation):
            return {"error": f"Order has invalid size. asset={wire.a}"}
        closed = self._closed(shown, marketable=not request.post_only)
        if closed is not None:
            return {"error": closed}
        reports = account.submit(request, self._server.now_ns())
        for report in reports:
            if isinstance(report, Refused):
                bbo = self._market.bbo(shown)
                return {"error": words.refused(report.reason, wire.a, bbo)}
        self._server.tell(account, reports)
        view = account.orders[request.client_order_id]
        return _status(view, account, wire)

    def _request(self, wire: "Wire", shown: Shown) -> OrderRequest:
        return OrderRequest(
            client_order_id=ClientOrderId((wire.c or self._fresh_id()).lower()),
            instrument=shown.instrument.id,
            side=Side.BUY if wire.b else Side.SELL,
            time_in_force=_TIFS[wire.t.limit.tif],
            post_only=wire.t.limit.tif == "Alo",
            reduce_only=wire.r,
            size=Decimal(wire.s),
            price=Decimal(wire.p),
        )

    def _closed(self, shown: Shown, *, marketable: bool) -> str | None:
        fault = self._server.closed(shown.instrument.id)
        if fault is Fault.DELISTING:
            return words.HALTED
        if fault is not None:
            takers = self._server.faults.refuses_takers(self._server.now_ns())
            return words.UPGRADING if marketable or not takers else None
        return None

    def _cancel(self, owner: Owner, action: Action) -> dict[str, Any]:
        statuses: list[Any] = []
        for wanted in action["cancels"]:
            name = wanted["o"] if action["type"] == "cancel" else str(wanted["cloid"])
            view = self._info.find(owner.account, name)
            asset = wanted["a"] if action["type"] == "cancel" else wanted["asset"]
            statuses.append(self._cancelled(owner.account, view, int(asset)))
        return {"type": "cancel", "data": {"statuses": statuses}}

    def _cancelled(self, account: Account, view: OrderView | None, asset: int) -> Any:
        error = {"error": f"{words.NO_SUCH_ORDER} asset={asset}"}
        if view is None or self._market.numbers[view.instrument.market_id] != asset:
            return error
        reports = account.cancel(view, self._server.now_ns())
        if any(isinstance(report, CancelRefused) for report in reports):
            return error
        self._server.tell(account, reports)
        return "success"

    def _leverage(self, owner: Owner, action: Action) -> dict[str, str]:
        """Margin is isolated here, whatever is asked for."""
        shown = self._market.listed[int(action["asset"])]
        times, exchange = Decimal(int(action["leverage"])), owner.account.exchange
        terms = shown.instrument.margin
        if times < 1 or terms is None or times > terms.max_leverage:
            raise Denied(words.BAD_LEVERAGE)
        try:
            exchange.set_leverage(shown.instrument.id, times, self._server.now_ns())
        except VenueRefused:
            raise Denied(words.HELD_LEVERAGE) from None
        return {"type": "default"}


class Limit(msgspec.Struct):
    tif: str


class Kind(msgspec.Struct):
    limit: Limit


class Wire(msgspec.Struct):
    """An order as it is sent."""

    a: int
    b: bool
    p: str
    s: str
    r: bool
    t: Kind
    c: str | None = None

    def __post_init__(self) -> None:
        if self.t.limit.tif not in _TIFS:
            raise ValueError(f"no such time in force: {self.t.limit.tif}")
        if self.c is not None and (len(self.c) != 34 or not self.c.startswith("0x")):
            raise ValueError("a cloid is 128 bits")


def _canonical(action: Action) -> Action:
    """The action as the chain writes it again before it hashes it: without idle zeros."""
    orders = [
        {key: _plain(value) if key in ("p", "s") else value for key, value in wire.items()}
        for wire in action["orders"]
    ]
    return action | {"orders": orders}


def _plain(text: Any) -> str:
    return format(Decimal(str(text)).normalize(), "f")


def _status(view: OrderView, account: Account, wire: Wire) -> dict[str, Any]:
    order = view.order
    told: dict[str, Any] = {"oid": words.order_number(order.number, account.number)}
    if wire.c is not None:
        told["cloid"] = wire.c
    if not order.status.terminal:
        return {"resting": told}
    if order.filled_size:
        sums = {"totalSz": number(order.filled_size), "avgPx": number(view.average)}
        return {"filled": sums | told}
    return {"error": f"{words.NO_MATCH} asset={wire.a}"}

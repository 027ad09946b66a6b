"""The server ``coinbase``: Advanced Trade REST, some of version 2, and the streams on one path."""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec.structs import replace

from arbiter.matching.faults import Fault, Faults
from arbiter.model.reports import Accepted, Ended, Filled, VenueReport
from arbiter.model.time import NS_PER_S
from arbiter.simex.account import Account, ApiKey
from arbiter.simex.coinbase import rows, words
from arbiter.simex.coinbase.api import Api
from arbiter.simex.coinbase.calls import Context, Route
from arbiter.simex.coinbase.streams import CHANNELS, Streams
from arbiter.simex.hub import Connection
from arbiter.simex.market import Market
from arbiter.simex.rest import Call, Reply, VenueError, encode, reply
from arbiter.simex.settings import SimexSettings
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256."""
_LONGEST_S = 120


class Coinbase(VenueServer):
    def __init__(
        self,
        name: str,
        settings: SimexSettings,
        market: Market,
        faults: Faults,
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__(name, settings, market, faults, now_ns)
        self._api = Api(self)
        self._streams = Streams(self, self.hub)
        self._public_keys = {key.key: _public_key(key.secret) for key in self.keys.values()}

    def make_key(self, account: int, kind: str = "") -> ApiKey:
        """A name with two UUIDs, and a private key of P-256 in PEM."""
        key = super().make_key(account, kind)
        organization, own = UUID(key.key[:32]), UUID(key.key[32:])
        number = int.from_bytes(sha256(key.secret.encode()).digest()) % (_ORDER - 1) + 1
        private = ec.derive_private_key(number, ec.SECP256R1())
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return replace(key, key=f"organizations/{organization}/apiKeys/{own}", secret=pem.decode())

    # REST.

    def call_name(self, call: Call) -> str | None:
        found = self._api.route(call.method, call.path)
        return None if found is None else found[0].call

    def answer(self, call: Call) -> Reply:
        try:
            return reply(self._serve(call))
        except words.NotMade as why:
            return self._not_made(call, why)
        except words.Named as error:
            told = {"error": error.name, "error_details": error.text, "message": error.text}
            return reply(told, error.status)
        except VenueError as error:
            return Reply(body=error.text.encode(), status=error.status)

    def fault_reply(self, fault: Fault) -> Reply:
        if fault is Fault.RATE_LIMITED:
            told = {"error": "rate_limit_exceeded", "message": "Rate limit exceeded"}
            return reply(told, 429)
        return Reply(body=b"<html>502 Bad Gateway</html>", status=502)

    def _not_made(self, call: Call, why: words.NotMade) -> Reply:
        asked = msgspec.json.decode(call.body)
        told = {
            "success": False,
            "failure_reason": "UNKNOWN_FAILURE_REASON",
            "order_id": "",
            "error_response": {
                "error": why.code,
                "message": why.text,
                "error_details": "",
                "preview_failure_reason": why.preview,
                "new_order_failure_reason": why.code,
            },
            "order_configuration": asked.get("order_configuration"),
        }
        return reply(told)

    def _serve(self, call: Call) -> Any:
        verdict = self.meter.take(1, self.now_ns())
        if verdict.banned:
            raise VenueError(0, "<html>403 Forbidden</html>", 403)
        if not verdict.passes:
            raise words.Named("rate_limit_exceeded", "Rate limit exceeded", 429)
        found = self._api.route(call.method, call.path)
        if found is None:
            raise words.not_found("page")
        route, tail = found
        key = self._key(call) if route.signed else None
        if route.trading and key is not None and not key.can_trade:
            text = "User does not have permission to access this resource"
            raise words.Named("PERMISSION_DENIED", text, 403)
        return route.handler(self._context(call, route, key, tail))

    def _context(self, call: Call, route: Route, key: ApiKey | None, tail: str) -> Context:
        body: Any = {}
        if call.method == "POST":
            try:
                body = msgspec.json.decode(call.body or b"{}")
            except msgspec.DecodeError:
                body = None
            if not isinstance(body, dict):
                raise words.invalid("the body is no object")
        account = self.accounts[key.account if key is not None else 0]
        return Context(parse_qs(call.query), body, account, key, tail)

    def _key(self, call: Call) -> ApiKey:
        bearer = call.headers.get("Authorization", "").removeprefix("Bearer ")
        claims = self._claims(bearer)
        method, _, address = str((claims or {}).get("uri", "")).partition(" ")
        if claims is None or method != call.method or not address.endswith(call.path):
            raise VenueError(0, "Unauthorized\n", 401)
        return self.keys[str(claims["sub"])]

    def _claims(self, token: str) -> dict[str, Any] | None:
        """Check a token's signature and time; None for one that is not accepted."""
        off: Any = {f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss")}
        try:
            name = str(jwt.get_unverified_header(token).get("kid"))
            public = self._public_keys.get(name)
            if public is None:
                return None
            claims: dict[str, Any] = jwt.decode(token, public, algorithms=["ES256"], options=off)
        except (jwt.InvalidTokenError, ValueError):
            return None
        now_s = self.now_ns() // NS_PER_S
        starts, ends = claims.get("nbf"), claims.get("exp")
        if not isinstance(starts, int) or not isinstance(ends, int):
            return None
        timely = starts <= now_s + 1 and now_s < ends <= starts + _LONGEST_S
        return claims if timely and claims.get("sub") == name else None

    # Sockets.

    def opened(self, connection: Connection, path: str, query: dict[str, str]) -> bool:
        return path == "/"

    def heard(self, connection: Connection, path: str, text: str) -> None:
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            message = None
        if not isinstance(message, dict):
            self._error(connection, "failure to parse message")
            return
        kind, channel = message.get("type"), message.get("channel")
        products = [str(product) for product in message.get("product_ids") or []]
        unknown = [product for product in products if product not in self._streams.listed]
        if kind not in ("subscribe", "unsubscribe"):
            self._error(connection, "type is not supported")
        elif unknown:
            self._error(connection, f"{unknown[0]} is not a valid product")
        elif channel == "user":
            self._follow(connection, str(message.get("jwt", "")), kind)
        elif channel not in CHANNELS:
            self._error(connection, "channel is not supported")
        elif kind == "subscribe":
            self._streams.subscribe(connection, str(channel), products)
        else:
            self._streams.unsubscribe(connection, str(channel), products)

    def _error(self, connection: Connection, text: str) -> None:
        connection.send(encode({"type": "error", "message": text}).decode())

    def _follow(self, connection: Connection, token: str, kind: str) -> None:
        claims = self._claims(token)
        if claims is None:
            self._error(connection, "authentication failure")
            return
        account = self.accounts[self.keys[str(claims["sub"])].account]
        topic = f"user:{account.number}"
        if kind == "unsubscribe":
            self.hub.unsubscribe(connection, [topic])
        else:
            orders = [
                rows.user_row(
                    view,
                    account.number,
                    status=words.STATUS[view.order.status],
                    filled=view.order.filled_size,
                )
                for view in account.open_orders()
            ]
            self._streams.send(connection, "user", [{"type": "snapshot", "orders": orders}])
            self.hub.subscribe(connection, [topic])
        self._streams.answer(connection)

    # The private stream.

    def tell(self, account: Account, reports: Iterable[VenueReport]) -> None:
        silent = self.silent(self._real_ns())
        account.take_touched()
        for report in reports:
            row = _row(account, report)
            if row is None or silent:
                continue
            event = {"type": "update", "orders": [row]}
            for connection in self.hub.readers(f"user:{account.number}"):
                frame = self._streams.frame(connection, "user", [event])
                self.delayed(report, lambda to=connection, frame=frame: to.send(frame))  # type: ignore[misc]

    # Market data.

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        """A crossed quote cannot be shown as a change of levels: it is not shown at all."""
        if not crossed and self.hub.wanted(f"level2:{shown.market_id}"):
            self._streams.show_book(shown)

    def show_depth(self) -> None:
        self._streams.show_depth()

    def show_print(self, shown: Shown, made: Print) -> None:
        self._streams.show_print(shown, made)

    def show_second(self) -> None:
        self._streams.show_second()


def _row(account: Account, report: VenueReport) -> dict[str, Any] | None:
    if isinstance(report, Accepted):
        view = account.orders[report.client_order_id]
        return rows.user_row(view, account.number, status="OPEN", filled=view.told_size)
    if isinstance(report, Filled):
        view = account.orders[report.fill.client_order_id]
        view.told_size += report.fill.size
        return rows.user_row(view, account.number, status="OPEN", filled=view.told_size)
    if isinstance(report, Ended):
        view = account.orders[report.client_order_id]
        status = words.STATUS[view.order.status]
        return rows.user_row(view, account.number, status=status, filled=view.order.filled_size)
    return None


def _public_key(pem: str) -> ec.EllipticCurvePublicKey:
    private = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return private.public_key()

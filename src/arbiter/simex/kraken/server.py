"""The server ``kraken``: REST version 0, WebSocket version 2, public and private on one path."""

import base64
import binascii
import hmac
from collections import Counter as Tally
from collections.abc import Callable, Iterable
from hashlib import sha256, sha512
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec.structs import replace

from arbiter.matching.faults import Fault, Faults
from arbiter.model.reports import Accepted, Ended, Filled, VenueReport
from arbiter.simex.account import Account, ApiKey
from arbiter.simex.hub import Connection
from arbiter.simex.kraken import rows, words
from arbiter.simex.kraken.api import Api, nonce_window, rights
from arbiter.simex.kraken.calls import Context
from arbiter.simex.kraken.limits import CALLS_DECAY, CALLS_MOST, Counter
from arbiter.simex.kraken.streams import PublicStreams
from arbiter.simex.market import Market
from arbiter.simex.rest import Call, Reply, VenueError, encode, reply
from arbiter.simex.settings import SimexSettings
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

_PUBLIC, _PRIVATE = "/0/public/", "/0/private/"
_PATH = "/v2"
_CHANNELS = ("executions", "balances")


class _Reader:
    """A connection to the private stream: what it follows of whose account."""

    def __init__(self, account: int) -> None:
        self.account = account
        self.sequences: Tally[str] = Tally()
        """Messages so far by channel."""


class Kraken(VenueServer):
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
        self._streams = PublicStreams(self, self.hub)
        self._readers: dict[Connection, _Reader] = {}
        self._nonces: dict[str, int] = {}
        self._counters: dict[str, Counter] = {}

    def make_key(self, account: int, kind: str = "") -> ApiKey:
        """A Kraken secret is 64 bytes in base64."""
        key = super().make_key(account, kind)
        secret = base64.b64encode(sha512(key.secret.encode()).digest()).decode()
        return replace(key, secret=secret)

    # REST.

    def call_name(self, call: Call) -> str | None:
        route = self._api.private.get(call.path.removeprefix(_PRIVATE))
        return None if route is None or not call.path.startswith(_PRIVATE) else route.call

    def answer(self, call: Call) -> Reply:
        try:
            return reply({"error": [], "result": self._serve(call)})
        except VenueError as error:
            return self._refused(error)

    def fault_reply(self, fault: Fault) -> Reply:
        if fault is Fault.RATE_LIMITED:
            return self._refused(words.error("EAPI:Rate limit exceeded"))
        return Reply(body=b"<html>520 Web server returned an unknown error</html>", status=520)

    def _refused(self, error: VenueError) -> Reply:
        return reply({"error": [error.text]}, error.status)

    def _serve(self, call: Call) -> Any:
        verdict = self.meter.take(1, self.now_ns())
        if verdict.banned:
            raise words.error("EGeneral:Temporary lockout")
        if not verdict.passes:
            raise words.error("EGeneral:Too many requests")
        if call.path.startswith(_PUBLIC):
            route = self._api.public.routes.get(call.path.removeprefix(_PUBLIC))
            if route is None:
                raise words.error("EGeneral:Unknown method")
            return route.handler(Context(call.query_values(), self.accounts[0], None))
        route = self._api.private.get(call.path.removeprefix(_PRIVATE))
        if route is None or call.method != "POST":
            raise words.error("EGeneral:Unknown method")
        params = _params(call)
        key = self._key(call, str(params.get("nonce", "")))
        granted = rights(can_trade=key.can_trade, can_withdraw=key.can_withdraw)
        if route.needs not in ("-", *granted):
            raise words.error("EGeneral:Permission denied")
        counter = self._counters.setdefault(key.key, Counter(CALLS_MOST, CALLS_DECAY))
        if route.cost and not counter.add(route.cost, self.now_ns()):
            self.meter.refused += 1
            raise words.error("EAPI:Rate limit exceeded")
        return route.handler(Context(params, self.accounts[key.account], key))

    def _key(self, call: Call, nonce: str) -> ApiKey:
        key = self.keys.get(call.headers.get("API-Key", ""))
        if key is None:
            raise words.error("EAPI:Invalid key")
        hashed = sha256(nonce.encode() + call.body).digest()
        made = hmac.new(base64.b64decode(key.secret), call.path.encode() + hashed, sha512).digest()
        try:
            told = base64.b64decode(call.headers.get("API-Sign", ""), validate=True)
        except binascii.Error:
            told = b""
        if not hmac.compare_digest(made, told):
            raise words.error("EAPI:Invalid signature")
        last = self._nonces.get(key.key, 0)
        if not nonce.isdigit() or int(nonce) + nonce_window(key.account) <= last:
            raise words.error("EAPI:Invalid nonce")
        self._nonces[key.key] = max(last, int(nonce))
        return key

    # Sockets.

    def opened(self, connection: Connection, path: str, query: dict[str, str]) -> bool:
        if path == "/":  # version 1, where nothing is served any more
            return True
        status = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": 1}
        frame = {"channel": "status", "type": "update", "data": [status]}
        connection.send(encode(frame).decode())
        return path == _PATH

    def heard(self, connection: Connection, path: str, text: str) -> None:
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            message = None
        if not isinstance(message, dict):
            message = {}
        number, now = message.get("req_id"), rows.stamp(self.now_ns())
        tail: dict[str, Any] = {"time_in": now, "time_out": now}
        if isinstance(number, int):
            tail["req_id"] = number
        method, params = message.get("method"), message.get("params")
        if method == "ping":
            connection.send(encode({"method": "pong"} | tail).decode())
        elif method in ("subscribe", "unsubscribe") and isinstance(params, dict):
            if params.get("channel") in _CHANNELS:
                self._follow(connection, method, params, tail)
            else:
                self._subscribe(connection, method, params, tail)
        else:
            told = {"error": "Malformed request", "method": method or "", "success": False}
            connection.send(encode(told | tail).decode())

    def _subscribe(
        self, connection: Connection, method: str, params: dict[str, Any], tail: dict[str, Any]
    ) -> None:
        """Answer market by market."""
        for symbol in map(str, params.get("symbol") or []):
            refused = None
            topic = self._streams.topic(params, symbol)
            if symbol not in self._streams.listed:
                refused = f"Currency pair not supported {symbol}"
            elif topic is None:
                refused = "Subscription name invalid"
            elif method == "subscribe" and topic in connection.topics:
                refused = "Already subscribed"
            if refused is not None or topic is None:
                no = {"error": refused, "method": method, "success": False, "symbol": symbol}
                connection.send(encode(no | tail).decode())
                continue
            result = {k: v for k, v in params.items() if k != "symbol"} | {"symbol": symbol}
            yes = {"method": method, "result": result, "success": True}
            connection.send(encode(yes | tail).decode())
            if method == "unsubscribe":
                self.hub.unsubscribe(connection, [topic])
                continue
            if params.get("snapshot", True):
                self._streams.snapshot(connection, topic)
            self.hub.subscribe(connection, [topic])

    def _follow(
        self, connection: Connection, method: str, params: dict[str, Any], tail: dict[str, Any]
    ) -> None:
        channel = str(params["channel"])
        number = self._api.tokens.get(str(params.get("token")))
        if number is None:
            told: dict[str, Any] = {"error": "EAPI:Invalid token", "success": False}
            connection.send(encode(told | {"method": method} | tail).decode())
            return
        told = {"method": method, "result": {"channel": channel}, "success": True}
        connection.send(encode(told | tail).decode())
        topic = f"{channel}:{number}"
        if method == "unsubscribe":
            self.hub.unsubscribe(connection, [topic])
            return
        reader = self._readers.setdefault(connection, _Reader(number))
        account = self.accounts[number]
        if channel == "balances":
            data = [rows.balance_row(a, total) for a, (total, _) in account.balances.items()]
        else:
            data = [
                rows.opened(view, self._api.name_of(account, view), number)
                for view in account.open_orders()
                if params.get("snap_orders", True)
            ]
            if params.get("snap_trades"):
                data += [
                    rows.traded(view, self._api.name_of(account, view), fill, number)
                    for fill in account.fills[-50:]
                    for view in [account.orders[fill.client_order_id]]
                ]
        self.hub.subscribe(connection, [topic])
        self._send(connection, reader, channel, "snapshot", data)

    # The private stream.

    def tell(self, account: Account, reports: Iterable[VenueReport]) -> None:
        silent = self.silent(self._real_ns())
        for report in reports:
            row = self._row(account, report)
            if row is not None and not silent:
                self._tell(account, "executions", row, report)
        touched = account.take_touched()
        if touched and not silent:
            for asset, (total, _) in touched.items():
                row = rows.balance_row(asset, total) | {
                    "ledger_id": "L00000-00000-000000",
                    "timestamp": rows.stamp(self.now_ns()),
                }
                self._tell(account, "balances", row, None)

    def _row(self, account: Account, report: VenueReport) -> dict[str, Any] | None:
        if isinstance(report, Accepted | Ended):
            view = account.orders[report.client_order_id]
            make = rows.opened if isinstance(report, Accepted) else rows.ended
            return make(view, self._api.name_of(account, view), account.number)
        if isinstance(report, Filled):
            view = account.orders[report.fill.client_order_id]
            name = self._api.name_of(account, view)
            return rows.traded(view, name, report.fill, account.number)
        return None

    def _tell(
        self, account: Account, channel: str, row: dict[str, Any], report: VenueReport | None
    ) -> None:
        """Number a message for every reader now; whether and when it leaves is the faults'."""
        for connection, reader in tuple(self._readers.items()):
            if connection.closing:
                del self._readers[connection]
                continue
            if f"{channel}:{account.number}" not in connection.topics:
                continue
            frame = self._numbered(reader, channel, "update", [row])
            if report is None:
                connection.send(frame)
            else:
                self.delayed(report, lambda to=connection, frame=frame: to.send(frame))  # type: ignore[misc]

    def _send(
        self, connection: Connection, reader: _Reader, channel: str, kind: str, data: list[Any]
    ) -> None:
        connection.send(self._numbered(reader, channel, kind, data))

    def _numbered(self, reader: _Reader, channel: str, kind: str, data: list[Any]) -> str:
        reader.sequences[channel] += 1
        frame = {"channel": channel, "type": kind, "data": data}
        return encode(frame | {"sequence": reader.sequences[channel]}).decode()

    # Market data.

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        self._streams.show_top(shown, crossed=crossed)

    def show_depth(self) -> None:
        self._streams.show_depth()

    def show_print(self, shown: Shown, made: Print) -> None:
        self._streams.show_print(shown, made)

    def show_second(self) -> None:
        for connection in tuple(self.hub.connections):
            if connection.topics:
                connection.send('{"channel":"heartbeat"}')


def _params(call: Call) -> dict[str, Any]:
    if call.headers.get("Content-Type", "").startswith("application/json"):
        try:
            told = msgspec.json.decode(call.body)
        except msgspec.DecodeError:
            told = None
        if not isinstance(told, dict):
            raise words.invalid("")
        return told
    return dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))

"""The server ``bybit``: v5 REST, public streams by category, the private stream."""

import hmac
import itertools
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

import msgspec

from arbiter.matching.faults import Fault, Faults
from arbiter.model.ids import InstrumentId
from arbiter.model.reports import (
    Accepted,
    Ended,
    Filled,
    ForcedReported,
    FundingReported,
    VenueReport,
)
from arbiter.model.time import NS_PER_S
from arbiter.simex.account import Account, ApiKey
from arbiter.simex.bybit import rows, words
from arbiter.simex.bybit.api import Api
from arbiter.simex.bybit.calls import Context
from arbiter.simex.bybit.streams import PublicStreams
from arbiter.simex.hub import Connection
from arbiter.simex.market import Market
from arbiter.simex.rest import Call, Reply, VenueError, encode, reply
from arbiter.simex.settings import SimexSettings
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

_AHEAD_MS = 1_000
_PRIVATE = ("order", "execution", "wallet", "position")


class _Private:
    """A connection to the private stream: whose it is, once it said so."""

    def __init__(self) -> None:
        self.account: int | None = None
        self.topics: set[str] = set()


class Bybit(VenueServer):
    def __init__(
        self,
        name: str,
        settings: SimexSettings,
        market: Market,
        faults: Faults,
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__(name, settings, market, faults, now_ns)
        self._numbers = itertools.count(1)
        self._api = Api(self, self._fresh_id)
        self._streams = PublicStreams(self, self.hub, self._api.public.ticker)
        self._private: dict[Connection, _Private] = {}

    def _fresh_id(self) -> str:
        return f"simex{next(self._numbers):017d}"

    # REST.

    def call_name(self, call: Call) -> str | None:
        route = self._api.routes.get((call.method, call.path))
        return None if route is None else route.call

    def answer(self, call: Call) -> Reply:
        try:
            used = self._weigh()
            result = self._serve(call)
        except VenueError as error:
            return self._refused(error)
        left = max(self.meter.per_minute - used, 0)
        headers = {"X-Bapi-Limit": str(self.meter.per_minute), "X-Bapi-Limit-Status": str(left)}
        return reply(self._told(0, "OK", result), headers=headers)

    def fault_reply(self, fault: Fault) -> Reply:
        if fault is Fault.RATE_LIMITED:
            text = "Too many visits. Exceeded the API Rate Limit."
            return self._refused(VenueError(10006, text, 200, 1))
        return Reply(body=b"<html>502 Bad Gateway</html>", status=502)

    def _told(self, code: int, text: str, result: Any) -> dict[str, Any]:
        return {
            "retCode": code,
            "retMsg": text,
            "result": result,
            "retExtInfo": {},
            "time": self.now_ms(),
        }

    def _refused(self, error: VenueError) -> Reply:
        headers = {}
        if error.retry_after_s:
            reset = self.now_ms() + error.retry_after_s * 1_000
            headers["X-Bapi-Limit-Reset-Timestamp"] = str(reset)
        return reply(self._told(error.code, error.text, {}), error.status, headers)

    def _weigh(self) -> int:
        verdict = self.meter.take(1, self.now_ns())
        if verdict.passes:
            return verdict.used
        seconds = max(-(-verdict.retry_after_ns // NS_PER_S), 1)
        if verdict.banned:
            text = "access too frequent. IP rate limit; your ip has been banned for a while."
            raise VenueError(10018, text, 403, seconds)
        raise VenueError(10006, "Too many visits. Exceeded the API Rate Limit.", 200, seconds)

    def _serve(self, call: Call) -> Any:
        route = self._api.routes.get((call.method, call.path))
        if route is None:
            raise VenueError(10001, f"no such path: {call.method} {call.path}", 404)
        params: Any = call.query_values()
        if call.method == "POST":
            try:
                params = msgspec.json.decode(call.body or b"{}")
            except msgspec.DecodeError:
                raise VenueError(10001, "ReadMapCB: expect { or n", 200) from None
        if not route.signed:
            return route.handler(Context(params, self.accounts[0], None, call.headers))
        key = self._key(call)
        if route.trading and not key.can_trade:
            text = "Permission denied, please check your API key permissions."
            raise VenueError(10005, text, 200)
        return route.handler(Context(params, self.accounts[key.account], key, call.headers))

    def _key(self, call: Call) -> ApiKey:
        headers = call.headers
        key = self.keys.get(headers.get("X-BAPI-API-KEY", ""))
        if key is None:
            raise VenueError(10003, "API key is invalid.", 200)
        at, window = headers.get("X-BAPI-TIMESTAMP", ""), headers.get("X-BAPI-RECV-WINDOW", "5000")
        now = self.now_ms()
        stale = not at.isdigit() or not window.isdigit()
        if stale or not now - int(window) <= int(at) < now + _AHEAD_MS:
            raise VenueError(
                10002,
                "invalid request, please check your server timestamp or recv_window param. "
                f"req_timestamp[{at}],server_timestamp[{now}],recv_window[{window}]",
                200,
            )
        payload = call.body.decode("utf-8", "replace") if call.method == "POST" else call.query
        origin = f"{at}{key.key}{headers.get('X-BAPI-RECV-WINDOW', '')}{payload}"
        if not _matches(origin, key.secret, headers.get("X-BAPI-SIGN", "")):
            text = "error sign! please check your signature generation algorithm."
            raise VenueError(10004, text, 200)
        return key

    # Sockets.

    def opened(self, connection: Connection, path: str, query: dict[str, str]) -> bool:
        if path == "/v5/private":
            self._private[connection] = _Private()
            return True
        return path.startswith("/v5/public/")

    def heard(self, connection: Connection, path: str, text: str) -> None:
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            message = None
        if not isinstance(message, dict):
            message = {"op": ""}
        op, number = message.get("op"), message.get("req_id", "")
        name = f"{id(connection):x}"
        private = self._private.get(connection)
        if op == "ping":
            told: dict[str, Any] = {"req_id": number, "conn_id": name}
            if private is not None:
                told |= {"op": "pong", "args": [str(self.now_ms())]}
            else:
                told |= {"op": "ping", "success": True, "ret_msg": "pong"}
        elif op == "auth" and private is not None:
            told = self._auth(private, message) | {"conn_id": name}
        elif op in ("subscribe", "unsubscribe"):
            told = self._subscribe(connection, private, path, message)
            told |= {"conn_id": name, "req_id": number, "op": op}
        else:
            told = {"success": False, "ret_msg": "error:invalid op", "conn_id": name}
        connection.send(encode(told).decode())
        if op == "subscribe" and private is None and told["success"]:
            self._streams.subscribed(connection, _category(path), message["args"])

    def _auth(self, private: _Private, message: dict[str, Any]) -> dict[str, Any]:
        arguments = message.get("args") or []
        if len(arguments) == 3:
            key = self.keys.get(str(arguments[0]))
            expires, signature = str(arguments[1]), str(arguments[2])
            fresh = expires.isdigit() and int(expires) > self.now_ms()
            if key and fresh and _matches(f"GET/realtime{expires}", key.secret, signature):
                private.account = key.account
                return {"success": True, "ret_msg": "", "op": "auth"}
        return {"success": False, "ret_msg": "Params Error", "op": "auth", "retCode": 10004}

    def _subscribe(
        self, connection: Connection, private: _Private | None, path: str, message: dict[str, Any]
    ) -> dict[str, Any]:
        topics = [str(topic) for topic in message.get("args") or []]
        if private is not None:
            if private.account is None:
                return {"success": False, "ret_msg": "Request not authorized"}
            wanted = {topic.partition(".")[0] for topic in topics}
            if not wanted <= set(_PRIVATE):
                return {"success": False, "ret_msg": f"error:handler not found,topic:{topics}"}
            if message["op"] == "subscribe":
                private.topics |= wanted
            else:
                private.topics -= wanted
            return {"success": True, "ret_msg": ""}
        keys = [f"{_category(path)}:{topic}" for topic in topics]
        if message["op"] == "unsubscribe":
            self.hub.unsubscribe(connection, keys)
            return {"success": True, "ret_msg": ""}
        unknown = [t for t in topics if not self._streams.knows(_category(path), t)]
        if unknown:
            text = f"error:handler not found,topic:{unknown[0]}"
            return {"success": False, "ret_msg": text}
        self.hub.subscribe(connection, keys)
        return {"success": True, "ret_msg": "subscribe"}

    # The private stream.

    def tell(self, account: Account, reports: Iterable[VenueReport]) -> None:
        silent = self.silent(self._real_ns())
        moved: dict[InstrumentId, None] = {}
        for report in reports:
            for topic, row in self._rows(account, report, moved):
                if not silent:
                    frame = self._frame(topic, [row])
                    self.delayed(
                        report,
                        lambda topic=topic, frame=frame: self._send(account, topic, frame),  # type: ignore[misc]
                    )
        if silent:
            account.take_touched()
            return
        for name in moved:
            self._send(
                account, "position", self._frame("position", [self._position(account, name)])
            )
        if account.take_touched():
            wallet = rows.wallet_row(account, self._api.prices())
            self._send(account, "wallet", self._frame("wallet", [wallet]))

    def _rows(
        self, account: Account, report: VenueReport, moved: dict[InstrumentId, None]
    ) -> list[tuple[str, dict[str, Any]]]:
        if isinstance(report, Accepted):
            view = account.orders[report.client_order_id]
            # An order that has ended by now is told of as it ended.
            ended = view.order.status.terminal
            return [] if ended else [("order", rows.order_row(view, account.number, told=True))]
        if isinstance(report, Filled):
            fill = report.fill
            view = account.orders[fill.client_order_id]
            view.told_size += fill.size
            view.told_value += fill.size * fill.price
            if view.instrument.margin is not None:
                moved[fill.instrument] = None
            made = [("execution", rows.execution_row(view, fill, account.number))]
            if not view.order.status.terminal:
                made.append(("order", rows.order_row(view, account.number, told=True)))
            return made
        if isinstance(report, Ended):
            view = account.orders[report.client_order_id]
            return [("order", rows.order_row(view, account.number))]
        if isinstance(report, ForcedReported):
            close = report.forced
            moved[close.instrument] = None
            listed = account.instrument(close.instrument)
            return [("execution", rows.forced_row(listed, close, account.number))]
        if isinstance(report, FundingReported):
            payment = report.payment
            listed = account.instrument(payment.instrument)
            count = len(account.payments)
            return [("execution", rows.funding_row(listed, payment, count, account.number))]
        return []

    def _position(self, account: Account, name: InstrumentId) -> dict[str, Any]:
        margin = account.exchange.margin
        told = {one.instrument: one for one in margin.told(self.now_ns())}.get(name)
        leverage = margin.contracts[name].leverage
        row = rows.position_row(account.instrument(name), told, leverage, self.now_ms())
        return row | {"category": words.LINEAR}

    def _frame(self, topic: str, data: list[dict[str, Any]]) -> str:
        number = next(self._numbers)
        told = {"id": f"{number:016x}", "topic": topic, "creationTime": self.now_ms(), "data": data}
        return encode(told).decode()

    def _send(self, account: Account, topic: str, frame: str) -> None:
        for connection, private in tuple(self._private.items()):
            if connection.closing:
                del self._private[connection]
            elif private.account == account.number and topic in private.topics:
                connection.send(frame)

    # Market data.

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        self._streams.show_top(shown, crossed=crossed)

    def show_depth(self) -> None:
        self._streams.show_depth()

    def show_print(self, shown: Shown, made: Print) -> None:
        self._streams.show_print(shown, made)

    def show_second(self) -> None:
        self._streams.show_second()


def _category(path: str) -> str:
    return path.rpartition("/")[2]


def _matches(payload: str, secret: str, signature: str) -> bool:
    made = hmac.new(secret.encode(), payload.encode(), sha256).hexdigest()
    return hmac.compare_digest(made, signature.lower())

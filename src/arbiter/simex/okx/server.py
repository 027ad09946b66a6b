"""The server ``okx``: v5 REST, public and private streams."""

import hashlib
import itertools
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from arbiter.matching.faults import Fault, Faults
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO
from arbiter.model.perpetuals import is_perpetual
from arbiter.model.reports import VenueReport
from arbiter.model.time import NS_PER_S
from arbiter.simex.account import Account, ApiKey
from arbiter.simex.hub import Connection
from arbiter.simex.market import Market
from arbiter.simex.okx.api import Api
from arbiter.simex.okx.calls import Context, Route
from arbiter.simex.okx.private import PrivateStream, Reader, matches
from arbiter.simex.okx.public import Settled
from arbiter.simex.okx.streams import PublicStreams
from arbiter.simex.okx.words import OrderRefused
from arbiter.simex.rest import Call, Reply, VenueError, encode, reply
from arbiter.simex.settings import SimexSettings
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

_STALE_MS = 30_000
_LOTS_IN_CONTRACT = 100
_LEAST_LOTS = 10
"""Of an order: this venue knows no least notional, only a least size."""
_PUBLIC, _BUSINESS, _PRIVATE = (f"/ws/v5/{name}" for name in ("public", "business", "private"))


class Okx(VenueServer):
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
        self._settled = Settled()
        self._api = Api(self, self._fresh_id, self._settled)
        self._streams = PublicStreams(self.hub, self._api.public)
        self._private = PrivateStream(self, self._api)

    def _fresh_id(self) -> str:
        return f"simex{next(self._numbers):017d}"

    def listed_as(self, instrument: Instrument) -> Instrument:
        """Swaps are counted in contracts of a hundred lots, in hundredths."""
        lots = _LOTS_IN_CONTRACT if is_perpetual(instrument) else 1
        return replace(
            instrument,
            min_notional=ZERO,
            min_size=instrument.lot * _LEAST_LOTS,
            wire_unit=instrument.lot * lots if lots > 1 else ONE,
        )

    def make_key(self, account: int, kind: str = "") -> ApiKey:
        """A key here has a third part."""
        made = super().make_key(account, kind)
        phrase = hashlib.sha256(f"{made.secret}:passphrase".encode()).hexdigest()[:16]
        return replace(made, password=phrase)

    def credentials(self, key: ApiKey) -> dict[str, str]:
        return {"apiKey": key.key, "secret": key.secret, "password": key.password}

    def settle(self, shown: Shown, rate: Decimal, mark: Decimal, due_ns: int, now_ns: int) -> None:
        self._settled.add(shown, rate, due_ns)
        super().settle(shown, rate, mark, due_ns, now_ns)

    # REST.

    def call_name(self, call: Call) -> str | None:
        route = self._api.routes.get((call.method, call.path))
        return None if route is None else route.call

    def answer(self, call: Call) -> Reply:
        try:
            refused = self._weigh()
            return refused if refused is not None else self._serve(call)
        except VenueError as error:
            return self._refused(error)

    def fault_reply(self, fault: Fault) -> Reply:
        if fault is Fault.RATE_LIMITED:
            return self._refused(VenueError(50011, "Too Many Requests", 429))
        return Reply(body=b"<html>502 Bad Gateway</html>", status=502)

    def _refused(self, error: VenueError) -> Reply:
        headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else {}
        told = {"code": str(error.code), "data": [], "msg": error.text}
        return reply(told, error.status, headers)

    def _weigh(self) -> Reply | None:
        verdict = self.meter.take(1, self.now_ns())
        if verdict.passes:
            return None
        seconds = max(-(-verdict.retry_after_ns // NS_PER_S), 1)
        if verdict.banned:
            headers = {"Retry-After": str(seconds)}
            return Reply(body=b"<html>403 Forbidden</html>", status=403, headers=headers)
        raise VenueError(50011, "Too Many Requests", 429, seconds)

    def _serve(self, call: Call) -> Reply:
        route = self._api.routes.get((call.method, call.path))
        if route is None:
            return reply({"msg": "Not Found", "data": [], "code": "404"}, 404)
        params: Any = call.query_values()
        if call.method == "POST":
            try:
                params = msgspec.json.decode(call.body or b"{}")
            except msgspec.DecodeError:
                raise VenueError(50002, "JSON syntax error", 400) from None
        if not route.signed:
            rows = route.handler(Context(params, self.accounts[0], None))
            return reply({"code": "0", "data": rows, "msg": ""})
        key = self._key(call)
        if route.trading and not key.can_trade:
            text = "This API key doesn't have permission to use this function."
            raise VenueError(50120, text, 401)
        account = self.accounts[key.account]
        if route.many:
            return self._each(route, params, account, key)
        rows = route.handler(Context(params, account, key))
        return reply({"code": "0", "data": rows, "msg": ""})

    def _each(self, route: Route, params: Any, account: Account, key: ApiKey) -> Reply:
        """Carry out one order or a list of them, each with an answer of its own."""
        asked = params if isinstance(params, list) else [params]
        rows: list[Any] = []
        for one in asked:
            try:
                rows += route.handler(Context(one, account, key))
            except OrderRefused as error:
                rows.append(
                    {
                        "clOrdId": str(one.get("clOrdId") or ""),
                        "ordId": str(one.get("ordId") or ""),
                        "sCode": str(error.code),
                        "sMsg": error.text,
                        "tag": "",
                        "ts": str(self.now_ms()),
                    }
                )
        bad = sum(row["sCode"] != "0" for row in rows)
        code = "0" if not bad else "1" if bad == len(rows) else "2"
        text = {"0": "", "1": "All operations failed", "2": "Bulk operation partially succeeded"}
        at = str(self.now_ns() // 1_000)
        return reply({"code": code, "data": rows, "inTime": at, "msg": text[code], "outTime": at})

    def _key(self, call: Call) -> ApiKey:
        headers = call.headers
        key = self.keys.get(headers.get("OK-ACCESS-KEY", ""))
        if key is None:
            raise VenueError(50111, "Invalid OK-ACCESS-KEY", 401)
        at = headers.get("OK-ACCESS-TIMESTAMP", "")
        try:
            told_ms = int(datetime.fromisoformat(at).timestamp() * 1_000)
        except ValueError:
            raise VenueError(50112, "Invalid OK-ACCESS-TIMESTAMP", 401) from None
        if abs(self.now_ms() - told_ms) >= _STALE_MS:
            raise VenueError(50102, "Timestamp request expired", 401)
        if headers.get("OK-ACCESS-PASSPHRASE", "") != key.password:
            text = "Request header OK-ACCESS-PASSPHRASE incorrect."
            raise VenueError(50105, text, 401)
        path = f"{call.path}?{call.query}" if call.query else call.path
        payload = f"{at}{call.method}{path}{call.body.decode('utf-8', 'replace')}"
        if not matches(payload, key.secret, headers.get("OK-ACCESS-SIGN", "")):
            raise VenueError(50113, "Invalid Sign", 401)
        return key

    # Sockets.

    def opened(self, connection: Connection, path: str, query: dict[str, str]) -> bool:
        if path == _PRIVATE:
            self._private.opened(connection)
        return path in (_PUBLIC, _BUSINESS, _PRIVATE)

    def heard(self, connection: Connection, path: str, text: str) -> None:
        if text == "ping":
            connection.send("pong")
            return
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            message = None
        op = message.get("op") if isinstance(message, dict) else None
        name = f"{id(connection) & 0xFFFFFFFF:08x}"
        reader = self._private.reader(connection)
        if op == "login" and reader is not None:
            self._say(connection, self._private.login(reader, message) | {"connId": name})
        elif op in ("subscribe", "unsubscribe"):
            number = {"id": message["id"]} if message.get("id") else {}
            for arg in message.get("args") or []:
                self._subscribe(connection, reader, path, op, arg, number | {"connId": name})
        else:
            told = {"event": "error", "code": "60012", "msg": f"Illegal request: {text}"}
            self._say(connection, told | {"connId": name})

    def _subscribe(
        self,
        connection: Connection,
        reader: Reader | None,
        path: str,
        op: str,
        arg: dict[str, str],
        more: dict[str, str],
    ) -> None:
        on = op == "subscribe"
        channel, name = str(arg.get("channel", "")), str(arg.get("instId", ""))
        if reader is not None:
            code = self._private.subscribe(reader, arg, on=on)
        else:
            code = None if self._streams.knows(path, channel, name) else "60018"
        if code is not None:
            text = f"Wrong URL or channel:{channel},instId:{name} doesn't exist. Please use the "
            text += "correct URL, channel and parameters referring to API document."
            text = "Please log in" if code == "60011" else text
            self._say(connection, {"event": "error", "code": code, "msg": text} | more)
            return
        self._say(connection, {"event": op, "arg": arg} | more)
        if reader is not None:
            if on:
                count = {"channel": channel, "connCount": "1", "connId": more["connId"]}
                self._say(connection, {"event": "channel-conn-count"} | count)
                self._private.begin(connection, reader, arg)
        elif on:
            self.hub.subscribe(connection, [f"{channel}:{name}"])
            self._streams.subscribed(connection, channel, name)
        else:
            self.hub.unsubscribe(connection, [f"{channel}:{name}"])

    def _say(self, connection: Connection, told: dict[str, Any]) -> None:
        connection.send(encode(told).decode())

    def tell(self, account: Account, reports: Iterable[VenueReport]) -> None:
        self._private.tell(account, reports, silent=self.silent(self._real_ns()))

    # Market data.

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        self._streams.show_top(shown, crossed=crossed)

    def show_depth(self) -> None:
        self._streams.show_depth()

    def show_print(self, shown: Shown, made: Print) -> None:
        self._streams.show_print(shown, made)

    def show_second(self) -> None:
        self._streams.show_second()

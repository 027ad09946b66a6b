"""The door of a Binance server: weights, keys, signatures, clocks; then the route's handler."""

import itertools
from collections.abc import Mapping
from typing import Any

import msgspec

from arbiter.matching.faults import Fault
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.simex.account import ApiKey
from arbiter.simex.binance import words
from arbiter.simex.binance.calls import (
    BROKER,
    NONE,
    SIGNED,
    TRADING,
    Context,
    Route,
    matches,
    signed_payload,
)
from arbiter.simex.rest import Call, Reply, VenueError, reply
from arbiter.simex.venue import VenueServer

_RECV_WINDOW_MS = 5_000
_LONGEST_WINDOW_MS = 60_000
_AHEAD_MS = 1_000

Routes = Mapping[tuple[str, str], Route]


class Door:
    def __init__(self, server: VenueServer) -> None:
        self._server = server
        self._numbers = itertools.count(1)

    def fresh_id(self) -> str:
        """A client order id for an order that came without one."""
        return f"simex{next(self._numbers):017d}"

    def rest(self, call: Call, routes: Routes) -> Reply:
        route = routes.get((call.method, call.path))
        params = call.query_values() | call.form_values()
        try:
            used = self._weigh(route)
            if route is None:
                raise VenueError(-1000, f"no such path: {call.method} {call.path}", 404)
            context = self._context(
                route,
                params,
                call.headers.get("X-MBX-APIKEY", ""),
                signed_payload(call.query, call.body.decode("utf-8", "replace")),
            )
            value = route.handler(context)
        except VenueError as error:
            return _refused(error)
        return reply(value, headers={"X-MBX-USED-WEIGHT-1M": str(used)})

    def by_socket(self, message: dict[str, Any], route: Route) -> dict[str, Any]:
        """Serve a request of the WebSocket API; its signature is made over sorted parameters."""
        given = message.get("params") or {}
        params = {name: _text(value) for name, value in given.items()}
        payload = "&".join(f"{k}={v}" for k, v in sorted(params.items()) if k != "signature")
        try:
            self._weigh(route)
            context = self._context(route, params, params.get("apiKey", ""), payload)
            result = route.handler(context)
        except VenueError as error:
            told = {"code": error.code, "msg": error.text}
            return {"id": message.get("id"), "status": error.status, "error": told}
        return {"id": message.get("id"), "status": 200, "result": result}

    def _weigh(self, route: Route | None) -> int:
        server = self._server
        verdict = server.meter.take(route.weight if route else 1, server.now_ns())
        if verdict.passes:
            return verdict.used
        seconds = max(-(-verdict.retry_after_ns // NS_PER_S), 1)
        if verdict.banned:
            until = server.now_ms() + verdict.retry_after_ns // NS_PER_MS
            text = (
                f"Way too much request weight used; IP banned until {until}. "
                "Please use WebSocket Streams for live updates to avoid bans."
            )
            raise VenueError(-1003, text, 418, seconds)
        text = (
            f"Too much request weight used; current limit is {server.meter.per_minute} request "
            "weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling "
            "the API."
        )
        raise VenueError(-1003, text, 429, seconds)

    def _context(
        self, route: Route, params: Mapping[str, str], key_text: str, payload: str
    ) -> Context:
        server = self._server
        if route.security == NONE:
            return Context(params, server.accounts[0], None)
        key = self.key(key_text)
        if route.security >= SIGNED:
            self._check_time(params)
            signature = params.get("signature", "")
            if not signature:
                raise words.missing("signature")
            if not matches(payload, key.secret, signature):
                raise words.BAD_SIGNATURE
        if route.security >= TRADING and not key.can_trade:
            raise words.BAD_KEY
        if route.call == "submit":
            self._count_broker(params)
        return Context(params, server.accounts[key.account], key)

    def key(self, text: str) -> ApiKey:
        if not text:
            raise words.BAD_KEY_FORMAT
        key = self._server.keys.get(text)
        if key is None:
            raise words.BAD_KEY if len(text) == 64 else words.BAD_KEY_FORMAT
        return key

    def _check_time(self, params: Mapping[str, str]) -> None:
        text = params.get("timestamp", "")
        if not text.isdigit():
            raise words.missing("timestamp")
        at, now = int(text), self._server.now_ms()
        window = params.get("recvWindow", "")
        allowed = int(window) if window.isdigit() else _RECV_WINDOW_MS
        if allowed > _LONGEST_WINDOW_MS:
            raise VenueError(-1131, "recvWindow must be less than 60000.")
        if at >= now + _AHEAD_MS:
            raise VenueError(
                -1021, "Timestamp for this request was 1000ms ahead of the server's time."
            )
        if now - at > allowed:
            raise VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")

    def _count_broker(self, params: Mapping[str, str]) -> None:
        if params.get("newClientOrderId", "").startswith(BROKER):
            self._server.brokers["newClientOrderId"] += 1
            if self._server.settings.refuse_brokers:
                raise VenueError(-2010, "Orders that carry a broker's mark are refused here.")


def fault_reply(fault: Fault) -> Reply:
    if fault is Fault.RATE_LIMITED:
        text = "Too many requests; please use the websocket for live updates."
        return _refused(VenueError(-1003, text, 429, 1))
    text = "An unknown error occurred while processing the request."
    return _refused(VenueError(-1000, text, 502))


def _refused(error: VenueError) -> Reply:
    headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else {}
    return reply({"code": error.code, "msg": error.text}, error.status, headers)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

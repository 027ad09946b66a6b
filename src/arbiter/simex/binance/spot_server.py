"""The server ``binance``: spot REST, market streams and the WebSocket API with user data."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from arbiter.matching.faults import Fault, Faults
from arbiter.model.reports import VenueReport
from arbiter.simex.account import Account
from arbiter.simex.binance.calls import NONE, SIGNED, Context, Route
from arbiter.simex.binance.door import Door, fault_reply
from arbiter.simex.binance.spot import SpotRest
from arbiter.simex.binance.spot_events import events
from arbiter.simex.binance.streams import MarketStreams
from arbiter.simex.hub import Connection
from arbiter.simex.market import Market
from arbiter.simex.rest import Call, Reply, encode
from arbiter.simex.settings import SimexSettings
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

_SOCKET_ROUTES = {
    "ping": ("GET", "/api/v3/ping"),
    "time": ("GET", "/api/v3/time"),
    "exchangeInfo": ("GET", "/api/v3/exchangeInfo"),
    "depth": ("GET", "/api/v3/depth"),
    "ticker.book": ("GET", "/api/v3/ticker/bookTicker"),
    "klines": ("GET", "/api/v3/klines"),
    "order.place": ("POST", "/api/v3/order"),
    "order.cancel": ("DELETE", "/api/v3/order"),
    "order.status": ("GET", "/api/v3/order"),
    "openOrders.status": ("GET", "/api/v3/openOrders"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
    "allOrders": ("GET", "/api/v3/allOrders"),
    "account.status": ("GET", "/api/v3/account"),
    "myTrades": ("GET", "/api/v3/myTrades"),
}


class BinanceSpot(VenueServer):
    digits = 8

    def __init__(
        self,
        name: str,
        settings: SimexSettings,
        market: Market,
        faults: Faults,
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__(name, settings, market, faults, now_ns)
        self._door = Door(self)
        self._rest_api = SpotRest(self, self._door.fresh_id)
        self._routes = dict(self._rest_api.routes)
        self._routes["GET", "/fapi/v1/exchangeInfo"] = Route(self._rest_api.nothing_listed, 1)
        self._streams = MarketStreams(self, self.hub, futures=False)
        self._followers: dict[Connection, dict[int, int]] = {}
        """Accounts that a connection follows, by subscription id."""

    def answer(self, call: Call) -> Reply:
        return self._door.rest(call, self._routes)

    def call_name(self, call: Call) -> str | None:
        route = self._routes.get((call.method, call.path))
        return None if route is None else route.call

    def fault_reply(self, fault: Fault) -> Reply:
        return fault_reply(fault)

    # Sockets.

    def opened(self, connection: Connection, path: str, query: dict[str, str]) -> bool:
        if path.startswith("/ws-api"):
            self._followers[connection] = {}
            return True
        if path.startswith("/stream"):
            connection.combined = True
            self._streams.subscribe(
                connection, [s for s in query.get("streams", "").split("/") if s]
            )
            return True
        if path == "/ws" or path.startswith("/ws/"):
            self._streams.subscribe(connection, [s for s in path[4:].split("/") if "@" in s])
            return True
        return False

    def heard(self, connection: Connection, path: str, text: str) -> None:
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            message = None
        if not isinstance(message, dict):
            error = {"code": 3, "msg": "Invalid JSON"}
            connection.send(encode({"error": error, "id": None}).decode())
        elif connection in self._followers:
            connection.send(encode(self._socket_call(connection, message)).decode())
        else:
            self._streams.command(connection, message)

    def _socket_call(self, connection: Connection, message: dict[str, Any]) -> dict[str, Any]:
        method = message.get("method", "")
        followed = self._followers[connection]
        if method == "userDataStream.subscribe.signature":

            def follow(context: Context) -> dict[str, int]:
                number = max(followed, default=-1) + 1
                followed[number] = context.account.number
                return {"subscriptionId": number}

            return self._door.by_socket(message, Route(follow, 2, SIGNED))
        if method == "userDataStream.unsubscribe":

            def leave(_: Context) -> dict[str, Any]:
                followed.clear()
                return {}

            return self._door.by_socket(message, Route(leave, 2, NONE))
        route = self._routes.get(_SOCKET_ROUTES.get(method, ("", "")))
        if route is None:
            error = {"code": -1000, "msg": f"Unknown method '{method}'."}
            return {"id": message.get("id"), "status": 400, "error": error}
        return self._door.by_socket(message, route)

    def tell(self, account: Account, reports: Iterable[VenueReport]) -> None:
        silent = self.silent(self._real_ns())
        for report, event in events(account, reports, self.now_ms()):
            if silent:
                continue
            if report is None:
                self._send(account, event)
            else:
                self.delayed(report, lambda event=event: self._send(account, event))  # type: ignore[misc]

    def _send(self, account: Account, event: dict[str, Any]) -> None:
        for connection, followed in tuple(self._followers.items()):
            if connection.closing:
                del self._followers[connection]
                continue
            for number, mine in followed.items():
                if mine == account.number:
                    wrapped = {"subscriptionId": number, "event": event}
                    connection.send(encode(wrapped).decode())

    # Market data.

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        self._streams.show_top(shown, crossed=crossed)

    def show_depth(self) -> None:
        self._streams.show_depth()

    def show_print(self, shown: Shown, made: Print) -> None:
        self._streams.show_print(shown, made)

    def show_second(self) -> None:
        self._streams.show_second()

"""The server ``binance_futures``: USD-M REST, market streams, user data by listen key."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from arbiter.matching.faults import Fault, Faults
from arbiter.model.reports import VenueReport
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account
from arbiter.simex.binance.calls import KEYED, Context, Route
from arbiter.simex.binance.door import Door, fault_reply
from arbiter.simex.binance.futures import FuturesRest
from arbiter.simex.binance.futures_events import events
from arbiter.simex.binance.streams import MarketStreams
from arbiter.simex.binance.words import fixed
from arbiter.simex.hub import Connection
from arbiter.simex.market import Market
from arbiter.simex.rest import Call, Reply, VenueError, encode
from arbiter.simex.settings import SimexSettings
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

_LISTEN_MS = 3_600_000
"""How long a listen key lives after it was last kept alive."""


class BinanceFutures(VenueServer):
    prefix = "/fapi/v1"

    def __init__(
        self,
        name: str,
        settings: SimexSettings,
        market: Market,
        faults: Faults,
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__(name, settings, market, faults, now_ns)
        self._door = self.make_door()
        self._rest_api = FuturesRest(self, self._door.fresh_id, self.prefix)
        self._routes = self._rest_api.routes | self.more_routes()
        for path in (f"{self.prefix}/listenKey",):
            self._routes["POST", path] = Route(self._listen, 1, KEYED)
            self._routes["PUT", path] = Route(self._keep, 1, KEYED)
            self._routes["DELETE", path] = Route(self._forget, 1, KEYED)
        self._streams = MarketStreams(self, self.hub, futures=True)
        self._listen_keys: dict[str, tuple[int, int]] = {}
        """Account and end, ms, by listen key."""
        self._followers: dict[Connection, str] = {}

    def make_door(self) -> Door:
        return Door(self)

    def more_routes(self) -> dict[tuple[str, str], Route]:
        """Give what only a venue of this shape has."""
        return {}

    def answer(self, call: Call) -> Reply:
        return self._door.rest(call, self._routes)

    def call_name(self, call: Call) -> str | None:
        route = self._routes.get((call.method, call.path))
        return None if route is None else route.call

    def fault_reply(self, fault: Fault) -> Reply:
        return fault_reply(fault)

    # Listen keys.

    def _listen(self, context: Context) -> dict[str, str]:
        number = context.account.number
        text = hashlib.sha256(f"{self.name}:{self.settings.seed}:{number}".encode()).hexdigest()
        self._listen_keys[text] = (number, self.now_ms() + _LISTEN_MS)
        return {"listenKey": text}

    def _keep(self, context: Context) -> dict[str, str]:
        for text, (number, _) in self._listen_keys.items():
            if number == context.account.number:
                self._listen_keys[text] = (number, self.now_ms() + _LISTEN_MS)
                return {"listenKey": text}
        raise VenueError(-1125, "This listenKey does not exist.")

    def _forget(self, context: Context) -> dict[str, str]:
        self._listen_keys = {
            text: told
            for text, told in self._listen_keys.items()
            if told[0] != context.account.number
        }
        return {}

    # Sockets.

    def opened(self, connection: Connection, path: str, query: dict[str, str]) -> bool:
        words = [word for word in path.split("/") if word]
        if "stream" in words:
            connection.combined = True
            names = query.get("streams", "").split("/")
        elif "ws" in words:
            names = words[words.index("ws") + 1 :]
        else:
            return False
        for name in (*names, query.get("listenKey", "")):
            if name in self._listen_keys:
                self._followers[connection] = name
        self._streams.subscribe(connection, [name for name in names if "@" in name or "!" in name])
        return True

    def heard(self, connection: Connection, path: str, text: str) -> None:
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            message = None
        if isinstance(message, dict):
            self._streams.command(connection, message)
        else:
            error = {"code": 3, "msg": "Invalid JSON"}
            connection.send(encode({"error": error, "id": None}).decode())

    def tell(self, account: Account, reports: Iterable[VenueReport]) -> None:
        silent = self.silent(self._real_ns())
        for report, event in events(account, reports, self.now_ms(), self.now_ns()):
            if silent:
                continue
            if report is None:
                self._send(account, event)
            else:
                self.delayed(report, lambda event=event: self._send(account, event))  # type: ignore[misc]

    def _send(self, account: Account, event: dict[str, Any]) -> None:
        frame = encode(event).decode()
        for connection, text in tuple(self._followers.items()):
            if connection.closing:
                del self._followers[connection]
                continue
            number, until = self._listen_keys.get(text, (-1, 0))
            if number != account.number:
                continue
            if until < self.now_ms():
                expired = {"e": "listenKeyExpired", "E": self.now_ms(), "listenKey": text}
                connection.send(encode(expired).decode())
                del self._followers[connection]
                continue
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
        at, rows = self.now_ms(), []
        for row, shown in self.shown.items():
            rate = self.funding[row]
            told = {
                "e": "markPriceUpdate",
                "E": at,
                "s": shown.market_id,
                "p": fixed(rate.mark),
                "i": fixed(rate.mark),
                "P": fixed(rate.mark),
                "r": fixed(rate.rate),
                "T": rate.next_funding_ns // NS_PER_MS,
            }
            rows.append(told)
            for speed in ("", "@1s"):
                self.hub.publish(
                    f"{shown.market_id.lower()}@markPrice{speed}", encode(told).decode()
                )
        for speed in ("", "@1s"):
            self.hub.publish(f"!markPrice@arr{speed}", encode(rows).decode())

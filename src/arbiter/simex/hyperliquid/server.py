"""The server ``hyperliquid``: questions, actions and streams of the venue's own market."""

import itertools
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np

from arbiter.matching.faults import Fault, Faults
from arbiter.model.ids import VenueId
from arbiter.model.reports import (
    Accepted,
    Ended,
    Filled,
    ForcedReported,
    FundingReported,
    VenueReport,
)
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.simex.account import Account, ApiKey
from arbiter.simex.hub import Connection
from arbiter.simex.hyperliquid import exchange, info, rows
from arbiter.simex.hyperliquid.chronicle import Chronicle
from arbiter.simex.hyperliquid.exchange import Exchange
from arbiter.simex.hyperliquid.info import Info, Owner
from arbiter.simex.hyperliquid.leader import PublicLeader
from arbiter.simex.hyperliquid.market import MarketData
from arbiter.simex.hyperliquid.streams import Streams, frame
from arbiter.simex.market import Market
from arbiter.simex.rest import Call, Reply, VenueError, reply
from arbiter.simex.settings import SimexSettings
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

_PATHS = ("/info", "/exchange")
_OTHERS = 20
_MADE = {"reading": "stranger", "withdrawing": "wallet"}
"""Whose private key a key of that kind carries; one without a kind carries the agent's."""


class Hyperliquid(VenueServer):
    def __init__(
        self,
        name: str,
        settings: SimexSettings,
        market: Market,
        faults: Faults,
        now_ns: Callable[[], int],
    ) -> None:
        self._owners: dict[str, Owner] = {}
        super().__init__(name, settings, market, faults, now_ns)
        self._numbers = itertools.count(1)
        self._market_data = MarketData(self)
        self.info = Info(self, self._market_data, self._owners)
        self.exchange = Exchange(self, self._market_data, self.info, self._owners, self._fresh_id)
        self._streams = Streams(self.hub, self._market_data, self._owners, self.now_ns)
        balances = self._starting_balances()
        led = Account(settings.accounts, VenueId(name), self._listed(), balances, now_ns())
        self.accounts.append(led)
        for account in self.accounts:
            address = self._address(account.number, "wallet")
            self._owners[address] = Owner(address, account, Chronicle(account, address))
            agent = self._address(account.number, "agent")
            self.info.agents[agent] = address
        rng = np.random.default_rng([settings.seed, 77])
        self.leader = PublicLeader(led, self._market_data.listed, rng, self.tell)

    def _fresh_id(self) -> str:
        return f"venue-{next(self._numbers)}"

    # Keys: an account's address, with the private key of an agent.

    def _private_key(self, account: int, whose: str) -> str:
        text = f"{self.name}:{self.settings.seed}:{account}:{whose}"
        return "0x" + sha256(text.encode()).hexdigest()

    def _address(self, account: int, whose: str) -> str:
        return self.exchange.address(self._private_key(account, whose))

    def make_key(self, account: int, kind: str = "") -> ApiKey:
        """Known by the private key alone: several may act for one address."""
        secret = self._private_key(account, _MADE.get(kind, "agent"))
        return ApiKey(
            key=secret,
            secret=secret,
            account=account,
            can_trade=kind != "reading",
            can_withdraw=kind == "withdrawing",
        )

    def credentials(self, key: ApiKey) -> dict[str, str]:
        address = self._address(key.account, "wallet")
        return {"walletAddress": address, "privateKey": key.secret}

    def announcement(self) -> dict[str, Any]:
        return {"leader": self._address(self.leader.account.number, "wallet")}

    # HTTP.

    def call_name(self, call: Call) -> str | None:
        if call.method != "POST" or call.path not in _PATHS:
            return None
        body = _decoded(call.body)
        if call.path == "/info":
            return info.CALLS.get(str(body.get("type")))
        action = body.get("action")
        return exchange.CALLS.get(str(action.get("type"))) if isinstance(action, dict) else None

    def answer(self, call: Call) -> Reply:
        if call.method != "POST" or call.path not in _PATHS:
            return Reply(body=b"Not Found", status=404)
        body = _decoded(call.body)
        try:
            self._weigh(1 if call.path == "/exchange" else _weight(body))
            if call.path == "/exchange":
                return reply(self.exchange.answer(body))
            return reply(self.info.answer(body))
        except VenueError as error:
            return Reply(body=error.text.encode(), status=error.status)

    def fault_reply(self, fault: Fault) -> Reply:
        if fault is Fault.RATE_LIMITED:
            return Reply(body=b"null", status=429)
        return Reply(body=b"<html>502 Bad Gateway</html>", status=502)

    def _weigh(self, weight: int) -> None:
        verdict = self.meter.take(weight, self.now_ns())
        if verdict.banned:
            raise VenueError(0, "<html>403 Forbidden</html>", 403)
        if not verdict.passes:
            raise VenueError(0, "null", 429, max(-(-verdict.retry_after_ns // NS_PER_S), 1))

    # Sockets.

    def opened(self, connection: Connection, path: str, query: dict[str, str]) -> bool:
        return path == "/ws"

    def heard(self, connection: Connection, path: str, text: str) -> None:
        message = _decoded(text.encode())
        match message.get("method"):
            case "ping":
                connection.send('{"channel":"pong"}')
            case "subscribe" | "unsubscribe" as method:
                self._subscription(connection, method, message.get("subscription"))
            case "post":
                self._posted(connection, message)
            case _:
                connection.send(
                    frame("error", f"Error parsing JSON into valid websocket request: {text}")
                )

    def _subscription(self, connection: Connection, method: str, wanted: Any) -> None:
        shown = msgspec.json.encode(wanted).decode()
        topic = self._streams.topic(wanted) if isinstance(wanted, dict) else None
        if topic is None:
            connection.send(frame("error", f"Invalid subscription {shown}"))
            return
        mine = topic in connection.topics
        if mine == (method == "subscribe"):
            word = "Already subscribed" if mine else "Already unsubscribed"
            connection.send(frame("error", f"{word}: {shown}"))
            return
        told = {"method": method, "subscription": wanted}
        connection.send(frame("subscriptionResponse", told))
        if method == "subscribe":
            self.hub.subscribe(connection, [topic])
            self._streams.begin(connection, wanted)
        else:
            self.hub.unsubscribe(connection, [topic])

    def _posted(self, connection: Connection, message: dict[str, Any]) -> None:
        """A question or an action over the socket."""
        asked = message.get("request") or {}
        payload: Any = asked.get("payload") or {}
        try:
            if asked.get("type") == "action":
                told: Any = self.exchange.answer(payload)
            else:
                told = {"type": payload.get("type"), "data": self.info.answer(payload)}
            response = {"type": asked.get("type"), "payload": told}
        except VenueError as error:
            response = {"type": "error", "payload": f"{error.status}: {error.text}"}
        connection.send(frame("post", {"id": message.get("id"), "response": response}))

    # An account's streams.

    def tell(self, account: Account, reports: Iterable[VenueReport]) -> None:
        account.take_touched()
        if self.silent(self._real_ns()):
            for report in reports:
                self._frames(account, report)
            return
        for report in reports:
            for topic, told in self._frames(account, report):
                self.delayed(
                    report,
                    lambda topic=topic, told=told: self.hub.publish(topic, told),  # type: ignore[misc]
                )

    def _frames(self, account: Account, report: VenueReport) -> list[tuple[str, str]]:
        address = self._address_of(account)
        if isinstance(report, Accepted):
            view = account.orders[report.client_order_id]
            if view.order.status.terminal:
                return []  # told of as it ended
            return [_updated(address, rows.update(view, account.number, told=True))]
        if isinstance(report, Filled):
            view = account.orders[report.fill.client_order_id]
            view.told_size += report.fill.size
            made = self._filled(address, report.fill.venue_trade_id)
            if not view.order.status.terminal:
                made.append(_updated(address, rows.update(view, account.number, told=True)))
            return made
        if isinstance(report, Ended):
            view = account.orders[report.client_order_id]
            return [_updated(address, rows.update(view, account.number))]
        if isinstance(report, ForcedReported):
            return self._filled(address, report.forced.venue_trade_id)
        if isinstance(report, FundingReported):
            paid = report.payment
            row = {"time": paid.at_ns // NS_PER_MS} | rows.funding(account, paid)
            told = frame("userFundings", {"user": address, "fundings": [row]})
            event = frame("user", {"funding": row})
            return [(f"userFundings:{address}", told), (f"userEvents:{address}", event)]
        return []

    def _filled(self, address: str, trade: str) -> list[tuple[str, str]]:
        row = self._owners[address].chronicle.row(trade)
        told = frame("userFills", {"user": address, "fills": [row]})
        return [
            (f"userFills:{address}", told),
            (f"userEvents:{address}", frame("user", {"fills": [row]})),
        ]

    def _address_of(self, account: Account) -> str:
        return next(owner.address for owner in self._owners.values() if owner.account is account)

    # Market data.

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        self._streams.show_top(shown, crossed=crossed)

    def show_depth(self) -> None:
        self._streams.show_depth()

    def show_print(self, shown: Shown, made: Print) -> None:
        self._streams.show_print(shown, made)

    def show_second(self) -> None:
        self._streams.show_second()
        self.leader.second(self._real_ns())


def _updated(address: str, row: dict[str, Any]) -> tuple[str, str]:
    return f"orderUpdates:{address}", frame("orderUpdates", [row])


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _weight(body: dict[str, Any]) -> int:
    return info.CHEAP.get(str(body.get("type")), _OTHERS)

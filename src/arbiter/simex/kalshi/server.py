"""The server ``kalshi``: signed REST and one signed stream."""

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web

from arbiter.matching.faults import Fault, Faults
from arbiter.model.money import ZERO
from arbiter.model.perpetuals import MarginPosition
from arbiter.model.reports import Accepted, Ended, Filled, ForcedReported, VenueReport
from arbiter.model.time import NS_PER_S
from arbiter.simex.account import Account, ApiKey, OrderView, derive_key
from arbiter.simex.hub import Connection
from arbiter.simex.kalshi import rows, words
from arbiter.simex.kalshi.api import Api
from arbiter.simex.kalshi.calls import Context, Route, split
from arbiter.simex.kalshi.keys import Checker, derive_pem
from arbiter.simex.kalshi.limits import REQUEST, Limits
from arbiter.simex.kalshi.public import Public
from arbiter.simex.kalshi.rows import Settlement
from arbiter.simex.kalshi.streams import Streams
from arbiter.simex.market import Market
from arbiter.simex.rest import Call, Reply, reply
from arbiter.simex.settings import SimexSettings
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

API, STREAM = "/trade-api/v2", "/trade-api/ws/v2"
_WINDOW_MS = 15_000
"""A request signed further away from the venue's time is refused."""
_opening: ContextVar[int] = ContextVar("account of the stream that is being opened")


class Kalshi(VenueServer):
    digits = 4

    def __init__(
        self,
        name: str,
        settings: SimexSettings,
        market: Market,
        faults: Faults,
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__(name, settings, market, faults, now_ns)
        self.public = Public(self)
        self._api = Api(self, self.public)
        self._routes: list[Route] = [*self.public.routes(), *self._api.routes()]
        self._streams = Streams(self, self.public, lambda: self.silent(self._real_ns()))
        self._checkers: dict[str, Checker] = {}
        self.limits = Limits(settings.weight_per_minute)

    # Keys.

    def make_key(self, account: int, kind: str = "") -> ApiKey:
        made = derive_key(self.name, self.settings.seed, account, kind)
        name = made.key
        uuid = "-".join([name[:8], name[8:12], name[12:16], name[16:20], name[20:32]])
        pem = derive_pem(self.name, self.settings.seed, account, kind)
        return msgspec.structs.replace(made, key=uuid, secret=pem)

    def credentials(self, key: ApiKey) -> dict[str, str]:
        return {"apiKey": key.key, "privateKey": key.secret}

    def _key(self, headers: Any, method: str, path: str) -> ApiKey:
        name = headers.get("KALSHI-ACCESS-KEY", "")
        at, signature = (headers.get(f"KALSHI-ACCESS-{h}", "") for h in ("TIMESTAMP", "SIGNATURE"))
        if not name or not at or not signature:
            raise words.unauthenticated("MISSING_HEADERS")
        key = self.keys.get(name)
        if key is None:
            raise words.unauthenticated("NOT_FOUND")
        if not at.isdigit() or abs(int(at) - self.now_ms()) > _WINDOW_MS:
            text = "header timestamp expired"
            raise words.Refused(401, "header_timestamp_expired", text)
        checker = self._checkers.setdefault(name, Checker(key.secret))
        if not checker.signed(f"{at}{method}{path}", signature):
            raise words.unauthenticated("INCORRECT_API_KEY_SIGNATURE")
        return key

    # REST.

    def _route_of(self, call: Call) -> tuple[Route, dict[str, str]] | None:
        path = call.path.removeprefix(API)
        if path == call.path:
            return None
        for route in self._routes:
            parts = route.parts(call.method, split(path))
            if parts is not None:
                return route, parts
        return None

    def call_name(self, call: Call) -> str | None:
        found = self._route_of(call)
        return None if found is None else found[0].call

    def answer(self, call: Call) -> Reply:
        if not self.meter.take(0, self._real_ns()).passes:
            return Reply(body=b"<html>403 Forbidden</html>", status=403, headers=self._date())
        try:
            status, told = self._serve(call)
        except words.Refused as error:
            return reply(error.body(), error.status, self._date())
        return reply(told, status, self._date())

    def _date(self) -> dict[str, str]:
        """By the venue's own clock, which may be wrong."""
        from email.utils import formatdate

        return {"Date": formatdate(self.now_ns() // NS_PER_S, usegmt=True)}

    def fault_reply(self, fault: Fault) -> Reply:
        if fault is Fault.RATE_LIMITED:
            return reply(_too_many().body(), 429, self._date())
        return Reply(body=b"<html>502 Bad Gateway</html>", status=502)

    def _serve(self, call: Call) -> tuple[int, Any]:
        found = self._route_of(call)
        if found is None:
            raise words.not_found()
        route, parts = found
        key = None
        if route.signed:
            key = self._key(call.headers, call.method, call.path)
        who = "" if key is None else key.key
        tokens = route.tokens if route.signed else REQUEST
        if not self.limits.take(who, tokens, self._real_ns(), write=route.write):
            raise _too_many()
        if route.write and key is not None and not key.can_trade:
            raise words.Refused(403, "forbidden", "forbidden", "INSUFFICIENT_SCOPE")
        params: Any = call.query_values()
        if call.method == "POST":
            params = self._body(call)
        account = self.accounts[0 if key is None else key.account]
        return route.status, route.handler(Context(params, parts, account, key))

    def _body(self, call: Call) -> dict[str, Any]:
        try:
            params = msgspec.json.decode(call.body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError):
            params = None
        if not isinstance(params, dict):
            raise words.Refused(400, "bad_request", "bad request", "invalid JSON", flat=True)
        return params

    # The stream.

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        try:
            key = self._key(request.headers, "GET", request.path)
        except words.Refused as error:
            return web.json_response(error.body(), status=error.status)
        _opening.set(key.account)
        return await super()._socket(request)

    def opened(self, connection: Connection, path: str, query: dict[str, str]) -> bool:
        if path != STREAM:
            return False
        self._streams.join(connection, _opening.get())
        return True

    def heard(self, connection: Connection, path: str, text: str) -> None:
        self._streams.heard(connection, text)

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        self._streams.show_book(shown, crossed=crossed)
        self._streams.show_ticker(shown)

    def show_depth(self) -> None:
        for shown in self.shown.values():
            self._streams.show_book(shown)

    def show_print(self, shown: Shown, made: Print) -> None:
        self._streams.show_print(shown, made)

    def show_second(self) -> None:
        """Nothing comes by the second."""

    # What happens to accounts.

    def resolve(self, shown: Shown, payout: Decimal, now_ns: int) -> None:
        if shown.row in self.decided:
            return
        name, at_ns = shown.instrument.id, self.now_ns()
        for account in self.accounts:
            held = account.exchange.margin.positions.get(name)
            if held is not None and held.quantity:
                told = Settlement(
                    ticker=shown.market_id,
                    held=held.quantity,
                    cost=held.margin,
                    payout=payout,
                    at_ns=at_ns,
                )
                self._api.settlements.setdefault(account.number, []).append(told)
        super().resolve(shown, payout, now_ns)
        self._streams.show_book(shown)
        life = {"market_ticker": shown.market_id, "result": rows.result(payout)}
        at_s = at_ns // NS_PER_S
        self._streams.show_life(
            life
            | {
                "event_type": "determined",
                "determination_ts": at_s,
                "settlement_value": words.dollars(payout),
            }
        )
        self._streams.show_life(
            {"market_ticker": shown.market_id, "event_type": "settled", "settled_ts": at_s}
        )

    def tell(self, account: Account, reports: Iterable[VenueReport]) -> None:
        account.take_touched()
        for report in reports:
            for channel, kind, ticker, body in self._told(account, report):
                number = account.number
                self.delayed(
                    report,
                    lambda n=number, c=channel, k=kind, t=ticker, b=body: self._streams.tell(  # type: ignore[misc]
                        n, c, k, t, b
                    ),
                )

    def _told(
        self, account: Account, report: VenueReport
    ) -> list[tuple[str, str, str, dict[str, Any]]]:
        number = account.number
        if isinstance(report, Accepted):
            view = account.orders[report.client_order_id]
            # An order that has ended by now is told of as it ended.
            return [] if view.order.status.terminal else [self._order(view, number, told=True)]
        if isinstance(report, Ended):
            return [self._order(account.orders[report.client_order_id], number)]
        if isinstance(report, Filled):
            fill = report.fill
            view = account.orders[fill.client_order_id]
            view.told_size += fill.size
            view.told_value += fill.size * fill.price
            held = account.exchange.margin.positions[fill.instrument]
            ticker = view.instrument.market_id
            body = rows.fill_message(view, fill, number, held.quantity)
            made = [("fill", "fill", ticker, body), self._position(account, held, ticker)]
            if not view.order.status.terminal:
                made.append(self._order(view, number, told=True))
            return made
        if isinstance(report, ForcedReported):
            name = report.forced.instrument
            held = account.exchange.margin.positions[name]
            return [self._position(account, held, account.instrument(name).market_id)]
        return []

    def _order(
        self, view: OrderView, account: int, *, told: bool = False
    ) -> tuple[str, str, str, dict[str, Any]]:
        body = rows.order_message(view, account, told=told)
        return "user_orders", "user_order", view.instrument.market_id, body

    def _position(
        self, account: Account, held: MarginPosition, ticker: str
    ) -> tuple[str, str, str, dict[str, Any]]:
        fees = sum((f.fee for f in self._api.traded(account, held.instrument)), ZERO)
        body = rows.position_message(ticker, account.number, held, fees)
        return "market_positions", "market_position", ticker, body


def _too_many() -> words.Refused:
    return words.Refused(429, "too_many_requests", "too many requests")

"""What every simulated server does, whatever it speaks: market, accounts, faults, transport."""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from decimal import Decimal
from functools import partial
from typing import Any

from aiohttp import web

from arbiter.markets.simulator import QuoteBatch
from arbiter.matching.faults import CallFate, Fault, Faults
from arbiter.model.ids import Asset, InstrumentId, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import floor_to
from arbiter.model.perpetuals import FundingRate, is_perpetual
from arbiter.model.quotes import Candle
from arbiter.model.reports import VenueReport
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.simex.account import Account, ApiKey, derive_key
from arbiter.simex.depth import DepthBook
from arbiter.simex.hub import Connection, Hub
from arbiter.simex.market import Market
from arbiter.simex.rest import Call, Reply
from arbiter.simex.settings import SERVERS, SimexSettings
from arbiter.simex.tape import Bar, Print, Tape
from arbiter.simex.weights import WeightMeter

_LOST_S = 30.0
"""How long a request that is never answered is kept before its connection is cut."""
_MOST_BODY = 1 << 20


class Shown:
    """One listed instrument with everything that is displayed of it."""

    def __init__(self, row: int, instrument: Instrument, digits: int) -> None:
        self.row = row
        self.instrument = instrument
        self.book = DepthBook(instrument, digits)
        self.tape = Tape()

    def minute(self, candle: Candle) -> Bar:
        """A minute as the tape keeps it."""
        scale = self.book.scale
        opened, high, low, close = (
            scale.ticks(price) for price in (candle.open, candle.high, candle.low, candle.close)
        )
        volume = max(scale.lots(candle.volume), 1)
        return Bar(opened, high, low, close, volume, volume * (high + low) // 2, 1 + volume // 100)

    @property
    def market_id(self) -> str:
        return self.instrument.market_id

    @property
    def perpetual(self) -> bool:
        return is_perpetual(self.instrument)

    @property
    def event(self) -> bool:
        return self.instrument.kind is InstrumentKind.BINARY


class VenueServer(ABC):
    """One server. `digits` are the fewest digits after the point that it writes."""

    digits = 0

    def __init__(
        self,
        name: str,
        settings: SimexSettings,
        market: Market,
        faults: Faults,
        now_ns: Callable[[], int],
    ) -> None:
        self.name = name
        self.settings = settings
        self.market = market
        self.faults = faults
        self._real_ns = now_ns
        venues = SERVERS[name]
        self.shown: dict[int, Shown] = {
            row: Shown(row, self.listed_as(instrument), self.digits)
            for row, instrument in enumerate(market.instruments)
            if instrument.venue in venues
        }
        for shown in self.shown.values():
            shown.tape.tell_past = partial(self._past, shown)
        self.by_id: dict[InstrumentId, Shown] = {s.instrument.id: s for s in self.shown.values()}
        self.funding: dict[int, FundingRate] = {}
        self.decided: dict[int, Decimal] = {}
        """What YES pays in event markets that have ended, by row."""
        self.decided_ns: dict[int, int] = {}
        """When they ended, in the venue's own time."""
        self.hub = Hub()
        self.meter = WeightMeter(settings.weight_per_minute)
        self.brokers: Counter[str] = Counter()
        """Orders that carried a broker's, builder's or referrer's mark, by where it stood."""
        self.calls: Counter[str] = Counter()
        balances = self._starting_balances()
        at = now_ns()
        self.accounts = [
            Account(n, VenueId(name), self._listed(), balances, at)
            for n in range(settings.accounts)
        ]
        made = [self.make_key(n) for n in range(settings.accounts)]
        made += [self.make_key(0, kind) for kind in ("reading", "withdrawing")]
        self.keys: dict[str, ApiKey] = {key.key: key for key in made}
        self.control: Callable[[Call], Reply] | None = None
        """Answers at `/_simex`, where it is set."""
        self._tasks: set[asyncio.Task[None]] = set()

    # What a venue does in its own words.

    def listed_as(self, instrument: Instrument) -> Instrument:
        """Give an instrument of the market with the venue's own rules of least sizes and units."""
        return instrument

    def make_key(self, account: int, kind: str = "") -> ApiKey:
        """Make the credentials of an account; `kind` is empty, ``reading`` or ``withdrawing``."""
        return derive_key(self.name, self.settings.seed, account, kind)

    def credentials(self, key: ApiKey) -> dict[str, str]:
        """Announce a key under ccxt's names for its parts."""
        return {"apiKey": key.key, "secret": key.secret}

    def announcement(self) -> dict[str, Any]:
        """What else a client should know of this server."""
        return {}

    @abstractmethod
    def answer(self, call: Call) -> Reply:
        """Serve one request, refusals included."""

    @abstractmethod
    def call_name(self, call: Call) -> str | None:
        """Name a request as faults know it (``submit``, ``query`` …); None is never disturbed."""

    @abstractmethod
    def fault_reply(self, fault: Fault) -> Reply:
        """Say "too many requests" or "internal error"."""

    @abstractmethod
    def opened(self, connection: Connection, path: str, query: dict[str, str]) -> bool:
        """A WebSocket was opened at `path`; False when there is none there."""

    @abstractmethod
    def heard(self, connection: Connection, path: str, text: str) -> None:
        """A client sent a text frame."""

    @abstractmethod
    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        """Publish a new best bid and ask."""

    @abstractmethod
    def show_depth(self) -> None:
        """Publish what changed in watched books; called ten times a second."""

    @abstractmethod
    def show_print(self, shown: Shown, made: Print) -> None:
        """Publish a public trade."""

    @abstractmethod
    def show_second(self) -> None:
        """Publish what comes once a second: tickers, marks."""

    @abstractmethod
    def tell(self, account: Account, reports: Iterable[VenueReport]) -> None:
        """Send an account's private streams what happened to it."""

    def _past(self, shown: Shown) -> dict[int, Bar]:
        """What the tape would hold of the day before the start, by the minute's ms."""
        past = self.market.past(shown.row)
        return {candle.open_ns // NS_PER_MS: shown.minute(candle) for candle in past}

    # Time and money.

    def now_ns(self) -> int:
        """The venue's own time, which may be wrong."""
        return self.faults.clock_ns(self._real_ns())

    def now_ms(self) -> int:
        return self.now_ns() // NS_PER_MS

    def _listed(self) -> list[Instrument]:
        return [shown.instrument for shown in self.shown.values()]

    def _starting_balances(self) -> dict[Asset, Decimal]:
        balances: dict[Asset, Decimal] = {}
        for row, shown in self.shown.items():
            instrument = shown.instrument
            balances.setdefault(instrument.settle, self.settings.starting_quote)
            if not shown.perpetual and not shown.event:
                amount = self.settings.starting_base_usd / self.market.mid(row)
                balances[instrument.base] = floor_to(amount, instrument.lot)
        return balances

    # The market moves.

    def take(self, batch: QuoteBatch, now_ns: int) -> None:
        """Show new quotes to the accounts, then to whoever listens."""
        mine = self.shown
        for row, bid, ask, bid_size, ask_size in zip(
            batch.rows.tolist(),
            batch.bid.tolist(),
            batch.ask.tolist(),
            batch.bid_size.tolist(),
            batch.ask_size.tolist(),
            strict=True,
        ):
            shown = mine.get(row)
            if shown is None or row in self.decided:
                continue
            fault = self.faults.on_quote(shown.instrument.id, now_ns)
            if fault is Fault.DELISTING:
                continue
            shown.book.quote(bid, ask, bid_size, ask_size, now_ns)
            name = shown.instrument.id
            there = self.faults.shown(bid_size), self.faults.shown(ask_size)
            for account in self.accounts:
                reports = account.exchange.on_quote(name, bid, ask, *there, now_ns)
                if reports:
                    self.tell(account, reports)
            if fault is None or fault is Fault.CROSSED:
                self.show_top(shown, crossed=fault is Fault.CROSSED)
                made = shown.tape.quote(shown.book.top, now_ns)
                if made is not None:
                    self.show_print(shown, made)
            elif fault is Fault.GAP:
                shown.book.touch()

    def tick(self, now_ns: int) -> None:
        """Do what falls due between quotes; called often. Nothing does in general."""
        del now_ns

    def resolve(self, shown: Shown, payout: Decimal, now_ns: int) -> None:
        """End an event market: it takes no more orders and pays what is held."""
        if shown.row in self.decided:
            return
        self.decided[shown.row], self.decided_ns[shown.row] = payout, self.now_ns()
        for account in self.accounts:
            self.tell(account, account.exchange.resolve(shown.instrument.id, payout, now_ns))

    def act(self, act: str, symbol: str, account: int, amount: int) -> bool:
        """Carry out an act of this venue's own; False when there is none of that name."""
        del act, symbol, account, amount
        return False

    def mark(self, now_ns: int) -> None:
        """Tell marks where something is held or was never told."""
        for row, shown in self.shown.items():
            if not shown.perpetual:
                continue
            name = shown.instrument.id
            for account in self.accounts:
                margin = account.exchange.margin
                if margin.quantity(name) or name not in margin.marks:
                    reports = account.exchange.on_mark(name, self.market.mark(row), now_ns)
                    self.tell(account, reports)

    def settle(self, shown: Shown, rate: Decimal, mark: Decimal, due_ns: int, now_ns: int) -> None:
        """Pay and take funding."""
        for account in self.accounts:
            reports = account.exchange.settle_funding(
                shown.instrument.id, rate, mark, due_ns, now_ns
            )
            self.tell(account, reports)

    def move(self, account: Account, asset: Asset, amount: Decimal, now_ns: int) -> None:
        """Change a balance as no order does."""
        account.exchange.move(asset, amount, now_ns)
        self.tell(account, ())

    def silent(self, now_ns: int) -> bool:
        return self.faults.active(Fault.STALL, now_ns) or self.faults.active(
            Fault.BLACKHOLE, now_ns
        )

    def closed(self, instrument: InstrumentId) -> Fault | None:
        """Why no order is taken now: the market is gone, or the matching engine restarts."""
        now_ns = self._real_ns()
        for fault in (Fault.DELISTING, Fault.MAINTENANCE):
            if self.faults.active(fault, now_ns, instrument):
                self.faults.counts[fault] += 1
                return fault
        return None

    def delayed(self, report: VenueReport, act: Callable[[], None]) -> None:
        """Let a private message leave as the faults have it: never, late, or twice."""
        for delay_ns in self.faults.on_report(report, self._real_ns()):
            self.later(delay_ns, act)

    def later(self, delay_ns: int, act: Callable[[], None]) -> None:
        if delay_ns:
            asyncio.get_running_loop().call_later(delay_ns / NS_PER_S, act)
        else:
            act()

    # Transport.

    def application(self) -> web.Application:
        app = web.Application(client_max_size=_MOST_BODY)
        app.router.add_route("*", "/{path:.*}", self._route)
        return app

    async def _route(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        return await self._rest(request)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.faults.active(Fault.BLACKHOLE, self._real_ns()):
            await self._cut(request)
        socket = web.WebSocketResponse(compress=False, heartbeat=None, max_msg_size=_MOST_BODY)
        await socket.prepare(request)
        connection = Connection(socket)
        self.hub.join(connection)
        path = request.path
        try:
            if not self.opened(connection, path, dict(request.query)):
                await socket.close(code=1008)
                return socket
            await connection.serve(lambda peer, text: self.heard(peer, path, text))
        finally:
            self.hub.leave(connection)
        return socket

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = Call(
            method=request.method,
            path=request.path,
            query=request.rel_url.raw_query_string,
            body=body,
            headers=request.headers,
        )
        if call.path == "/_simex" and self.control is not None:
            return _response(self.control(call))
        name = self.call_name(call)
        if name is None:
            return _response(self.answer(call))
        self.calls[name] += 1
        fate = self.faults.on_call(name, self._real_ns())
        if name == "submit" and self.settings.order_latency_ms:
            await asyncio.sleep(self.settings.order_latency_ms / 1_000)
        answer = await self._arrivals(call, fate)
        if fate.error is not None:
            return _response(self.fault_reply(fate.error))
        if answer is None or fate.answer is None:
            await self._cut(request)
            raise web.HTTPServiceUnavailable
        if fate.answer:
            await asyncio.sleep(fate.answer / NS_PER_S)
        return _response(answer)

    async def _arrivals(self, call: Call, fate: CallFate) -> Reply | None:
        """Let a request arrive once, twice or never; gives the first answer."""
        first: Reply | None = None
        for number, delay_ns in enumerate(fate.arrivals):
            if number:
                self._spawn(self._again(call, delay_ns))
                continue
            if delay_ns:
                await asyncio.sleep(delay_ns / NS_PER_S)
            first = self.answer(call)
        return first

    async def _again(self, call: Call, delay_ns: int) -> None:
        await asyncio.sleep(delay_ns / NS_PER_S)
        self.answer(call)

    async def _cut(self, request: web.Request) -> None:
        """Answer nothing; end the connection once the client has given up or time has passed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _LOST_S
        while request.transport is not None and loop.time() < until:
            await asyncio.sleep(0.05)
            if not self.faults.active(Fault.BLACKHOLE, self._real_ns()):
                break
        if request.transport is not None:
            request.transport.abort()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.hub.close_all()


def _response(answer: Reply) -> web.Response:
    return web.Response(
        body=answer.body,
        status=answer.status,
        headers=dict(answer.headers),
        content_type="application/json",
        charset="utf-8",
    )

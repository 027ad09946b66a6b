"""All simulated servers of one process, over one market."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from typing import Any

from aiohttp import web
from msgspec.structs import replace

from arbiter.matching.fault_plan import FaultPlan, Move
from arbiter.model.errors import Conflict
from arbiter.model.ids import VenueId
from arbiter.model.money import floor_to, use_wide_context
from arbiter.simex.clock import venue_clock
from arbiter.simex.control import Control
from arbiter.simex.market import Market
from arbiter.simex.settings import SimexSettings
from arbiter.simex.venue import Shown, VenueServer

_EVEN = Decimal("0.5")
"""What an event that is called off pays: half to either side."""
TICK_S = 0.01
DEPTH_S = 0.1

_KINDS: dict[str, str] = {
    "aster": "arbiter.simex.aster.server:AsterFutures",
    "binance": "arbiter.simex.binance.spot_server:BinanceSpot",
    "binance_futures": "arbiter.simex.binance.futures_server:BinanceFutures",
    "bybit": "arbiter.simex.bybit.server:Bybit",
    "hyperliquid": "arbiter.simex.hyperliquid.server:Hyperliquid",
    "kraken": "arbiter.simex.kraken.server:Kraken",
    "coinbase": "arbiter.simex.coinbase.server:Coinbase",
    "kalshi": "arbiter.simex.kalshi.server:Kalshi",
    "okx": "arbiter.simex.okx.server:Okx",
    "polymarket": "arbiter.simex.polymarket.server:Polymarket",
}
"""Class by server, loaded where it is served."""


def _kind(name: str) -> type[VenueServer]:
    module, _, kind = _KINDS[name].partition(":")
    found: type[VenueServer] = getattr(import_module(module), kind)
    return found


class Simex:
    """`run` serves until cancelled; `ready` is called with one record per server."""

    def __init__(self, settings: SimexSettings, now_ns: Callable[[], int] | None = None) -> None:
        use_wide_context()
        self.settings = settings
        self._now_ns = now_ns or venue_clock()
        started = self._now_ns()
        self.market = Market(settings, started)
        names = [VenueId(name) for name in settings.venues]
        script = tuple(event for event in settings.faults.script if event.venue in names)
        self.plan = FaultPlan(replace(settings.faults, script=script), names, started)
        self.servers: dict[str, VenueServer] = {
            name: _kind(name)(name, settings, self.market, self.plan.at(name), self._now_ns)
            for name in names
        }
        self._runners: list[web.AppRunner] = []
        for server in self.servers.values():
            server.control = Control(server, self._now_ns, self._jump, self._set_interval).answer

    async def run(self, ready: Callable[[list[dict[str, Any]]], None]) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._show_all(self._now_ns())
            ready([await self._listen(server) for server in self.servers.values()])
            depth_due = second_due = loop.time()
            while True:
                await asyncio.sleep(TICK_S)
                self._tick(self._now_ns())
                if loop.time() >= depth_due:
                    depth_due = loop.time() + DEPTH_S
                    self._each_heard(lambda server: server.show_depth())
                if loop.time() >= second_due:
                    second_due = loop.time() + 1.0
                    self._each_heard(lambda server: server.show_second())
        finally:
            for server in self.servers.values():
                server.close()
            for runner in self._runners:
                await runner.cleanup()

    def _jump(self, shown: Shown, fraction: float) -> None:
        now_ns, n_venues = self._now_ns(), len(self.settings.markets.venues)
        if shown.event:
            self.market.shift(shown.row, fraction)
            return
        row, count = shown.row, n_venues
        if shown.perpetual:
            row, count = row - self.market.n_spot, len(self.settings.perpetuals.venues)
        batch = self.market.jump(row // count, fraction, now_ns)
        for server in self.servers.values():
            server.mark(now_ns)
            server.take(batch, now_ns)

    def _set_interval(self, shown: Shown, hours: int) -> None:
        if shown.perpetual:
            self.market.set_interval(shown.row, hours, self._now_ns())

    def _each_heard(self, show: Callable[[VenueServer], None]) -> None:
        now_ns = self._now_ns()
        for server in self.servers.values():
            if not server.silent(now_ns):
                show(server)

    def _show_all(self, now_ns: int) -> None:
        batch = self.market.first(now_ns)
        funding = self.market.funding(now_ns)
        for server in self.servers.values():
            server.funding = funding
            server.take(batch, now_ns)
            server.mark(now_ns)

    def _tick(self, now_ns: int) -> None:
        for move in self.plan.step(now_ns):
            self._move(move, now_ns)
        batch = self.market.step(now_ns)
        funding = self.market.funding(now_ns) if self.market.perpetuals.instruments else {}
        for server in self.servers.values():
            server.funding = funding
            server.mark(now_ns)
        for row, due in self.market.settlements(now_ns):
            for server in self.servers.values():
                shown = server.shown.get(row)
                if shown is not None:
                    server.settle(shown, due.rate, due.mark, due.settled_ns, now_ns)
        for row, ended in self.market.resolutions(now_ns):
            for server in self.servers.values():
                shown = server.shown.get(row)
                if shown is not None:
                    payout = _EVEN if ended.payout is None else ended.payout
                    server.resolve(shown, payout, now_ns)
        for server in self.servers.values():
            server.tick(now_ns)
            server.take(batch, now_ns)

    def _move(self, move: Move, now_ns: int) -> None:
        server = self.servers[move.venue]
        account = server.accounts[0]
        asset = move.asset or next(iter(account.balances))
        amount = move.amount
        if amount is None:
            share = Decimal(repr(abs(move.share)))
            amount = floor_to(account.free(asset) * share, Decimal("0.01"))
            amount = amount if move.share > 0 else -amount
        server.move(account, asset, amount, now_ns)

    async def _listen(self, server: VenueServer) -> dict[str, Any]:
        runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._runners.append(runner)
        port = self.settings.ports.get(server.name, 0)
        site = web.TCPSite(runner, self.settings.host, port)
        try:
            await site.start()
        except OSError as error:
            raise Conflict(
                f"{server.name}: {self.settings.host}:{port} cannot be listened on: {error.strerror}"
            ) from None
        host, port = runner.addresses[0][:2]
        return announced(server, host, port)


def announced(server: VenueServer, host: str, port: int) -> dict[str, Any]:
    """What a client must know: origins, and credentials under ccxt's names."""
    keys = list(server.keys.values())
    trading = [key for key in keys if key.can_trade and not key.can_withdraw]
    return {
        "venue": server.name,
        "rest": f"http://{host}:{port}",
        "ws": f"ws://{host}:{port}",
        **server.credentials(trading[0]),
        "accounts": [server.credentials(key) for key in trading],
        "readOnly": server.credentials(next(key for key in keys if not key.can_trade)),
        "withdrawing": server.credentials(next(key for key in keys if key.can_withdraw)),
        **server.announcement(),
    }

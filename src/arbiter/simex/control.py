"""Steering a simulated server over its own port: ``GET /_simex`` looks, ``POST /_simex`` acts.

An act is one JSON object: ``{"act": "gap", "symbol": "BTCUSDT"}``. Nothing of this is of any venue.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from arbiter.matching.faults import Fault, FaultRates, Scripted, Window
from arbiter.model.ids import Asset
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.simex.rest import Call, Reply, VenueError, reply
from arbiter.simex.venue import Shown, VenueServer

PATH = "/_simex"
_WINDOWS = {
    "stall": Fault.STALL,
    "blackhole": Fault.BLACKHOLE,
    "maintenance": Fault.MAINTENANCE,
    "clock_offset": Fault.CLOCK_OFFSET,
    "delist": Fault.DELISTING,
}


class Act(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    act: str
    symbol: str = ""
    """The venue's name of a market."""
    perpetual: bool | None = None
    """Which market, where a name stands for two."""
    account: int = 0
    seconds: float = 0.0
    offset_ms: float = 0.0
    asset: str = ""
    amount: Decimal = Decimal(0)
    fraction: float = 1.0
    hours: int = 1
    rates: FaultRates = FaultRates()
    script: list[Scripted] = []


class Control:
    """`jump` moves a symbol's price by a fraction on all venues, an event market's by dollars
    on this one alone; `hours` sets an interval."""

    def __init__(
        self,
        server: VenueServer,
        now_ns: Callable[[], int],
        jump: Callable[[Shown, float], None],
        set_interval: Callable[[Shown, int], None],
    ) -> None:
        self._server = server
        self._now_ns = now_ns
        self._jump = jump
        self._set_interval = set_interval

    def answer(self, call: Call) -> Reply:
        if call.method == "GET":
            return reply(self._state())
        try:
            act = msgspec.json.decode(call.body, type=Act)
            told = self._do(act)
        except (msgspec.MsgspecError, VenueError) as error:
            return reply({"error": str(error)}, 400)
        return reply({"done": act.act} | told)

    def _state(self) -> dict[str, Any]:
        server = self._server
        return {
            "venue": server.name,
            "calls": dict(server.calls),
            "brokers": dict(server.brokers),
            "faults": {fault.value: count for fault, count in server.faults.counts.items()},
            "weight": {
                "most": server.meter.most_used,
                "refused": server.meter.refused,
                "bans": server.meter.bans,
            },
            "connections": len(server.hub.connections),
            "accounts": [
                {
                    "orders": len(account.orders),
                    "open": [view.order.client_order_id for view in account.open_orders()],
                    "fills": len(account.fills),
                    "balances": {
                        asset: {"total": str(total), "locked": str(locked)}
                        for asset, (total, locked) in account.balances.items()
                    },
                    "positions": {
                        name: str(position.quantity)
                        for name, position in account.exchange.margin.positions.items()
                        if position.quantity
                    },
                    "payments": len(account.payments),
                    "forced": len(account.forced),
                }
                for account in server.accounts
            ],
        }

    def _do(self, act: Act) -> dict[str, Any]:
        server, now = self._server, self._now_ns()
        account = server.accounts[act.account]
        match act.act:
            case "disconnect":
                return {"connections": server.hub.close_all()}
            case "gap":
                self._shown(act).book.touch()
            case "ban":
                server.meter.ban(now, int(act.seconds * NS_PER_S))
            case "rates":
                server.faults.afflict(act.rates)
            case "script":
                server.faults.follow(self._counted(act.script))
            case "heal":
                server.faults.heal()
                server.faults.windows = []
            case "move":
                server.move(account, Asset(act.asset), act.amount, now)
            case "jump":
                self._jump(self._shown(act), act.fraction)
            case "interval":
                self._set_interval(self._shown(act), act.hours)
            case "settle":
                shown = self._shown(act)
                rate = server.funding[shown.row]
                server.settle(shown, rate.rate, rate.mark, now, now)
            case "resolve":
                server.resolve(self._shown(act), act.amount, now)
            case "liquidate":
                self._liquidate(act)
            case "adl":
                share, name = Decimal(repr(act.fraction)), self._shown(act).instrument.id
                server.tell(account, account.exchange.deleverage(name, share, now))
            case _:
                self._begin(act, now)
        return {}

    def _counted(self, script: list[Scripted]) -> list[Scripted]:
        """Number scripted calls from now on: the next one is the first."""
        calls = self._server.calls
        return [Scripted(one.call, one.nth + calls[one.call], one.fault) for one in script]

    def _begin(self, act: Act, now: int) -> None:
        fault = _WINDOWS.get(act.act)
        if self._server.act(act.act, act.symbol, act.account, int(act.amount)):
            return
        if fault is None:
            raise VenueError(0, f"no such act: {act.act}")
        name = self._shown(act).instrument.id if fault is Fault.DELISTING else None
        self._server.faults.windows.append(
            Window(
                fault=fault,
                start_ns=now,
                end_ns=now + int((act.seconds or 86_400) * NS_PER_S),
                instrument=name,
                offset_ns=int(act.offset_ms * NS_PER_MS),
            )
        )

    def _liquidate(self, act: Act) -> None:
        """Show a position the mark that ends it."""
        server, shown = self._server, self._shown(act)
        account = server.accounts[act.account]
        now = self._now_ns()
        for told in account.exchange.margin.told(now):
            if told.instrument == shown.instrument.id and told.liquidation_price is not None:
                beyond = Decimal("0.9999") if told.quantity > 0 else Decimal("1.0001")
                mark = told.liquidation_price * beyond
                server.tell(account, account.exchange.on_mark(told.instrument, mark, now))
                return
        raise VenueError(0, f"account {act.account} has no position in {act.symbol} to liquidate")

    def _shown(self, act: Act) -> Shown:
        for shown in self._server.shown.values():
            if shown.market_id == act.symbol and act.perpetual in (None, shown.perpetual):
                return shown
        raise VenueError(0, f"{act.symbol} is not listed here")

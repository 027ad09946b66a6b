"""What the command line may ask of a running engine, by name."""

import asyncio
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from arbiter.access.service import AccessService
from arbiter.app import kill_file
from arbiter.app.control_socket import Handler
from arbiter.app.copying_calls import CopyCalls
from arbiter.app.home import Home
from arbiter.model.commands import (
    EngageKillSwitch,
    ReleaseKillSwitch,
    RemoveBudget,
    SetBudget,
)
from arbiter.model.errors import InvalidValue, TryAgain
from arbiter.model.events import Audited
from arbiter.model.ids import Actor, Asset, StrategyId
from arbiter.risk.rates import RateRow, UsdRates
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.copy_view import CopyView
from arbiter.runtime.core import TradingCore
from arbiter.runtime.kill import KillReport, KillSwitchControl
from arbiter.runtime.queries import EngineFacts, Queries
from arbiter.runtime.reconciled import ReconcileReport
from arbiter.runtime.reconciler import Reconciler, reconcile


class ControlHandlers:
    """Each method takes the call's arguments and gives what the caller shows."""

    def __init__(
        self,
        *,
        core: TradingCore,
        bus: CommandBus,
        kill_switch: KillSwitchControl,
        queries: Queries,
        reconciler: Reconciler,
        home: Home,
        copying: CopyView,
        access: AccessService,
        rates: UsdRates,
    ) -> None:
        self._core = core
        self._bus = bus
        self._kill_switch = kill_switch
        self._queries = queries
        self._reconciler = reconciler
        self._home = home
        self._copying = CopyCalls(bus, copying)
        self._access = access
        self._rates = rates

    def by_name(self) -> dict[str, Handler]:
        return {
            "status": self._status,
            "markets": self._markets,
            "usd_rates": self._usd_rates,
            "kill": self._kill,
            "resume": self._resume,
            "reconcile": self._reconcile,
            "budget_set": self._budget_set,
            "budget_remove": self._budget_remove,
            "copy_add": self._copying.add,
            "copy_switch": self._copying.switch,
            "copy_remove": self._copying.remove,
            "copy_list": self._copying.list_all,
            "audit": self._audit,
            "user_link": self._user_link,
        }

    async def _status(self, _: dict[str, Any]) -> EngineFacts:
        return self._queries.facts()

    async def _markets(self, _: dict[str, Any]) -> list[dict[str, str]]:
        return [
            {
                "venue": instrument.venue,
                "market_id": instrument.market_id,
                "instrument_id": instrument.id,
                "kind": instrument.kind.value,
                "symbol": instrument.symbol,
            }
            for instrument in self._core.registry.instruments
        ]

    async def _usd_rates(self, _: dict[str, Any]) -> list[RateRow]:
        return self._rates.rows(self._core.recorder.now_ns())

    async def _kill(self, arguments: dict[str, Any]) -> KillReport:
        return await self._kill_switch.engage(
            EngageKillSwitch(
                actor=_actor(arguments),
                reason=_text(arguments, "reason"),
                flatten=bool(arguments.get("flatten", False)),
            )
        )

    async def _resume(self, arguments: dict[str, Any]) -> None:
        kill_file.remove(self._home.kill_file)
        await self._bus.execute(ReleaseKillSwitch(actor=_actor(arguments)))

    async def _reconcile(self, _: dict[str, Any]) -> ReconcileReport:
        if not self._core.state.started:
            raise TryAgain("the engine is still starting, which begins with a reconciliation")
        return await reconcile(self._reconciler)

    async def _budget_set(self, arguments: dict[str, Any]) -> None:
        text = _text(arguments, "allocated")
        try:
            allocated = Decimal(text)
        except InvalidOperation:
            raise InvalidValue(f"the amount {text!r} is not a number") from None
        await self._bus.execute(
            SetBudget(
                actor=_actor(arguments),
                strategy=StrategyId(_text(arguments, "strategy")),
                currency=Asset(_text(arguments, "currency")),
                allocated=allocated,
            )
        )

    async def _budget_remove(self, arguments: dict[str, Any]) -> None:
        await self._bus.execute(
            RemoveBudget(
                actor=_actor(arguments),
                strategy=StrategyId(_text(arguments, "strategy")),
                currency=Asset(_text(arguments, "currency")),
            )
        )

    async def _audit(self, arguments: dict[str, Any]) -> None:
        """Record what another process changed beside the engine: users and keys."""
        try:
            entries = msgspec.convert(arguments.get("entries"), list[Audited])
        except msgspec.ValidationError as error:
            raise InvalidValue(f"the audit entries cannot be read: {error}") from None
        if entries:
            durable = asyncio.Event()
            self._core.recorder.record(*entries, then=durable.set)
            await durable.wait()

    async def _user_link(self, arguments: dict[str, Any]) -> dict[str, str]:
        user_id = _text(arguments, "user_id")
        return {"code": await self._access.make_link(_actor(arguments), user_id)}


def _actor(arguments: dict[str, Any]) -> Actor:
    return Actor(_text(arguments, "actor"))


def _text(arguments: dict[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidValue(f"the call needs {name!r} as text")
    return value

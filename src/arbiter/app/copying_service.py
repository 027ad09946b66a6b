"""Copy trading in a running engine: desk, watch, and the sources of every venue."""

from contextlib import AsyncExitStack

from arbiter.app.config import Settings
from arbiter.app.config_sections import Mode
from arbiter.copying.settings import COPY_VENUES
from arbiter.markets.leader import SIMULATED_WALLET
from arbiter.model.commands import AddCopy
from arbiter.model.copying import SubscriptionId
from arbiter.model.ids import Actor, VenueId
from arbiter.ports.clock import Clock, IdSource
from arbiter.ports.leader import LeaderSource
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.copy_desk import CopyDesk
from arbiter.runtime.copy_view import CopyView, UsdRate
from arbiter.runtime.copy_watch import CopyWatch
from arbiter.runtime.core import TradingCore
from arbiter.runtime.hub import EventHub
from arbiter.runtime.supervisor import Supervisor
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.hyperliquid.leader import HyperliquidLeaders
from arbiter.venues.polymarket.leader import PolymarketLeaders
from arbiter.venues.sim.leader import SimLeaders

TIMEOUT_S = 10.0
"""For one page of a leader's activity."""

POLYMARKET, HYPERLIQUID = COPY_VENUES


class CopyingService:
    """What the engine starts, and what is shown and steered: `watch` and `view`."""

    def __init__(
        self,
        settings: Settings,
        *,
        core: TradingCore,
        hub: EventHub,
        clock: Clock,
        ids: IdSource,
        usd_rate: UsdRate,
    ) -> None:
        self._settings = settings
        self._core = core
        self._ids = ids
        self._rests: list[PublicRest] = []
        self._simulated: list[SimLeaders] = []
        desk = CopyDesk(core=core, settings=settings.copying.record(), clock=clock)
        desk.enabled = settings.copying.enabled
        self.watch = CopyWatch(core=core, desk=desk, sources=self._sources(), clock=clock)
        self.view = CopyView(core, self.watch, usd_rate)
        hub.listen(self.watch.watch)

    async def initialise(
        self, supervisor: Supervisor, bus: CommandBus, stack: AsyncExitStack
    ) -> None:
        """Open the connections, follow the simulated trader where nobody ever did, and start."""
        if self.watch.desk.enabled:
            for rest in self._rests:
                await stack.enter_async_context(rest)
            for simulated in self._simulated:
                stack.callback(simulated.close)
            await self._follow_simulated(bus)
        self.watch.initialise(supervisor)

    def _sources(self) -> dict[VenueId, list[LeaderSource]]:
        sources: dict[VenueId, list[LeaderSource]] = {POLYMARKET: [], HYPERLIQUID: []}
        section = self._settings.copying
        if self._settings.engine.mode is Mode.SIM and self._settings.sim.leader.enabled:
            simulated = SimLeaders(self._settings.home.root, POLYMARKET)
            self._simulated.append(simulated)
            sources[POLYMARKET].append(simulated)
        if section.polymarket_url:
            sources[POLYMARKET].append(PolymarketLeaders(self._rest(section.polymarket_url)))
        if section.hyperliquid_url:
            sources[HYPERLIQUID].append(HyperliquidLeaders(self._rest(section.hyperliquid_url)))
        return sources

    def _rest(self, origin: str) -> PublicRest:
        rest = PublicRest(origin, timeout_s=TIMEOUT_S)
        self._rests.append(rest)
        return rest

    async def _follow_simulated(self, bus: CommandBus) -> None:
        """A subscription that was removed is not made again."""
        settings = self._settings
        wanted = settings.engine.mode is Mode.SIM and settings.copying.simulated_leader
        known = self._core.ledger.copy_subscriptions.values()
        if not wanted or not settings.sim.leader.enabled:
            return
        if any(row.wallet == SIMULATED_WALLET for row in known):
            return
        await bus.execute(
            AddCopy(
                actor=Actor("settings"),
                id=SubscriptionId(self._ids.new_id()),
                venue=POLYMARKET,
                wallet=SIMULATED_WALLET,
                multiplier=settings.copying.simulated_multiplier,
                max_position_size=settings.copying.simulated_max_position_size,
            )
        )

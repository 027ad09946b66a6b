"""The engine: the core with its feeds, venues and clocks, from start to stop.

Life: connect and record → recover → trade → wind down. Losing power at any point is a supported
way to stop: the next start recovers.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog

from arbiter.model.commands import EngageKillSwitch
from arbiter.model.events import EngineStarted, EngineStopped
from arbiter.model.ids import ENGINE, VenueId
from arbiter.ports.venue import Feed, MarginClient, OrderClient
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.core import TradingCore
from arbiter.runtime.kill import KillReport, KillSwitchControl
from arbiter.runtime.outbox import LiveOutbox
from arbiter.runtime.reconciled import VenueRecovery
from arbiter.runtime.reconciler import Archive, Reconciler
from arbiter.runtime.recovery import Recovery
from arbiter.runtime.supervisor import Supervisor

log = structlog.get_logger(__name__)

SAMPLE_S = 1.0
"""Trend samples are one second apart by definition."""

RECONCILE_S = 10.0
"""Between two comparisons of the ledger with what the venues hold."""


class Engine:
    """Everything of one run; `run` is its whole life."""

    def __init__(
        self,
        *,
        core: TradingCore,
        bus: CommandBus,
        outbox: LiveOutbox,
        feeds: Sequence[Feed],
        clients: Mapping[VenueId, OrderClient],
        margin_clients: Mapping[VenueId, MarginClient] | None = None,
        run_id: str,
        version: str,
        wind_down_s: float = 10.0,
        archive: Archive | None = None,
    ) -> None:
        self.core = core
        self.bus = bus
        self.kill_switch = KillSwitchControl(
            bus=bus,
            ledger=core.ledger,
            floor=core.floor,
            clients=clients,
            listings=core.registry,
            holdings=margin_clients,
            marks=core.board,
        )
        self.reconciler = Reconciler(
            ledger=core.ledger,
            recorder=core.recorder,
            outcomes=core.outcomes,
            floor=core.floor,
            clients=clients,
            frozen=core.frozen,
            margin=core.margin,
            margin_clients=margin_clients,
            archive=archive,
        )
        self.recovered: list[VenueRecovery] = []
        self._outbox = outbox
        self._feeds = feeds
        self._clients = clients
        self._run_id = run_id
        self._version = version
        self._wind_down_s = wind_down_s

    async def initialise(self, supervisor: Supervisor, since_ns: int) -> None:
        """Connect to every venue and bring the ledger to what they say; trading may start after."""
        self._outbox.open(self.core, supervisor.spawn)
        self.core.when_breached(self._stop_for_losses(supervisor))
        for venue in self.core.registry.venues:
            self.core.board.set_venue_health(venue, False, "not connected yet")
        for number, feed in enumerate(self._feeds):
            supervisor.spawn(feed.run(self.core), f"feed {number}")
        for venue, client in self._clients.items():
            supervisor.spawn(client.run(self.core), f"reports {venue}")
        supervisor.spawn(self._sample(), "trend samples")
        self.core.recorder.record(
            EngineStarted(
                at_ns=self.core.recorder.now_ns(),
                run_id=self._run_id,
                mode=self.core.state.mode,
                version=self._version,
            )
        )
        recovery = Recovery(
            ledger=self.core.ledger,
            recorder=self.core.recorder,
            outcomes=self.core.outcomes,
            floor=self.core.floor,
            clients=self._clients,
            reconciler=self.reconciler,
        )
        self.recovered = await recovery.run(since_ns)
        supervisor.spawn(self.reconciler.run(RECONCILE_S), "reconcile")
        self.core.rebase()
        for found in self.recovered:
            log.info("recovered", **msgspec.structs.asdict(found))

    def start_trading(self) -> None:
        """Open trades from now on; losses found by the recovery may end that at once."""
        self.core.state.started = True
        self.core.stop_when_breached()

    async def finalise(self) -> None:
        """Open nothing new, let legs under way end, and leave the rest to the next start."""
        self.core.state.stopping = True
        try:
            async with asyncio.timeout(self._wind_down_s):
                await self.core.floor.idle()
        except TimeoutError:
            log.warning("stopping with open trades", open=self.core.floor.open_count)
        self.core.recorder.record(
            EngineStopped(at_ns=self.core.recorder.now_ns(), run_id=self._run_id)
        )

    def _stop_for_losses(self, supervisor: Supervisor) -> Callable[[str], None]:
        async def stop(reason: str) -> None:
            if self.core.ledger.kill_switch.engaged:
                return  # by a loss told in the same breath
            report: KillReport = await self.kill_switch.engage(
                EngageKillSwitch(actor=ENGINE, reason=reason, flatten=True)
            )
            log.critical("a loss limit is used up", reason=reason, flat=report.flat)

        return lambda reason: supervisor.spawn(stop(reason), "stop for losses")

    async def _sample(self) -> None:
        while True:
            self.core.spot.sample(self.core.recorder.now_ns())
            await asyncio.sleep(SAMPLE_S)

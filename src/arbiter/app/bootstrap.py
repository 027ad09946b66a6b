"""The composition root: everything is made and wired here, and nowhere else."""

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec
import structlog

from arbiter.api.common.server import ApiServer, Listener
from arbiter.app import kill_file
from arbiter.app.administration import make_access, void
from arbiter.app.config import Settings
from arbiter.app.control_handlers import ControlHandlers
from arbiter.app.control_socket import ControlServer
from arbiter.app.copying_service import CopyingService
from arbiter.app.database_service import DatabaseService
from arbiter.app.engine_metrics import EngineMetrics
from arbiter.app.events_service import make_event_watch
from arbiter.app.health_facts import RunningHealth
from arbiter.app.pair_calls import PairCalls
from arbiter.app.pairs_service import make_pair_desk
from arbiter.app.running import Running
from arbiter.app.sim_world import World, perpetual_clients
from arbiter.app.strategies import STRATEGIES
from arbiter.app.surfaces import Surface, surfaces
from arbiter.app.tuning import Tuning
from arbiter.app.worlds import Venues, connect
from arbiter.ledger.ledger import Ledger
from arbiter.model.commands import EngageKillSwitch, SetBudget
from arbiter.model.errors import StorageUnavailable
from arbiter.model.ids import Actor, Asset, VenueId
from arbiter.model.money import use_wide_context
from arbiter.model.plans import Family, Signal
from arbiter.model.time import NS_PER_HOUR, NS_PER_MINUTE, day_start
from arbiter.model.trades import TradeState
from arbiter.observe.metrics import Metrics
from arbiter.opportunities.event_settings import EVENT_ARBITRAGE
from arbiter.opportunities.spot_settings import SPOT_ARBITRAGE
from arbiter.ports.past import Page, SignalsWanted, TradesWanted
from arbiter.risk.rates import UsdRates
from arbiter.runtime.assembly import CoreSettings, assemble_core
from arbiter.runtime.bans import BanWatch
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.candles import CandleKeeper
from arbiter.runtime.clock import SystemClock, SystemIds
from arbiter.runtime.close_out import CloseOut
from arbiter.runtime.collector import spare_the_collector
from arbiter.runtime.core import TradingCore
from arbiter.runtime.crossing import Crossing
from arbiter.runtime.depth_watch import DepthWatch
from arbiter.runtime.engine import Engine
from arbiter.runtime.funding_desk import FundingDesk
from arbiter.runtime.funding_watch import FundingWatch
from arbiter.runtime.hub import EventHub
from arbiter.runtime.late_listing import LateListing
from arbiter.runtime.outbox import LiveOutbox
from arbiter.runtime.pair_desk import PairDesk
from arbiter.runtime.queries import Queries
from arbiter.runtime.rate_watch import RateWatch
from arbiter.runtime.skew_watch import SkewWatch
from arbiter.runtime.spot_tally import SpotTally
from arbiter.runtime.supervisor import Supervisor
from arbiter.storage import listings, loader, migrate
from arbiter.storage.archive import StoredArchive
from arbiter.storage.candle_store import PgCandles
from arbiter.storage.database import make_engine
from arbiter.storage.instance_lock import InstanceLock
from arbiter.storage.journal import PgJournal
from arbiter.storage.spot_reads import SpotReads

if TYPE_CHECKING:
    from arbiter.app.agents_service import AgentService

log = structlog.get_logger(__name__)

RECOVERY_MARGIN_NS = 5 * NS_PER_MINUTE
"""Fills are asked for from this much before the journal's last event."""

DRAIN_S = 10.0
"""How long a stop waits for the last events to become durable."""


async def run_engine(
    settings: Settings,
    *,
    stop: asyncio.Event,
    environment: Mapping[str, str],
    on_ready: Callable[[Running], None] = lambda _running: None,
) -> int:
    """Run until `stop` is set or something fails; gives the process's exit code.

    Raises `ArbiterError` with the mend when the engine cannot start.
    """
    use_wide_context()
    # What is forked here runs another program at once: gRPC need not follow, nor say so.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    clock = SystemClock()
    settings.home.prepare()
    lock = InstanceLock(settings.home.root)
    lock.acquire(mode=settings.engine.mode, now_ns=clock.now_ns())
    try:
        async with DatabaseService(settings, environment) as database:
            run = _Run(settings, database, clock, stop, on_ready, environment)
            return await run.to_the_end()
    finally:
        lock.release()


class _Run:
    """One run of the engine, from an open database to its exit code."""

    def __init__(
        self,
        settings: Settings,
        database: DatabaseService,
        clock: SystemClock,
        stop: asyncio.Event,
        on_ready: Callable[[Running], None],
        environment: Mapping[str, str],
    ) -> None:
        self._environment = environment
        self._settings = settings
        self._clock = clock
        self._stop = stop
        self._on_ready = on_ready
        self._database = database
        self._supervisor = Supervisor()
        self._reads = make_engine(database.url)
        self._journal = PgJournal(
            database.url, on_fatal=lambda error: self._supervisor.fail(str(error))
        )
        self._hub = EventHub()
        self._servers: dict[str, Listener] = {}
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._ready = False
        self._venues: Venues | None = None
        """Set once they are connected."""
        self._bans: BanWatch | None = None
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="passwords")

    async def to_the_end(self) -> int:
        await migrate.upgrade(self._database.url)
        try:
            venues = await self._to_the_stop()
            if self._supervisor.failure is None:
                self._venues = None
                await venues.end()  # nobody is left who would miss them
                return 0
        finally:
            if self._venues is not None:
                await self._venues.abandon(ready=self._ready)
        log.critical("the engine stopped", why=self._supervisor.failure)
        return 1

    async def _to_the_stop(self) -> Venues:
        async with AsyncExitStack() as stack:
            stack.enter_context(self._threads)
            stack.push_async_callback(self._reads.dispose)
            await self._journal.open()
            stack.push_async_callback(self._journal.close)
            await stack.enter_async_context(self._supervisor)
            self._supervisor.spawn(self._journal.run(), "journal")
            self._supervisor.spawn(self._database.keep_running(), "database server")
            return await self._live(stack)

    async def _live(self, stack: AsyncExitStack) -> Venues:
        now = self._clock.now_ns()
        image = await loader.load(self._reads)
        ledger = Ledger()
        ledger.restore(image)
        world, venues = await connect(
            self._settings, self._clock, self._environment, self._banned, ledger
        )
        upkeep = venues.upkeep()
        if upkeep is not None:
            self._supervisor.spawn(upkeep, "simulated venues")
        self._venues = venues
        running, health = await self._assemble(world, ledger)
        self._export(running.metrics, stack)
        for surface in surfaces(self._settings, running, health, version("arbiter-engine")):
            self._listen(surface)
        if self._settings.listen.control_enabled:
            await self._listen_control(running)
        health.listeners.update(self._servers)
        await self._control(running, stack)
        self._supervisor.spawn(self._obey_kill_file(running), "kill file")
        since = (image.last_event_ns or now) - RECOVERY_MARGIN_NS
        self._supervisor.spawn(self._start(running, since, stack), "start")
        await self._until_stopped()
        if self._supervisor.failure is None:
            await running.engine.finalise()
            await self._drain()
        for server in self._servers.values():
            server.stop()
        return venues

    async def _assemble(self, world: World, ledger: Ledger) -> tuple[Running, RunningHealth]:
        settings, clock = self._settings, self._clock
        outbox = LiveOutbox(world.clients, clock)
        tuning = Tuning(settings, world.registry, ledger.settings)
        rates = UsdRates(settings.risk.rates())
        core = assemble_core(
            CoreSettings(
                mode=settings.engine.mode,
                spot=tuning.spot,
                limits=tuning.limits,
                execution=tuning.execution,
            ),
            registry=world.registry,
            ledger=ledger,
            clock=clock,
            ids=SystemIds(),
            journal=self._journal,
            outbox=outbox,
            hub=self._hub,
            usd_rate=rates.lookup(clock.now_ns),
            baselines={},
        )
        self._bans = BanWatch(core)
        skew = SkewWatch(core, settings.inventory.record())
        self._supervisor.spawn(skew.run(), "inventory")
        crossing = Crossing(core)
        self._hub.listen(crossing.watch)
        self._supervisor.spawn(crossing.run(), "crossing")
        self._supervisor.spawn(RateWatch(core, rates).run(), "USD rates")
        core.state.hunting = settings.spot.enabled
        tuning.govern(core)
        if not settings.spot.enabled:
            core.board.watch(())
        now = clock.now_ns()
        for signal in await self._traded_since(now - NS_PER_HOUR):
            core.spot.note_traded(signal, signal.detected_ns)
        bus = CommandBus(
            ledger=ledger,
            recorder=core.recorder,
            strategies=STRATEGIES,
            left_out=tuple(
                name
                for name, runs in (
                    (SPOT_ARBITRAGE, settings.spot.enabled),
                    (EVENT_ARBITRAGE, settings.events.enabled),
                )
                if not runs
            ),
            tuner=tuning,
        )
        done = TradesWanted(states=[TradeState.COMPLETED], since_ns=day_start(now))
        today = await listings.trades(self._reads, done, Page(limit=1))
        spot_today = await listings.trades(
            self._reads,
            msgspec.structs.replace(done, family=Family.SPOT),
            Page(limit=1),
        )
        queries = Queries(core, clock, version("arbiter-engine"), today.total)
        self._hub.listen(queries.watch)
        earlier = await SpotReads(self._reads).signal_times(now - NS_PER_HOUR)
        tally = SpotTally(ledger, SPOT_ARBITRAGE, now, earlier, spot_today.total)
        self._hub.listen(tally.watch)
        self._keep_candles(world, core)
        access = make_access(
            settings, self._reads, self._threads, lambda entry: void(core.recorder.record(entry))
        )
        await access.load()
        engine = Engine(
            core=core,
            bus=bus,
            outbox=outbox,
            feeds=world.feeds,
            clients=world.clients,
            margin_clients=world.margin,
            run_id=secrets.token_hex(8),
            version=version("arbiter-engine"),
            archive=StoredArchive(self._reads),
        )
        desk = FundingDesk(
            core=core,
            settings=tuning.funding,
            clock=clock,
            ids=SystemIds(),
        )
        desk.enabled = settings.funding.enabled
        tuning.govern_funding(desk)
        watch = FundingWatch(
            core=core,
            desk=desk,
            clients=perpetual_clients(world),
            feeds=world.funding,
            clock=clock,
        )
        self._hub.listen(watch.watch)
        pairs = make_pair_desk(settings, core, world.listings, clock)
        events = make_event_watch(settings, tuning, core, pairs, clock)
        if events is not None:
            self._hub.listen(events.watch)
        metrics = EngineMetrics(core, clock)
        self._hub.listen(metrics.watch)
        self._supervisor.spawn(metrics.measure_lag(), "loop lag")
        depth = DepthWatch(world.depth, clock)
        self._supervisor.spawn(depth.run(), "depth")
        copying = CopyingService(
            settings, core=core, hub=self._hub, clock=clock, ids=SystemIds(), usd_rate=rates.worth
        )
        agents = await self._agents(core)
        if agents is not None:
            bus.welcome(agents.desk.switches.knows)
        close_out = CloseOut(core=core, clock=clock, agents=agents is not None)
        self._hub.listen(close_out.watch)
        self._supervisor.spawn(close_out.run(), "close-out")
        running = Running(
            engine=engine,
            bus=bus,
            queries=queries,
            hub=self._hub,
            clock=clock,
            reads=self._reads,
            database=self._database.url,
            written=self._journal.written,
            access=access,
            tuning=tuning,
            spot_tally=tally,
            funding=watch,
            depth=depth,
            copying=copying,
            pairs=pairs,
            late=self._late_listing(world, core, copying, pairs),
            events=events,
            metrics=metrics.metrics,
            agents=agents,
            sessions=tuple if agents is None else agents.desk.switches.facts,
            usd_rates=rates,
            listeners=self._addresses,
        )
        return running, RunningHealth(queries, self._supervisor, clock)

    def _late_listing(
        self, world: World, core: TradingCore, copying: CopyingService, pairs: PairDesk | None
    ) -> LateListing | None:
        if not world.late:
            return None
        late = LateListing(core=core, venues=world.late, clock=self._clock)
        copying.watch.desk.seek = late.seek
        late.when_listed(copying.watch.look)
        if pairs is not None:
            late.when_listed(pairs.look_soon)
        return late

    def _banned(self, venue: VenueId, for_ms: int) -> None:
        if self._bans is not None:
            self._bans.on_ban(venue, for_ms)

    async def _agents(self, core: TradingCore) -> "AgentService | None":
        if not self._settings.agents.enabled:
            return None
        from arbiter.app.agents_service import make_agent_service

        service = await make_agent_service(
            self._settings,
            core=core,
            hub=self._hub,
            reads=self._reads,
            clock=self._clock,
            ids=SystemIds(),
            spawn=self._supervisor.spawn,
        )
        self._supervisor.spawn(service.run(), "agents")
        return service

    def _export(self, metrics: Metrics, stack: AsyncExitStack) -> None:
        """Send telemetry to the collector, where one is named."""
        if not self._settings.telemetry.otlp_endpoint:
            return
        from arbiter.app.telemetry import Telemetry

        telemetry = Telemetry(self._settings.telemetry, metrics, version("arbiter-engine"))
        self._hub.listen(telemetry.watch)
        self._supervisor.spawn(telemetry.run(), "telemetry")
        stack.callback(telemetry.close)

    def _keep_candles(self, world: World, core: TradingCore) -> None:
        keeper = CandleKeeper(
            board=core.board,
            registry=world.registry,
            store=PgCandles(self._reads),
            clock=self._clock,
            past=world.past,
        )
        self._hub.listen(keeper.watch)
        self._supervisor.spawn(keeper.run(), "candles")
        for number, feed in enumerate(world.trades):
            self._supervisor.spawn(feed.run(keeper), f"public trades {number}")

    async def _traded_since(self, since_ns: int) -> list[Signal]:
        """Signals that were traded on, oldest first: cooldowns and the hourly cap outlive a stop."""
        wanted = SignalsWanted(strategy=SPOT_ARBITRAGE, executed=True, since_ns=since_ns)
        found = await listings.signals(self._reads, wanted, Page(limit=10_000))
        return list(reversed(found.rows))

    def _listen(self, surface: Surface) -> None:
        """Open one API's sockets now, so that a taken port is told before anything trades."""
        server = ApiServer(
            surface.app,
            host=surface.host,
            port=surface.port,
            setting=f"listen.{surface.name}_port",
            ssl_cert=surface.ssl_cert,
            ssl_key=surface.ssl_key,
            websockets=surface.websockets,
        )
        self._serve(surface.name, server)
        if surface.work is not None:
            self._supervisor.spawn(surface.work(), f"streams {surface.name}")

    async def _listen_control(self, running: Running) -> None:
        from arbiter.app.control_surface import make_control

        self._serve("control", await make_control(self._settings, running))

    def _serve(self, name: str, server: Listener) -> None:
        server.bind()
        self._servers[name] = server
        self._addresses[name] = server.urls
        self._supervisor.spawn(server.run(), f"listener {name}")

    async def _control(self, running: Running, stack: AsyncExitStack) -> None:
        handlers = ControlHandlers(
            core=running.engine.core,
            bus=running.bus,
            kill_switch=running.engine.kill_switch,
            queries=running.queries,
            reconciler=running.engine.reconciler,
            home=self._settings.home,
            copying=running.copying.view,
            access=running.access,
            rates=running.usd_rates,
        )
        calls = handlers.by_name() | PairCalls(running.bus, running.pairs, running.late).by_name()
        control = ControlServer(self._settings.home.control_socket, calls)
        await control.start()
        stack.push_async_callback(control.close)

    async def _start(self, running: Running, since_ns: int, stack: AsyncExitStack) -> None:
        """Recover, apply the budgets of the settings, and open for trading."""
        await running.engine.initialise(self._supervisor, since_ns)
        await running.funding.initialise(self._supervisor)
        await running.copying.initialise(self._supervisor, running.bus, stack)
        if running.events is not None:
            running.events.initialise(self._supervisor)
        if running.late is not None:
            self._supervisor.spawn(running.late.run(), "later listings")
        if running.pairs is not None:
            self._supervisor.spawn(running.pairs.run(), "event pairs")
        for currency, allocated in self._settings.budgets.spot_arbitrage.items():
            budget = running.engine.core.ledger.budgets.get((SPOT_ARBITRAGE, Asset(currency)))
            if budget is None or budget.allocated is None:
                await running.bus.execute(
                    SetBudget(
                        actor=Actor("settings"),
                        strategy=SPOT_ARBITRAGE,
                        currency=Asset(currency),
                        allocated=allocated,
                    )
                )
        spare_the_collector()
        running.engine.start_trading()
        for server in self._servers.values():
            await server.ready()
        if self._settings.telegram.token.get_secret_value():
            from arbiter.app.telegram_service import serve_beside

            self._supervisor.spawn(serve_beside(self._settings), "telegram")
        self._ready = True
        self._on_ready(running)

    async def _obey_kill_file(self, running: Running) -> None:
        async for order in kill_file.orders(self._settings.home.kill_file):
            latch = running.engine.core.ledger.kill_switch
            if latch.engaged and (latch.flatten or not order.flatten):
                continue
            report = await running.engine.kill_switch.engage(
                EngageKillSwitch(actor=order.actor, reason=order.reason, flatten=order.flatten)
            )
            log.critical("the kill file was obeyed", reason=order.reason, flat=report.flat)

    async def _until_stopped(self) -> None:
        """Wait for the end, whichever kind comes first."""
        waiters = [
            asyncio.ensure_future(event.wait()) for event in (self._stop, self._supervisor.failed)
        ]
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_S):
                await self._journal.drain()
        except TimeoutError:
            raise StorageUnavailable(
                "the database does not answer: the last events are not durable; the next start "
                "asks the venues for what happened"
            ) from None

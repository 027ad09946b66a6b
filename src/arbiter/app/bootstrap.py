"""The composition root: everything is made and wired here, and nowhere else."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from importlib.metadata import version

import msgspec
import structlog

from arbiter.app.config import Settings
from arbiter.app.database_service import DatabaseService
from arbiter.app.sim_world import World, connect_sim
from arbiter.ledger.ledger import Ledger
from arbiter.model.ids import Asset, StrategyId
from arbiter.model.money import use_wide_context
from arbiter.model.time import NS_PER_MINUTE
from arbiter.runtime.assembly import CoreSettings, assemble_core
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.clock import SystemClock, SystemIds
from arbiter.runtime.engine import Engine
from arbiter.runtime.hub import EventHub
from arbiter.runtime.outbox import LiveOutbox
from arbiter.runtime.queries import Queries
from arbiter.runtime.supervisor import Supervisor
from arbiter.storage import loader, migrate
from arbiter.storage.database import make_engine
from arbiter.storage.instance_lock import InstanceLock
from arbiter.storage.journal import PgJournal

log = structlog.get_logger(__name__)

SPOT = StrategyId("spot-arbitrage")
USD_RATES: Mapping[Asset, Decimal] = {
    Asset("USD"): Decimal(1),
    Asset("USDT"): Decimal(1),
    Asset("USDC"): Decimal(1),
}
"""Dollar value of the simulated market's quote currencies: there they do not move."""

RECOVERY_MARGIN_NS = 5 * NS_PER_MINUTE
"""Fills are asked for from this much before the journal's last event."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What a running engine offers to whoever shows or steers it."""

    engine: Engine
    bus: CommandBus
    queries: Queries
    hub: EventHub
    listeners: tuple[str, ...]


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
    clock = SystemClock()
    home = settings.home
    home.prepare()
    lock = InstanceLock(home.root)
    lock.acquire(mode=settings.engine.mode, now_ns=clock.now_ns())
    try:
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(DatabaseService(settings, environment))
            supervisor = Supervisor()
            return await _run(settings, database.url, clock, supervisor, stop, on_ready)
    finally:
        lock.release()


async def _run(
    settings: Settings,
    url: str,
    clock: SystemClock,
    supervisor: Supervisor,
    stop: asyncio.Event,
    on_ready: Callable[[Running], None],
) -> int:
    await migrate.upgrade(url)
    reads = make_engine(url)
    journal = PgJournal(url, on_fatal=lambda error: supervisor.fail(str(error)))
    await journal.open()
    try:
        image = await loader.load(reads, now_ns=clock.now_ns())
        ledger = Ledger()
        ledger.restore(image)
        world, _ = await connect_sim(settings.home.root, settings.sim.record(), clock)
        running = _assemble(settings, world, ledger, journal, clock)
        async with supervisor:
            supervisor.spawn(journal.run(), "journal")
            since = (image.last_event_ns or clock.now_ns()) - RECOVERY_MARGIN_NS
            await _until_stopped(running, settings, supervisor, stop, since, on_ready)
            if supervisor.failure is None:
                await running.engine.finalise()
                await journal.drain()
    finally:
        await journal.close()
        await reads.dispose()
    if supervisor.failure is None:
        return 0
    log.critical("the engine stopped", why=supervisor.failure)
    return 1


def _assemble(
    settings: Settings, world: World, ledger: Ledger, journal: PgJournal, clock: SystemClock
) -> Running:
    ids = SystemIds()
    hub = EventHub()
    outbox = LiveOutbox(world.clients, clock)
    core = assemble_core(
        CoreSettings(
            mode=settings.engine.mode,
            spot=settings.spot.record(world.registry.resolve_symbol),
            limits=settings.risk.record(),
            execution=settings.execution.record(),
        ),
        registry=world.registry,
        ledger=ledger,
        clock=clock,
        ids=ids,
        journal=journal,
        outbox=outbox,
        hub=hub,
        usd_rate=USD_RATES.get,
        baselines={},
    )
    bus = CommandBus(ledger=ledger, recorder=core.recorder, strategies=(SPOT,))
    queries = Queries(core, clock, version("arbiter-engine"))
    hub.listen(queries.watch)
    engine = Engine(
        core=core,
        bus=bus,
        outbox=outbox,
        feeds=world.feeds,
        clients=world.clients,
        run_id=secrets.token_hex(8),
        version=version("arbiter-engine"),
    )
    return Running(engine=engine, bus=bus, queries=queries, hub=hub, listeners=())


async def _until_stopped(
    running: Running,
    settings: Settings,
    supervisor: Supervisor,
    stop: asyncio.Event,
    since_ns: int,
    on_ready: Callable[[Running], None],
) -> None:
    """Recover, trade, and wait for the end, whichever kind comes first."""
    engine = running.engine
    recovered = asyncio.Event()

    async def start() -> None:
        await engine.initialise(supervisor, since_ns)
        engine.start_trading()
        recovered.set()
        on_ready(running)

    supervisor.spawn(start(), "start")
    ended = [asyncio.ensure_future(event.wait()) for event in (stop, supervisor.failed)]
    try:
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in ended:
            waiter.cancel()

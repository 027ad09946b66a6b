"""Which APIs are served, where, and what each is given: one function a surface."""

import asyncio
import hmac
import secrets
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING

import msgspec
from fastapi import FastAPI

from arbiter.api.common.server import WebSocketTimes
from arbiter.app import kill_file
from arbiter.app.config import Settings
from arbiter.app.config_sections import BUDGET_CURRENCIES
from arbiter.app.health_facts import RunningHealth
from arbiter.app.running import Running
from arbiter.app.strategies import CARDS
from arbiter.model.commands import ReleaseKillSwitch
from arbiter.model.ids import Actor, Asset
from arbiter.opportunities.spot_settings import SPOT_ARBITRAGE

if TYPE_CHECKING:
    from arbiter.app.agents_service import AgentService
    from arbiter.app.spot_backtest import SpotBacktests


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """An app and where it listens; `name` is the prefix of its settings in ``[listen]``."""

    name: str
    app: FastAPI
    host: str
    port: int
    ssl_cert: str | None = None
    ssl_key: str | None = None
    websockets: WebSocketTimes | None = None
    work: Callable[[], Coroutine[None, None, None]] | None = None
    """Runs beside the server for as long as the engine does."""


def surfaces(
    settings: Settings, running: Running, health: RunningHealth, version: str
) -> Iterator[Surface]:
    """Make every enabled surface. Packages are imported here, so that what is off costs nothing."""
    listen = settings.listen
    if listen.ops_enabled:
        yield _ops(settings, running, health, version)
    if listen.spot_enabled:
        yield _spot(settings, running, version)
    if listen.desk_enabled:
        yield _desk(settings, running, version)
    if listen.agents_enabled and running.agents is not None:
        yield _agents(settings, running, running.agents, version)


def _agents(settings: Settings, running: Running, agents: "AgentService", version: str) -> Surface:
    from arbiter.api.agents import stream
    from arbiter.api.agents.deps import AgentsApiSettings, AgentsDeps, ModelFacts
    from arbiter.api.agents.surface import make_agents
    from arbiter.api.common.listen import is_loopback

    host, llm = settings.listen.agents_host, settings.llm
    made = make_agents(
        AgentsDeps(
            settings=AgentsApiSettings(
                auth_required=settings.listen.agents_auth_required or not is_loopback(host),
                this_machine_only=is_loopback(host),
                environment=str(settings.engine.mode),
                log_level=str(settings.logging.level),
            ),
            version=version,
            clock=running.clock,
            core=running.engine.core,
            desk=agents.desk,
            agents=agents.orchestrator.records,
            store=agents.store,
            hub=running.hub,
            access=running.access,
            models=ModelFacts(
                gateway=llm.gateway,
                primary_model=llm.primary_model,
                fallback_model=llm.fallback_model or "rules",
                caching=llm.enable_caching,
            )
            if llm.enabled
            else ModelFacts(),
        ),
        agents.retune,
    )
    return Surface(
        name="agents",
        app=made.app,
        host=host,
        port=settings.listen.agents_port,
        websockets=WebSocketTimes(
            stream.PING_EVERY_S, stream.PONG_WITHIN_S, stream.LONGEST_MESSAGE
        ),
        work=made.stream.run,
    )


def _ops(settings: Settings, running: Running, health: RunningHealth, version: str) -> Surface:
    from arbiter.api.common.listen import is_loopback
    from arbiter.api.funding.surface import OpsDeps, make_ops_app
    from arbiter.app.ops_facts import RunningOps

    listen = settings.listen
    app = make_ops_app(
        OpsDeps(
            health=health,
            facts=RunningOps(running),
            version=version,
            access=running.access,
            key_required=not (is_loopback(listen.ops_host) or listen.ops_open_api),
            otlp_endpoint=settings.telemetry.otlp_endpoint,
        )
    )
    return Surface(name="ops", app=app, host=listen.ops_host, port=listen.ops_port)


def _desk(settings: Settings, running: Running, version: str) -> Surface:
    from arbiter.api.common.listen import is_loopback
    from arbiter.api.desk.deps import DeskAgents, DeskApiSettings, DeskDeps
    from arbiter.api.desk.surface import make_desk
    from arbiter.runtime.desk_view import DeskView
    from arbiter.storage.candle_store import PgCandles
    from arbiter.storage.desk_reads import DeskReads

    host = settings.listen.desk_host
    engine, bus = running.engine, running.bus

    async def release(actor: Actor) -> None:
        kill_file.remove(settings.home.kill_file)
        await bus.execute(ReleaseKillSwitch(actor=actor))

    desk = make_desk(
        DeskDeps(
            settings=DeskApiSettings(
                auth_required=settings.listen.desk_auth_required or not is_loopback(host),
                this_machine_only=is_loopback(host),
                currencies=tuple(Asset(currency) for currency in BUDGET_CURRENCIES),
            ),
            version=version,
            clock=running.clock,
            depth=running.depth,
            view=DeskView(
                core=engine.core,
                queries=running.queries,
                clock=running.clock,
                usd_rate=running.usd_rates.worth,
                rates=running.usd_rates.rows,
                strategies=CARDS,
                sessions=running.sessions,
            ),
            history=DeskReads(running.reads),
            written=running.written,
            candles=PgCandles(running.reads),
            bus=bus,
            kill_switch=engine.kill_switch,
            release_kill_switch=release,
            hub=running.hub,
            access=running.access,
            tuner=running.tuning,
            agents=None
            if running.agents is None
            else DeskAgents(
                records=running.agents.orchestrator.records,
                desk=running.agents.desk,
                store=running.agents.store,
            ),
        )
    )
    work = [desk.feed.run]
    if settings.listen.desk_web_enabled:
        from arbiter.api.desk.web.mount import mount_pages

        work.append(
            mount_pages(
                desk.app,
                secret=_cookie_secret(settings),
                certificate=settings.listen.desk_ssl_cert or None,
            )
        )

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each())

    return Surface(
        name="desk",
        app=desk.app,
        host=host,
        port=settings.listen.desk_port,
        ssl_cert=settings.listen.desk_ssl_cert or None,
        ssl_key=settings.listen.desk_ssl_key or None,
        work=run,
    )


def _cookie_secret(settings: Settings) -> str:
    """What signs the page's cookie: of the data folder's secret, and of no use for its tokens."""
    from arbiter.access.secrets import jwt_secret

    setting = settings.access.jwt_secret.get_secret_value() or None
    kept = jwt_secret(setting, settings.home.jwt_secret, secrets.token_bytes)
    return hmac.digest(kept.value, b"cookie of the desk's page", "sha256").hex()


def _spot(settings: Settings, running: Running, version: str) -> Surface:
    from arbiter.api.spot.app import create_spot_app
    from arbiter.api.spot.deps import SpotDeps
    from arbiter.storage.candle_store import PgCandles
    from arbiter.storage.spot_reads import SpotReads

    host = settings.listen.spot_host
    backtests = _backtests(settings, running)
    app = create_spot_app(
        SpotDeps(
            settings=settings.spot_api.record(host),
            version=version,
            clock=running.clock,
            core=running.engine.core,
            bus=running.bus,
            kill_switch=running.engine.kill_switch,
            queries=running.queries,
            hub=running.hub,
            history=SpotReads(running.reads),
            written=running.written,
            candles=PgCandles(running.reads),
            backtests=backtests,
            access=running.access,
            tally=running.spot_tally,
            tuner=running.tuning,
            usd_rate=running.usd_rates.worth,
            home=settings.home.root,
        )
    )

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(app.streams.run())
            group.create_task(backtests.serve())

    return Surface(
        name="spot",
        app=app,
        host=host,
        port=settings.listen.spot_port,
        ssl_cert=settings.spot_api.ssl_cert or None,
        ssl_key=settings.spot_api.ssl_key or None,
        work=run,
    )


def _backtests(settings: Settings, running: Running) -> "SpotBacktests":
    from arbiter.app.research import Research
    from arbiter.app.spot_backtest import SpotBacktests

    research = Research.of(settings)
    backtests = SpotBacktests(
        settings=lambda: research.model_copy(
            update={
                name: section
                for name, section in running.tuning.sections.items()
                if name in Research.model_fields
            }
        ),
        strategy=SPOT_ARBITRAGE,
        database=running.database,
        clock=running.clock,
        logs=settings.home.logs,
    )
    running.hub.listen(backtests.watch)
    return backtests

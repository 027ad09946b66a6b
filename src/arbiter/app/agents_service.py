"""The agents, made of their parts; imported only where they are switched on."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.agents.settings import Schedule, VoteSettings
from arbiter.app.config import Settings
from arbiter.app.config_agents import Agents
from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId
from arbiter.model.time import NS_PER_DAY, day_start
from arbiter.ports.advisor import Advisor
from arbiter.ports.agent_store import AgentStore
from arbiter.ports.clock import Clock, IdSource
from arbiter.ports.embedder import Embedder
from arbiter.runtime.agent_decisions import DecisionKeeper, Retention
from arbiter.runtime.agent_desk import AgentDesk
from arbiter.runtime.agent_news import NewsDesk
from arbiter.runtime.agent_steering import Steering
from arbiter.runtime.agent_views import Headlines, ViewMaker
from arbiter.runtime.core import TradingCore
from arbiter.runtime.hub import EventHub
from arbiter.runtime.orchestrator import Orchestrator
from arbiter.storage.agent_store import PgAgentStore
from arbiter.storage.candle_store import PgCandles

Spawn = Callable[[Coroutine[None, None, None], str], object]


class AgentService(msgspec.Struct, frozen=True, kw_only=True):
    desk: AgentDesk
    orchestrator: Orchestrator
    store: AgentStore
    advisor: Advisor | None

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.desk.run(), name="agents desk")
            group.create_task(self.orchestrator.run(), name="agents orchestrator")

    def retune(self) -> None:
        """Put the steering's model settings into force."""
        if self.advisor is not None:
            steering = self.desk.steering
            self.advisor.tune(temperature=steering.temperature, max_tokens=steering.max_tokens)


async def make_agent_service(
    settings: Settings,
    *,
    core: TradingCore,
    hub: EventHub,
    reads: AsyncEngine,
    clock: Clock,
    ids: IdSource,
    spawn: Spawn,
) -> AgentService:
    """Take up the sessions of the last run; call before the venues are asked what they filled."""
    wanted = settings.agents
    venues = core.registry.venues
    venue = VenueId(wanted.venue) if wanted.venue else venues[0]
    if venue not in venues:
        raise BadConfig(f"agents.venue = {venue} is no venue of this engine: {', '.join(venues)}")
    store = PgAgentStore(reads)
    steering = Steering(
        wanted.rules(),
        initial_capital=wanted.initial_capital,
        temperature=settings.llm.temperature,
        max_tokens=settings.llm.max_tokens,
    )
    desk = AgentDesk(
        core=core,
        store=store,
        clock=clock,
        ids=ids,
        venue=venue,
        steering=steering,
        news=NewsDesk(),
    )
    await desk.restore()
    hub.listen(desk.book.watch)
    hub.listen(desk.switches.watch)
    advisor = await _advisor(settings, store, clock)
    orchestrator = Orchestrator(
        core=core,
        desk=desk,
        views=ViewMaker(
            core,
            PgCandles(reads),
            clock,
            Headlines(tuple(Path(feed) for feed in wanted.sentiment_feeds)),
        ),
        keeper=DecisionKeeper(
            store,
            clock,
            desk.news,
            embedder=_embedder(settings),
            retention=_retention(wanted),
        ),
        clock=clock,
        ids=ids,
        spawn=spawn,
        schedule=Schedule(**wanted.schedule.model_dump()),
        voting=VoteSettings(
            every_s=wanted.vote_every_seconds,
            consensus=wanted.consensus,
            max_age_s=wanted.opinion_max_age_seconds,
        ),
        advisor=advisor,
    )
    return AgentService(desk=desk, orchestrator=orchestrator, store=store, advisor=advisor)


def _retention(wanted: Agents) -> Retention:
    if not wanted.decision_retention_days:
        return Retention()
    return Retention(
        keep_ns=wanted.decision_retention_days * NS_PER_DAY,
        idle_keep_ns=int(wanted.idle_retention_days * NS_PER_DAY),
        idle_most=wanted.idle_decisions,
    )


def _embedder(settings: Settings) -> Embedder | None:
    llm = settings.llm
    if not llm.embedding_model:
        return None
    from arbiter.llm.embedder import make_embedder

    return make_embedder(
        base_url=llm.base_url,
        api_key=llm.api_key.get_secret_value(),
        model=llm.embedding_model,
        timeout_s=llm.embedding_timeout_seconds,
    )


async def _advisor(settings: Settings, store: AgentStore, clock: Clock) -> Advisor | None:
    llm = settings.llm
    if not llm.enabled:
        return None
    from arbiter.llm.advisor import make_advisor
    from arbiter.llm.settings import LlmSettings

    spent = await store.spent_since(day_start(clock.now_ns()))
    record = LlmSettings(
        base_url=llm.base_url,
        primary_model=llm.primary_model,
        fallback_model=llm.fallback_model or None,
        agents=frozenset(llm.agents),
        temperature=llm.temperature,
        max_tokens=llm.max_tokens,
        timeout_s=llm.timeout_seconds,
        retries=llm.retries,
        retry_s=llm.retry_seconds,
        breaker_failures=llm.breaker_failures,
        breaker_s=llm.breaker_seconds,
        caching=llm.enable_caching,
        cache_s=llm.cache_seconds,
        daily_cost_usd=llm.daily_cost_usd,
        daily_tokens=llm.daily_tokens,
        input_prices=llm.input_prices,
        output_prices=llm.output_prices,
    )
    return make_advisor(
        record,
        api_key=llm.api_key.get_secret_value(),
        clock=clock,
        spent_tokens=spent.tokens,
        spent_usd=spent.cost_usd,
    )

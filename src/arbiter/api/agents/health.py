"""What this API is, whether it and its database answer, and how the agents are."""

import asyncio
from collections.abc import Callable

from fastapi import APIRouter
from starlette.responses import Response

from arbiter.api.agents import models
from arbiter.api.agents.answers import absent, answer, duration
from arbiter.api.agents.deps import AgentsDeps
from arbiter.api.agents.rows import agent_row
from arbiter.model.errors import StorageUnavailable
from arbiter.model.time import NS_PER_S, rfc3339
from arbiter.runtime.agent_news import AgentStatus

NAME = "CryptoFunk Trading API"
_PROBE_S = 2.0


class Probe:
    """Asks the database at each call; nothing here is a constant."""

    def __init__(self, deps: AgentsDeps) -> None:
        self._deps = deps
        self._began_ns = deps.clock.monotonic_ns()

    @property
    def uptime(self) -> str:
        return duration((self._deps.clock.monotonic_ns() - self._began_ns) // NS_PER_S)

    async def database(self) -> str | None:
        """Why the database cannot be used; None when it answers and the journal writes."""
        try:
            async with asyncio.timeout(_PROBE_S):
                await self._deps.store.ping()
        except (StorageUnavailable, TimeoutError) as error:
            return str(error) or "no answer in time"
        return None if self._deps.core.state.journal_healthy else "the journal cannot write"


def health_routes(deps: AgentsDeps, probe: Probe) -> APIRouter:
    """What probes ask, whoever they are."""
    routes = APIRouter(tags=["health"])

    @routes.get("/", response_model=models.About, responses=models.failures())
    async def about() -> Response:
        """Say what this is."""
        return answer({"name": NAME, "version": deps.version, "status": "running"})

    @routes.get(
        "/api/v1/health",
        response_model=models.Health,
        responses={503: {"model": models.Unhealthy, "description": "What does not answer."}},
    )
    async def health() -> Response:
        """Say whether the API and its database answer."""
        problem = await probe.database()
        if problem is not None:
            return answer(
                {
                    "status": "unhealthy",
                    "error": "database connection failed",
                    "version": deps.version,
                    "details": problem,
                },
                503,
            )
        body = {"status": "healthy", "version": deps.version, "uptime": probe.uptime}
        return answer(body)

    return routes


def agent_routes(deps: AgentsDeps, probe: Probe, clients: Callable[[], int]) -> APIRouter:
    """How the engine's parts and the agents are, for those who may read."""
    routes = APIRouter(tags=["health"])

    @routes.get("/api/v1/status", response_model=models.Status, responses=models.failures())
    async def status() -> Response:
        """Tell every component's state."""
        problem = await probe.database()
        ready = deps.core.state.started
        components = {
            "database": "healthy" if problem is None else "unhealthy",
            "api": "healthy" if ready else "starting",
            "websocket": "healthy",
        }
        word = "operational" if problem is None and ready else "degraded"
        return answer(
            {
                "status": word,
                "version": deps.version,
                "uptime": probe.uptime,
                "components": components,
                "websocket": {"connected_clients": clients()},
            }
        )

    @routes.get("/api/v1/agents", response_model=models.Agents, responses=models.failures())
    async def agents() -> Response:
        """List all agents."""
        rows = [agent_row(each, deps.version) for each in deps.agents.statuses()]
        return answer({"agents": rows, "count": len(rows)})

    def find(name: str) -> AgentStatus:
        if name not in deps.agents.by_name:
            raise absent("agent not found", name=name)
        return deps.agents.status(name)

    @routes.get(
        "/api/v1/agents/{name}", response_model=models.OneAgent, responses=models.failures(404)
    )
    async def agent(name: str) -> Response:
        """Tell one agent's state."""
        return answer({"agent": agent_row(find(name), deps.version)})

    @routes.get(
        "/api/v1/agents/{name}/status",
        response_model=models.AgentState,
        responses=models.failures(404),
    )
    async def agent_status(name: str) -> Response:
        """Tell whether one agent is well."""
        found = find(name)
        return answer(
            {
                "name": found.name,
                "status": found.status,
                "last_seen_at": rfc3339(found.last_seen_ns),
                "healthy": found.healthy,
            }
        )

    return routes

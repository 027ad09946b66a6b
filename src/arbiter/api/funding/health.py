"""Health probes: is the process alive, is it ready, and how are its exchanges.

`/live` never depends on an exchange: restarting the process does not mend one.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol

from fastapi import APIRouter
from starlette.responses import Response

from arbiter.api.common.apps import json_response
from arbiter.model.ids import VenueId
from arbiter.model.time import rfc3339


class HealthFacts(Protocol):
    """What the probes ask of the engine; every call is quick and raises nothing."""

    def now_ns(self) -> int: ...

    def uptime_seconds(self) -> int: ...

    def alive(self) -> bool:
        """False once a task of the engine failed by surprise."""
        ...

    def recovered(self) -> bool:
        """True once every venue was asked and the ledger agrees."""
        ...

    def durable(self) -> bool:
        """False while the database does not answer; nothing new is opened then."""
        ...

    def connections(self) -> Mapping[VenueId, bool]:
        """Every venue in use, connected or not."""
        ...

    def unbound(self) -> Sequence[str]:
        """Enabled listeners that do not answer yet, by name."""
        ...


class Health(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


def health_of(facts: HealthFacts) -> Health:
    """Unhealthy without any exchange or after a failure, degraded without some or the database."""
    connected = facts.connections().values()
    if not facts.alive() or not any(connected):
        return Health.UNHEALTHY
    return Health.HEALTHY if all(connected) and facts.durable() else Health.DEGRADED


def waiting_for(facts: HealthFacts) -> list[str]:
    """What is still missing before the engine is ready; nothing when it is."""
    missing = []
    if not facts.alive():
        missing.append("failed")
    if not facts.recovered():
        missing.append("recovery")
    if not any(facts.connections().values()):
        missing.append("a connected exchange")
    missing.extend(f"listener {name}" for name in facts.unbound())
    return missing


def short_names(connections: Mapping[VenueId, bool]) -> dict[str, str]:
    """Exchanges by lower-case short name; one with two markets is connected when both are."""
    merged: dict[str, bool] = {}
    for venue, connected in connections.items():
        name = venue.removesuffix("_futures")
        merged[name] = merged.get(name, True) and connected
    return {name: "connected" if up else "disconnected" for name, up in merged.items()}


def health_routes(facts: HealthFacts) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get("/health")
    async def health() -> Response:
        state = health_of(facts)
        body = {
            "status": state,
            "exchanges": short_names(facts.connections()),
            "uptime_seconds": facts.uptime_seconds(),
        }
        unwell = state is Health.UNHEALTHY
        return json_response(body, HTTPStatus.SERVICE_UNAVAILABLE if unwell else HTTPStatus.OK)

    @routes.get("/ready")
    async def ready() -> Response:
        missing = waiting_for(facts)
        body: dict[str, object] = {"ready": not missing, "timestamp": rfc3339(facts.now_ns())}
        if missing:
            body["waiting_for"] = missing
        return json_response(body, HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK)

    @routes.get("/live")
    async def live() -> Response:
        alive = facts.alive()
        body = {"alive": alive, "timestamp": rfc3339(facts.now_ns())}
        return json_response(body, HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE)

    return routes

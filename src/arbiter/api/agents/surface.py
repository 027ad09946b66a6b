"""The agents' surface (port 8081, API_PORT): REST, the stream and their documentation."""

from collections.abc import Callable
from typing import Any, NamedTuple

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from arbiter.access.roles import Role
from arbiter.api.agents.answers import render
from arbiter.api.agents.decisions import decision_routes
from arbiter.api.agents.deps import AgentsDeps
from arbiter.api.agents.door import make_door, needs
from arbiter.api.agents.health import Probe, agent_routes, health_routes
from arbiter.api.agents.settings import config_routes
from arbiter.api.agents.stream import Stream
from arbiter.api.agents.trading import order_routes, position_routes, session_routes
from arbiter.api.common.apps import make_app
from arbiter.api.common.docs_pages import install_docs
from arbiter.api.common.guard import LOCAL_ORIGIN, LimitBody, RefuseStrangers

API_VERSION = "1"
"""Of the published paths and bodies; the engine's own is at the root."""


class AgentsSurface(NamedTuple):
    app: FastAPI
    stream: Stream
    """Its `run` must run beside the server."""


def make_agents(deps: AgentsDeps, retune: Callable[[], None] = lambda: None) -> AgentsSurface:
    """Make the app; `retune` is called after the models' settings changed."""
    app = make_app(title="Arbiter agents API", version=API_VERSION, render=render)
    door = make_door(deps)
    stream = Stream(deps, door)
    viewer, trader, admin = (needs(door, r) for r in (Role.VIEWER, Role.TRADER, Role.ADMIN))
    read = [Depends(viewer)]
    probe = Probe(deps)
    app.include_router(health_routes(deps, probe))
    app.include_router(agent_routes(deps, probe, lambda: stream.count), dependencies=read)
    app.include_router(position_routes(deps), dependencies=read)
    app.include_router(order_routes(deps, trader), dependencies=read)
    app.include_router(session_routes(deps, trader), dependencies=read)
    app.include_router(decision_routes(deps), dependencies=read)
    app.include_router(config_routes(deps, admin, retune), dependencies=read)
    app.include_router(stream.routes())
    install_docs(app)
    app.add_middleware(LimitBody, largest=deps.settings.largest_body, render=render)
    if deps.settings.this_machine_only and not deps.settings.auth_required:
        app.add_middleware(RefuseStrangers, origins=(), render=render)
    app.add_middleware(
        CORSMiddleware,
        allow_origin_regex=LOCAL_ORIGIN,
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "X-API-Key"],
    )
    app.openapi = _without_422(app.openapi)  # type: ignore[method-assign]
    return AgentsSurface(app, stream)


def _without_422(make: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """Leave out what FastAPI documents and this surface answers with a 400 of its own."""

    def document() -> dict[str, Any]:
        made = make()
        for methods in made["paths"].values():
            for operation in methods.values():
                operation["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            made["components"]["schemas"].pop(name, None)
        return made

    return document

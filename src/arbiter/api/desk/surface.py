"""The desk's surface (port 8000): REST, streams and their documentation."""

from http import HTTPStatus
from typing import NamedTuple

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.responses import Response

from arbiter.access.roles import Role
from arbiter.api.common.apps import make_app
from arbiter.api.common.docs_pages import install_docs
from arbiter.api.common.guard import LimitBody, RefuseStrangers
from arbiter.api.desk import bodies
from arbiter.api.desk.analysts import analyst_routes
from arbiter.api.desk.answers import answer, render
from arbiter.api.desk.budgets import budget_routes
from arbiter.api.desk.deps import DeskDeps
from arbiter.api.desk.door import make_door, needs, session_routes
from arbiter.api.desk.feed import Feed
from arbiter.api.desk.funding import funding_routes
from arbiter.api.desk.markets import market_routes
from arbiter.api.desk.overview import Families, overview_routes
from arbiter.api.desk.stories import story_routes
from arbiter.api.desk.stream import stream_routes
from arbiter.api.desk.trading import trading_routes

API_VERSION = "1"
"""Of the published paths and bodies; the engine's own is in the overview."""


class Desk(NamedTuple):
    app: FastAPI
    feed: Feed
    """Its `run` must run beside the server."""


def make_desk(deps: DeskDeps) -> Desk:
    app = make_app(title="Arbiter desk", version=API_VERSION, render=render)
    app.add_exception_handler(RequestValidationError, _invalid)
    door = make_door(deps)
    viewer, trader = needs(door, Role.VIEWER), needs(door, Role.TRADER)
    read = [Depends(viewer)]
    families = Families(deps)

    async def written() -> None:
        await deps.written()

    past = [*read, Depends(written)]
    app.include_router(trading_routes(deps), dependencies=past)
    app.include_router(budget_routes(deps, trader), dependencies=read)
    app.include_router(overview_routes(deps, trader, families), dependencies=read)
    app.include_router(market_routes(deps), dependencies=read)
    app.include_router(story_routes(deps), dependencies=past)
    app.include_router(analyst_routes(deps), dependencies=read)
    app.include_router(funding_routes(deps, trader), dependencies=read)
    app.include_router(session_routes(deps, door))
    feed = Feed(deps, families)
    app.include_router(stream_routes(feed, door))

    @app.get("/health", response_model=bodies.Healthy, tags=["health"])
    async def health() -> Response:
        """Say that the desk answers."""
        return answer(bodies.Healthy())

    install_docs(app)
    app.add_middleware(LimitBody, largest=deps.settings.largest_body, render=render)
    if deps.settings.this_machine_only and not deps.settings.auth_required:
        app.add_middleware(RefuseStrangers, origins=(), render=render)
    return Desk(app, feed)


async def _invalid(request: Request, error: Exception) -> Response:
    """Answer what does not fit its description with FastAPI's own body, whatever was sent.

    FastAPI's own handler fails on what JSON cannot say: an input of NaN.
    """
    assert isinstance(error, RequestValidationError)
    body = to_json(
        {"detail": error.errors()}, inf_nan_mode="strings", bytes_mode="base64", fallback=str
    )
    return Response(body, HTTPStatus.UNPROCESSABLE_ENTITY, media_type="application/json")

"""The spot surface as one app: routes of the contract, its errors, limits and pages."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from arbiter.access.roles import Principal, Role
from arbiter.api.common.auth import Door
from arbiter.api.common.docs_pages import install_docs
from arbiter.api.common.errors import HttpFailure, install_errors
from arbiter.api.common.guard import LOCAL_ORIGIN, LimitBody, RefuseStrangers
from arbiter.api.common.rate_limit import (
    HEADERS,
    Classified,
    CountRequests,
    RateLimits,
    RefuseExcess,
    Verdict,
)
from arbiter.api.spot.account import account_routes
from arbiter.api.spot.batch import batch_routes
from arbiter.api.spot.deps import SpotDeps
from arbiter.api.spot.door import login_routes, make_door, needs
from arbiter.api.spot.errors import render
from arbiter.api.spot.prices import price_routes
from arbiter.api.spot.risk import risk_routes
from arbiter.api.spot.status import status_routes
from arbiter.api.spot.stream import Streams
from arbiter.api.spot.trades import history_routes
from arbiter.api.spot.trading import trading_routes
from arbiter.model.errors import RateLimited
from arbiter.model.time import NS_PER_S

PREFIX = "/api/v1"
STOP_PATH = f"{PREFIX}/risk/emergency-stop"
HEALTH_PATH = f"{PREFIX}/health"
_READS = {"GET", "HEAD", "OPTIONS"}
_READING_POSTS = {f"{PREFIX}/analytics/query"}
SCHEMA_VERSION = "1.0.0"
"""Of the contract; the engine's own version is in `/status`."""
READ, WRITE, STREAM = "read", "write", "stream"


class SpotApp(FastAPI):
    """The app with its streams; whoever serves it runs `streams.run()` beside it."""

    def __init__(self, deps: SpotDeps, **options: Any) -> None:
        super().__init__(**options)
        self._deps = deps
        self.door = make_door(deps)
        self.streams = Streams(deps, self.door)

    def build_middleware_stack(self) -> ASGIApp:
        """Stand around everything, the framework's own answers to failures included."""
        deps, settings = self._deps, self._deps.settings
        app: ASGIApp = LimitBody(super().build_middleware_stack(), settings.largest_body, render)
        if settings.this_machine_only and not settings.auth_required:
            app = RefuseStrangers(app, settings.cors_origins, render)
        app = RefuseExcess(app, _refusal)
        if settings.cors_enabled:
            app = CORSMiddleware(
                app,
                allow_origins=settings.cors_origins,
                allow_origin_regex=LOCAL_ORIGIN,
                allow_methods=["GET", "POST", "PUT"],
                allow_headers=["Authorization", "Content-Type", "X-API-Key"],
                expose_headers=[*HEADERS, "Retry-After"],
            )
        limits = RateLimits(
            {READ: settings.reads, WRITE: settings.writes, STREAM: settings.streams}
        )
        return CountRequests(app, limits, classify, lambda: deps.clock.now_ns() / NS_PER_S)


def create_spot_app(deps: SpotDeps) -> SpotApp:
    """Make the app; nothing runs yet."""
    app = SpotApp(
        deps,
        title="Arbiter spot API",
        version=SCHEMA_VERSION,
        description="Spreads between exchanges: prices, signals, trades, control and risk.",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    install_errors(app, render)
    install_docs(app)
    app.include_router(_routes(deps, app.door, app.streams), prefix=PREFIX)
    return app


def classify(scope: Scope) -> Classified:
    """Tell reads from writes and streams; probes and the emergency stop are never refused."""
    if scope["type"] == "websocket":
        return Classified(STREAM, exempt=False)
    path, method = scope["path"], scope["method"]
    reading = method in _READS or path in _READING_POSTS
    return Classified(READ if reading else WRITE, exempt=path in {HEALTH_PATH, STOP_PATH})


def _routes(deps: SpotDeps, door: Door, streams: Streams) -> APIRouter:
    routes = APIRouter()
    routes.include_router(login_routes(deps))
    viewer = needs(door, Role.VIEWER)

    async def viewing(caller: Annotated[Principal, Depends(viewer)]) -> None:
        del caller

    async def written() -> None:
        await deps.written()

    for readable in (status_routes(deps), price_routes(deps)):
        routes.include_router(readable, dependencies=[Depends(viewing)])
    for past in (history_routes(deps), account_routes(deps)):
        routes.include_router(past, dependencies=[Depends(viewing), Depends(written)])
    for guarded in (
        trading_routes(deps, door),
        batch_routes(deps, door),
        risk_routes(deps, door),
        streams.routes(),
    ):
        routes.include_router(guarded)
    return routes


def _refusal(verdict: Verdict) -> Response:
    wait_s = verdict.retry_after_s or 1
    error = RateLimited(f"Rate limit exceeded: {verdict.broken}", retry_after_ms=wait_s * 1_000)
    response = render(HttpFailure(status=429, message=str(error), error=error))
    response.headers["Retry-After"] = str(wait_s)
    return response

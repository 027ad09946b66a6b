"""The operations surface (port 9090): health probes."""

from fastapi import FastAPI
from starlette.responses import Response

from arbiter.api.common.apps import json_response, make_app
from arbiter.api.common.errors import HttpFailure
from arbiter.api.funding.health import HealthFacts, health_routes


def make_ops_app(facts: HealthFacts, *, version: str) -> FastAPI:
    app = make_app(title="Arbiter operations", version=version, render=_render)
    app.include_router(health_routes(facts))
    return app


def _render(failure: HttpFailure) -> Response:
    return json_response({"error": failure.message}, failure.status)

"""The operations surface (port 9090): health probes, funding data, metrics."""

from http import HTTPStatus

import msgspec
from fastapi import FastAPI
from starlette.responses import Response

from arbiter.api.common.apps import json_response, make_app
from arbiter.api.common.auth import Verifier
from arbiter.api.common.docs_pages import install_docs
from arbiter.api.common.errors import HttpFailure
from arbiter.api.funding.data import FundingFacts, data_routes
from arbiter.api.funding.door import make_ask
from arbiter.api.funding.health import HealthFacts, health_routes
from arbiter.api.funding.metrics import metrics_routes


class OpsDeps(msgspec.Struct, frozen=True, kw_only=True):
    """What the surface is made of."""

    health: HealthFacts
    facts: FundingFacts
    version: str
    access: Verifier
    key_required: bool
    """For /api/*; the probes and /metrics never need a key."""
    otlp_endpoint: str = ""


def make_ops_app(deps: OpsDeps) -> FastAPI:
    app = make_app(title="Arbiter operations", version=deps.version, render=_render)
    install_docs(app)
    app.include_router(health_routes(deps.health))
    app.include_router(metrics_routes(deps.facts.readings, deps.otlp_endpoint))
    ask = make_ask(deps.access, required=deps.key_required)
    app.include_router(data_routes(deps.facts, ask))
    return app


def _render(failure: HttpFailure) -> Response:
    response = json_response({"error": failure.message}, failure.status)
    if failure.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response

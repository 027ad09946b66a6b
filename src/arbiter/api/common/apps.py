"""How every surface's app begins, and how a record becomes a body."""

import msgspec
from fastapi import FastAPI
from starlette.responses import Response

from arbiter.api.common.errors import Render, install_errors


def make_app(*, title: str, version: str, render: Render) -> FastAPI:
    """A bare app with the surface's error bodies; documentation pages are the surface's own."""
    app = FastAPI(title=title, version=version, docs_url=None, redoc_url=None)
    install_errors(app, render)
    return app


def json_response(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")

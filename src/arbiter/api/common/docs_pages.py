"""Swagger UI and ReDoc from files of this machine: no page of ours asks another host for anything."""

from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from arbiter.model.errors import BadConfig

_ASSETS = "/docs/assets"
_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline'; worker-src 'self' blob:; font-src 'self' data:"
)


def install_docs(app: FastAPI) -> None:
    """Serve ``/docs`` and ``/redoc`` for the app's own schema."""
    app.mount(_ASSETS, StaticFiles(directory=_folder()), name="docs assets")
    schema = app.openapi_url or "/openapi.json"

    async def swagger() -> Response:
        return _guarded(
            get_swagger_ui_html(
                openapi_url=schema,
                title=app.title,
                swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
                swagger_css_url=f"{_ASSETS}/swagger-ui.css",
                swagger_favicon_url=f"{_ASSETS}/favicon.png",
            )
        )

    async def redoc() -> Response:
        return _guarded(
            get_redoc_html(
                openapi_url=schema,
                title=app.title,
                redoc_js_url=f"{_ASSETS}/redoc.standalone.js",
                redoc_favicon_url=f"{_ASSETS}/favicon.png",
                with_google_fonts=False,
            )
        )

    app.add_api_route("/docs", swagger, include_in_schema=False)
    app.add_api_route("/redoc", redoc, include_in_schema=False)


def _guarded(page: HTMLResponse) -> Response:
    page.headers["Content-Security-Policy"] = _POLICY
    return page


def _folder() -> Path:
    """The assets lie in the distribution `fastapi-offline`; its code is not used."""
    found = find_spec("fastapi_offline")
    if found is None or not found.submodule_search_locations:
        raise BadConfig("the documentation pages need the package fastapi-offline: make setup")
    return Path(found.submodule_search_locations[0]) / "static"

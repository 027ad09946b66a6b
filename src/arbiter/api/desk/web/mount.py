"""Serve the pages under ``/ui`` of the desk's own listener."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from nicegui import app as pages_app
from nicegui import ui
from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arbiter.api.desk.web.agents import agents, decision
from arbiter.api.desk.web.budgets import budgets
from arbiter.api.desk.web.client import DeskError
from arbiter.api.desk.web.frame import STATIC, client_of, open_page
from arbiter.api.desk.web.holdings import holdings
from arbiter.api.desk.web.login import login_page
from arbiter.api.desk.web.lost import lost_page
from arbiter.api.desk.web.markets import market, markets
from arbiter.api.desk.web.orders import orders
from arbiter.api.desk.web.overview import overview
from arbiter.api.desk.web.page import LOGIN, ROOT, Page, end_all
from arbiter.api.desk.web.risk import risk
from arbiter.api.desk.web.sessions import KEY, SIGN_INS
from arbiter.api.desk.web.trades import trade, trades
from arbiter.api.desk.web.trust import trust

_STATIC = Path(__file__).parent / "static"
_EXPORTS = ("orders", "fills")
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'; form-action 'self'"
)
"""Nothing of another host, and no page around ours; Vue compiles templates in the browser."""

_host = FastAPI()
"""Starts and ends NiceGUI; it serves nothing itself."""

Build = Callable[[Page], Awaitable[None]]


def mount_pages(
    desk: FastAPI, *, secret: str, certificate: str | None = None
) -> Callable[[], Coroutine[None, None, None]]:
    """Mount the pages; what is returned must run beside the server. `secret` signs the cookie.

    `certificate` is the PEM file the listener shows where it speaks TLS.

    NiceGUI is one app per process: a second desk of the process shows the same pages.
    """
    if certificate is not None:
        trust(certificate)
    if not pages_app.config.has_run_config:
        _routes()
        pages_app.add_static_files("/desk-static", _STATIC, max_cache_age=300)
        ui.run_with(
            _host,
            mount_path=ROOT,
            title="Arbiter",
            dark=None,
            tailwind=False,
            favicon=_STATIC / "icon.svg",
            gzip_middleware_factory=None,  # it would compress on the engine's loop
            storage_secret=secret,
            session_middleware_kwargs={
                "session_cookie": "arbiter-desk",
                "same_site": "strict",
                "https_only": certificate is not None,
            },
            show_welcome_message=False,
            reconnect_timeout=10.0,
        )
    desk.mount(ROOT, _Guarded(pages_app))

    async def home() -> Response:
        return RedirectResponse(f"{ROOT}/")

    desk.add_api_route("/", home, include_in_schema=False)

    async def run() -> None:
        async with _host.router.lifespan_context(_host):
            try:
                await asyncio.Event().wait()
            finally:
                await end_all()

    return run


class _Guarded:
    """Says with every page what it may load, and that no other page may hold it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _POLICY
                headers["X-Frame-Options"] = "DENY"
                headers["Referrer-Policy"] = "same-origin"
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


def _routes() -> None:
    for path, name, build in (
        ("/", "Overview", overview),
        ("/markets", "Markets", markets),
        ("/trades", "Trades", trades),
        ("/orders", "Orders", orders),
        ("/holdings", "Holdings", holdings),
        ("/budgets", "Budgets", budgets),
        ("/agents", "Agents", agents),
        ("/risk", "Risk", risk),
    ):
        _page(path, name, build)

    @ui.page("/markets/{symbol}", title="Market · Arbiter")
    async def one_market(request: Request, symbol: str) -> Any:
        return await open_page(request, "Markets", lambda page: market(page, symbol))

    @ui.page("/trades/{number}", title="Trade · Arbiter")
    async def one_trade(request: Request, number: int) -> Any:
        return await open_page(request, "Trades", lambda page: trade(page, number))

    @ui.page("/agents/{key}", title="Decision · Arbiter")
    async def one_decision(request: Request, key: UUID) -> Any:
        return await open_page(request, "Agents", lambda page: decision(page, str(key)))

    async def lost(request: Request, error: Exception) -> Response:
        return HTMLResponse(lost_page(STATIC), HTTPStatus.NOT_FOUND)

    pages_app.add_exception_handler(HTTPStatus.NOT_FOUND, lost)
    pages_app.add_exception_handler(RequestValidationError, lost)  # a number that is none

    @ui.page("/login", title="Sign in · Arbiter")
    def login(failed: str = "") -> None:
        login_page(STATIC, failed)

    @pages_app.post("/login", include_in_schema=False)
    async def sign_in(
        request: Request, username: Annotated[str, Form()], password: Annotated[str, Form()]
    ) -> Response:
        desk = client_of(request)
        try:
            tokens = await desk.sign_in(username, password)
        except DeskError as error:
            why = "later" if error.status == 429 else "wrong" if error.status == 401 else "failed"
            return RedirectResponse(f"{LOGIN}?failed={why}", 303)
        finally:
            await desk.close()
        SIGN_INS.forget(request.session.get(KEY))
        request.session[KEY] = SIGN_INS.keep(tokens)
        return RedirectResponse(f"{ROOT}/", 303)

    @pages_app.post("/logout", include_in_schema=False)
    async def sign_out(request: Request) -> Response:
        SIGN_INS.forget(request.session.pop(KEY, None))
        return RedirectResponse(LOGIN, 303)

    @pages_app.get("/export/{name}.csv", include_in_schema=False)
    async def export(request: Request, name: str) -> Response:
        if name not in _EXPORTS:
            return Response(status_code=404)
        desk = client_of(request)
        try:
            asked = dict(parse_qsl(request.url.query))
            text = await desk.text(f"/api/desk/{name}.csv", asked)
        except DeskError as error:
            return Response(str(error), error.status or 503, media_type="text/plain")
        finally:
            await desk.close()
        kept = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=kept)


def _page(path: str, name: str, build: Build) -> None:
    @ui.page(path, title=f"{name} · Arbiter")
    async def shown(request: Request) -> Any:
        return await open_page(request, name, build)

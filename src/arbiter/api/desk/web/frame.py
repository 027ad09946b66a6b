"""The frame around every page: who is asked, where to go, how things stand."""

from collections.abc import Awaitable, Callable

from fastapi import Request
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from arbiter.api.desk.web import words
from arbiter.api.desk.web.client import DeskClient, DeskError, Json, SignedOut
from arbiter.api.desk.web.kill import kill_button
from arbiter.api.desk.web.page import LOGIN, ROOT, Page
from arbiter.api.desk.web.sessions import KEY, SIGN_INS
from arbiter.api.desk.web.trust import known

STATIC = f"{ROOT}/desk-static"

PAGES = (
    ("", "Overview"),
    ("/markets", "Markets"),
    ("/trades", "Trades"),
    ("/orders", "Orders"),
    ("/holdings", "Holdings"),
    ("/budgets", "Budgets"),
    ("/agents", "Agents"),
    ("/risk", "Risk"),
)

_HEAD = f'<link rel="stylesheet" href="{STATIC}/desk.css"><script src="{STATIC}/desk.js"></script>'


def client_of(request: Request) -> DeskClient:
    """A client of the desk at the very address the browser has reached."""
    host, port = request.scope["server"]
    name = f"[{host}]" if ":" in host else host
    tokens = SIGN_INS.find(request.session.get(KEY))
    peer = request.client.host if request.client is not None else ""
    if request.scope["scheme"] == "https":
        return DeskClient(f"https://{name}:{port}", tokens, peer, known())
    return DeskClient(f"http://{name}:{port}", tokens, peer)


async def open_page(
    request: Request, here: str, build: Callable[[Page], Awaitable[None]]
) -> Response | None:
    """Build a page in its frame, or send the browser to sign in."""
    desk = client_of(request)
    try:
        page = Page(desk, await desk.get("/api/desk/session"))
    except SignedOut:
        await desk.close()
        return RedirectResponse(LOGIN, 303)
    client = page.client
    client.on_connect(page.start)
    client.on_delete(page.end)
    ui.add_head_html(_HEAD)
    await _frame(page, here)
    with ui.element("main").props('id="main" tabindex="-1"'):
        try:
            await build(page)
        except DeskError as error:
            ui.html(f'<p class="card bad">{words.text(error)}</p>', sanitize=False)
    return None


async def _frame(page: Page, here: str) -> None:
    ui.html('<a class="skip" href="#main">Skip to the content</a>', sanitize=False)
    overview = await page.desk.get("/api/desk/overview")
    with ui.element("header").classes("top"):
        links = "".join(
            f'<a href="{ROOT}{path}"{_current(name, here)}>{name}</a>' for path, name in PAGES
        )
        ui.html('<span class="brand">Arbiter</span>', sanitize=False)
        ui.html(links, sanitize=False, tag="nav").props('aria-label="Pages"')
        page.region("facts", _facts(overview), classes="facts")
        page.region("link", words.pill("connecting", "warn"), classes="link")
        ui.html(
            '<button class="quiet" id="theme" onclick="desk.theme()" '
            'aria-label="Change between light and dark">◐</button>',
            sanitize=False,
        )
        if page.session["auth_required"]:
            ui.html(
                f'<form method="post" action="{ROOT}/logout"><button class="quiet" '
                f'title="{words.text(page.session["actor"])}">Sign out</button></form>',
                sanitize=False,
            )
        if page.can_trade:
            kill_button(page, engaged=overview["kill_switch"]["engaged"])
    page.region("latch", _latch(overview))

    def follow(body: Json) -> None:
        page.show("facts", _facts(body))
        page.show("latch", _latch(body))

    page.follow("overview", follow)


def _current(name: str, here: str) -> str:
    return ' aria-current="page"' if name == here else ""


def _facts(body: Json) -> str:
    return (
        f"{words.pill(body['mode'], 'plain')}{words.pill(body['status'])}"
        f'<span class="today">Today {words.signed(body["pnl_today"], unit=" USD")}</span>'
    )


def _latch(body: Json) -> str:
    latch = body["kill_switch"]
    if not latch["engaged"]:
        return ""
    return (
        f'<p class="latch" role="alert">Kill switch engaged by {words.text(latch["actor"])}: '
        f"{words.text(latch['reason'])}. Nothing trades until it is released.</p>"
    )

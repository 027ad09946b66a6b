"""Risk: limits and how much of them is used, strategies to stop and start, the audit log."""

from collections.abc import Callable

from nicegui import ui

from arbiter.api.desk.web import words
from arbiter.api.desk.web.client import Json
from arbiter.api.desk.web.overview import usages
from arbiter.api.desk.web.page import Page

_ROWS = 50
_LIMITS = {
    "max_trade_usd": "One trade, USD",
    "max_total_exposure_usd": "Open trades and funding pairs, USD",
    "max_concurrent_trades": "Open trades at a time",
    "daily_loss_limit_usd": "Loss of a day, USD",
    "max_drawdown_percent": "Drawdown, %",
    "capital_base_usd": "Capital base, USD",
    "staleness_threshold_ms": "Oldest quote traded on, ms",
    "min_side_fraction": "Part of a side that stays",
}


async def risk(page: Page) -> None:
    body = await page.desk.get("/api/desk/risk")
    with ui.element("div").classes("grid"):
        with ui.element("section").classes("card"):
            ui.html("<h2>Used</h2>", sanitize=False)
            page.region("risk", used(body))
        with ui.element("section").classes("card"):
            ui.html("<h2>Limits</h2>", sanitize=False)
            page.region("limits", limits(body))
            page.region("rates", rates(body))
        with ui.element("section").classes("card"):
            ui.html("<h2>Kill switch</h2>", sanitize=False)
            page.region("switch", latch(body["kill_switch"]))
            ui.html("<h2>Strategies</h2>", sanitize=False)
            await _strategies(page)
    with ui.element("section").classes("card"):
        with ui.element("div").classes("head"):
            ui.html("<h2>Audit log</h2>", sanitize=False)
            actor = ui.input("Actor").props("dense outlined clearable debounce=400")
            action = ui.input("Action").props("dense outlined clearable debounce=400")
        page.region("audit")

    async def read_audit() -> None:
        found = await page.desk.get(
            "/api/trading/audit", actor=actor.value, action=action.value, limit=_ROWS
        )
        page.show("audit", audit_table(found))

    async def changed() -> None:
        await page.attempt(read_audit())

    def follow(news: Json) -> None:
        page.show("risk", used(news))
        page.show("limits", limits(news))
        page.show("rates", rates(news))
        page.show("switch", latch(news["kill_switch"]))

    actor.on_value_change(changed)
    action.on_value_change(changed)
    page.follow("risk", follow)
    page.reread({"audit"}, read_audit)
    await read_audit()


async def _strategies(page: Page) -> None:
    """Sessions of agents come and go: then the list is drawn anew."""
    shown: dict[str, Callable[[Json], None]] = {}
    box = ui.element("div")

    async def reread() -> None:
        found = await page.desk.get("/api/trading/strategies")
        if [each["id"] for each in found] == list(shown):
            for each in found:
                shown[each["id"]](each)
            return
        box.clear()
        shown.clear()
        with box:
            for each in found:
                shown[each["id"]] = _strategy(page, each)

    page.reread({"audit"}, reread)
    await reread()


def _strategy(page: Page, strategy: Json) -> Callable[[Json], None]:
    """Draw one with its switch, if it has any; gives what shows its news."""
    name = f"strategy-{strategy['id']}"
    path = f"/api/desk/strategies/{strategy['id']}"
    known = strategy
    button: ui.button | None = None
    with ui.element("div").classes("actions"):
        page.region(name, _state(strategy))
        if page.can_trade and strategy["status"] != "UNKNOWN":
            button = ui.button(_verb(strategy), color=None).classes("plain")
            button.props(f'no-caps data-name="{name}-turn"')

    def show(news: Json) -> None:
        nonlocal known
        known = news
        page.show(name, _state(news))
        if button is not None:
            button.set_text(_verb(news))
            button.set_visibility(news["status"] != "UNKNOWN")

    async def turn() -> None:
        asked = {"running": known["status"] != "RUNNING", "reason": "the desk's page"}
        done = await page.attempt(page.desk.put(path, asked))
        if done is not None:
            show(done)
            page.flush()

    if button is not None:
        button.on_click(turn)
    return show


def _state(strategy: Json) -> str:
    return f"<span>{words.text(strategy['name'])}</span> {words.pill(strategy['status'])}"


def _verb(strategy: Json) -> str:
    return "Stop" if strategy["status"] == "RUNNING" else "Start"


def used(body: Json) -> str:
    limit = body["limits"]["max_total_exposure_usd"]
    exposure = body["exposure_usd"]
    part = exposure / limit if limit else 0.0
    warnings = "".join(f"<li>{words.text(line)}</li>" for line in body["warnings"])
    return (
        f"{usages(body['usage'])}"
        f'<div class="usage"><span>in open trades and funding pairs</span><span>{words.figure(exposure, 2)} of '
        f"{words.figure(limit, 2)} USD</span>{words.bar(part, 'good', 'in open trades and funding pairs')}</div>"
        + (f'<ul class="alerts">{warnings}</ul>' if warnings else "")
    )


def limits(body: Json) -> str:
    lines = "".join(
        f"<dt>{name}</dt><dd>{words.figure(body['limits'][key], _places(body['limits'][key]))}</dd>"
        for key, name in _LIMITS.items()
    )
    return f'<dl class="figures">{lines}</dl>'


def rates(body: Json) -> str:
    rows = [row for row in body["usd_rates"] if row["as_of"] is not None or row["usd"] != 1]
    lines = "".join(f"<dt>{words.text(row['currency'])}</dt><dd>{_rate(row)}</dd>" for row in rows)
    return f'<h2>Dollar rates</h2><dl class="figures">{lines}</dl>' if lines else ""


def _rate(row: Json) -> str:
    at = "" if row["as_of"] is None else f" at {words.clock(row['as_of'])}"
    state = "" if row["fresh"] else words.pill("stale", "bad")
    return f"{words.figure(row['usd'], 5)} {words.text(row['source'])}{at} {state}"


def _places(value: float) -> int:
    return 0 if float(value).is_integer() else 2


def latch(body: Json) -> str:
    if not body["engaged"]:
        return f"<p>{words.pill('released', 'good')} Trading is allowed.</p>"
    return (
        f"<p>{words.pill('engaged', 'bad')} by {words.text(body['actor'])} at "
        f"{words.clock(body['ts_changed'])}: {words.text(body['reason'])}</p>"
    )


def audit_table(rows: list[Json]) -> str:
    lines = [
        [
            words.clock(row["ts"]),
            words.text(row["actor"]),
            words.text(row["action"]),
            words.short(row["entity"], 48),
            words.short(row["before"]),
            words.short(row["after"]),
        ]
        for row in rows
    ]
    heads = ["At, UTC", "Actor", "Action", "What", "Before", "After"]
    return words.table(heads, lines, "No entry.", "Audit log")

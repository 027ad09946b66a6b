"""How the engine stands: venues, equity, today's PnL, risk against limits, alerts."""

from nicegui import ui

from arbiter.api.desk.web import charts, words
from arbiter.api.desk.web.client import Json
from arbiter.api.desk.web.page import Page

_PERIODS = {"day": "Day", "week": "Week", "month": "Month", "year": "Year", "all": "All"}
_SHOWN_ALERTS = 8
_EQUITY_EVERY_S = 10.0
"""A point of the shortest period stands for minutes."""


async def overview(page: Page) -> None:
    body = await page.desk.get("/api/desk/overview")
    page.region("tiles", tiles(body), classes="tiles")
    with ui.element("div").classes("grid"):
        with ui.element("section").classes("card wide"):
            with ui.element("div").classes("head"):
                ui.html("<h2>Equity</h2>", sanitize=False)
                period = ui.toggle(_PERIODS, value="day").props("dense unelevated no-caps")
            chart = charts.equity()
        with ui.element("section").classes("card"):
            ui.html("<h2>Risk against limits</h2>", sanitize=False)
            page.region("usage", usages(body["risk"]))
            ui.html("<h2>Today by family</h2>", sanitize=False)
            page.region("families", families(body))
        with ui.element("section").classes("card wide"):
            ui.html("<h2>Venues</h2>", sanitize=False)
            page.region("venues", venues(body))
        with ui.element("section").classes("card"):
            ui.html("<h2>Alerts</h2>", sanitize=False)
            page.region("alerts", alerts(body))

    made = drawn = body["pnl_total"]

    async def draw() -> None:
        nonlocal drawn
        drawn = made
        charts.draw_equity(chart, await page.desk.get("/api/desk/equity", period=period.value))

    async def redraw() -> None:
        """Only when it has moved: following the trades themselves would have all of them written."""
        if made != drawn:
            await draw()

    def follow(news: Json) -> None:
        nonlocal made
        made = news["pnl_total"]
        page.show("tiles", tiles(news))
        page.show("usage", usages(news["risk"]))
        page.show("venues", venues(news))
        page.show("families", families(news))
        page.show("alerts", alerts(news))

    period.on_value_change(draw)
    page.follow("overview", follow)
    page.reread({"overview"}, redraw, every_s=_EQUITY_EVERY_S)
    await draw()


def tiles(body: Json) -> str:
    return "".join(
        (
            words.tile("PnL today", words.signed(body["pnl_today"]), "USD, net of fees"),
            words.tile("PnL in all", words.signed(body["pnl_total"]), "USD, net of fees"),
            words.tile("Trades today", words.figure(body["trades_today"], 0)),
            words.tile("Open trades", words.figure(body["open_trades"], 0)),
            words.tile("Signals", words.figure(body["signals_total"], 0)),
            words.tile("Symbols", words.figure(body["symbols"], 0)),
            words.tile("Quotes", words.figure(body["quotes_total"], 0)),
            words.tile("Up for", words.uptime(body["uptime_s"]), f"v{words.text(body['version'])}"),
        )
    )


def usages(risk: list[Json]) -> str:
    return "".join(
        f'<div class="usage"><span>{words.text(each["name"].replace("_", " "))}</span>'
        f"<span>{words.figure(each['used'], _places(each))} of "
        f"{words.figure(each['limit'], _places(each))} {words.text(each['unit'])} {words.pill(each['level'], _kind(each['level']))}</span>"
        f"{words.bar(each['fraction'], each['level'], each['name'])}</div>"
        for each in risk
    )


def _places(usage: Json) -> int:
    return 0 if usage["unit"] == "trades" else 2


def _kind(level: str) -> str:
    return {"normal": "good", "warning": "warn"}.get(level, "bad")


def venues(body: Json) -> str:
    rows = [
        [
            words.text(venue["venue"]),
            words.pill("connected", "good") if venue["connected"] else words.pill("down", "bad"),
            words.lasted(venue["quote_age_ms"]),
            words.figure(venue["quotes"], 0),
            words.figure(venue["faults"], 0),
            words.short(venue["reason"], 40),
        ]
        for venue in body["venues"]
    ]
    heads = ["Venue", "State", "#Quote age", "#Quotes", "#Faults", "Why"]
    return words.table(heads, rows, "No venue.", "Venues and the age of their newest quote")


def families(body: Json) -> str:
    rows = [
        [
            words.text(family["family"]),
            words.signed(family["pnl_today"]),
            words.figure(family["trades_today"], 0),
        ]
        for family in body["families"]
    ]
    return words.table(
        ["Family", "#PnL, USD", "#Trades"], rows, "No trade ended today.", "Today's PnL by family"
    )


def alerts(body: Json) -> str:
    if not body["alerts"]:
        return '<p class="muted empty">Nothing to worry about.</p>'
    lines = "".join(
        f"<li>{words.pill(alert['severity'])} {words.clock(alert['ts'])} "
        f"{words.text(alert['text'])}</li>"
        for alert in body["alerts"][:_SHOWN_ALERTS]
    )
    return f'<ul class="alerts">{lines}</ul>'

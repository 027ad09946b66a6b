"""Positions, and balances per venue with how far each was drawn down."""

from nicegui import ui

from arbiter.api.desk.web import words
from arbiter.api.desk.web.client import Json
from arbiter.api.desk.web.page import Page

_CLOSED = 50


async def holdings(page: Page) -> None:
    balances = await page.desk.get("/api/desk/balances")
    page.region("worth", worth(balances), classes="tiles")
    with ui.element("section").classes("card"):
        ui.html("<h2>Open positions</h2>", sanitize=False)
        held = await page.desk.get(_open())
        page.region("open", positions_table(worth_trading(held)))
        with ui.element("details"):
            page.region("leftovers-count", leftovers_count(held), tag="summary")
            page.region("leftovers", positions_table(leftovers(held)))
    with ui.element("section").classes("card"):
        ui.html("<h2>Funding collected</h2>", sanitize=False)
        page.region("funding", funding_table(await page.desk.get("/api/desk/funding")))
    with ui.element("section").classes("card"):
        ui.html("<h2>Balances</h2>", sanitize=False)
        page.region("balances", balances_table(balances))
    with ui.element("section").classes("card"):
        ui.html("<h2>Closed positions</h2>", sanitize=False)
        page.region("closed")

    def follow_balances(body: Json) -> None:
        page.show("worth", worth(body))
        page.show("balances", balances_table(body))

    def follow_positions(rows: list[Json]) -> None:
        page.show("open", positions_table(worth_trading(rows)))
        page.show("leftovers-count", leftovers_count(rows))
        page.show("leftovers", positions_table(leftovers(rows)))

    async def read_closed() -> None:
        found = await page.desk.get("/api/trading/positions", status="closed", limit=_CLOSED)
        page.show("closed", positions_table(found))

    page.follow("balances", follow_balances)
    page.follow("funding", lambda body: page.show("funding", funding_table(body)))
    page.follow("positions", follow_positions)
    page.reread({"trades"}, read_closed, every_s=2.0)
    await read_closed()


def _open() -> str:
    return "/api/trading/positions?status=open"


def worth(body: Json) -> str:
    tiles = [words.tile("All venues", words.figure(body["total_usd"], 2), "USD")]
    tiles += [
        words.tile(venue, words.figure(usd, 2), "USD")
        for venue, usd in sorted(body["by_venue_usd"].items())
    ]
    return "".join(tiles)


def worth_trading(rows: list[Json]) -> list[Json]:
    return [row for row in rows if not row["dust"]]


def leftovers(rows: list[Json]) -> list[Json]:
    return [row for row in rows if row["dust"]]


def leftovers_count(rows: list[Json]) -> str:
    """Say how many rows are folded away."""
    small = leftovers(rows)
    if not small:
        return "No leftovers too small to trade"
    return f"Leftovers too small to trade: {words.figure(len(small), 0)}"


def positions_table(rows: list[Json]) -> str:
    heads = ["Instrument", "Side", "#Quantity", "#Opened at", "#Closed at", "#Mark"]
    lines = [
        [
            words.text(row["instrument_id"]),
            words.side(row["side"]),
            words.figure(row["quantity"]),
            words.figure(row["avg_px_open"]),
            words.figure(row["avg_px_close"]),
            words.figure(row["mark_px"]),
            words.signed(row["realized_pnl"], 4),
            words.signed(row["unrealized_pnl"], 4),
            words.text(row["strategy_name"]),
            words.clock(row["ts_opened"]),
        ]
        for row in rows
    ]
    return words.table(
        [*heads, "#Realized", "#Unrealized", "Strategy", "Opened, UTC"],
        lines,
        "No position.",
        "Positions",
    )


def funding_table(body: Json) -> str:
    """Pair by pair; `body` is null while the database cannot tell."""
    if body is None:
        return '<p class="muted empty">The database is away.</p>'
    lines = [
        [
            words.text(row["symbol"]),
            words.pill(row["state"], "good" if row["state"] == "OPEN" else "plain"),
            words.text(row["long_instrument"]),
            words.text(row["short_instrument"]),
            words.figure(row["quantity"]),
            words.figure(row["entry_spread_percent"], 4, " %"),
            words.figure(row["payments"], 0),
            words.signed(row["funding_collected"], 4),
            words.signed(row["cumulative"], 4),
            words.clock(row["ts_opened"]),
            words.clock(row["ts_closed"]),
            words.text(row["reason"]),
        ]
        for row in body["pairs"]
    ]
    heads = ["Symbol", "State", "Long", "Short", "#Quantity", "#Spread, 8 h", "#Payments"]
    heads += ["#Collected, USD", "#Cumulative, USD", "Opened, UTC", "Closed, UTC", "Why closed"]
    shown = words.table(heads, lines, "No pair has been opened.", "Funding collected by each pair")
    if not body["pairs_total"]:
        return shown
    return (
        f'<p class="count" data-name="funding-total">{words.signed(body["funding_collected"], 4)}'
        f" USD in {words.figure(body['payments'], 0)} payments of "
        f"{words.figure(body['pairs_total'], 0)} pairs, before fees</p>{shown}"
    )


def balances_table(body: Json) -> str:
    rows = [
        [
            words.text(row["venue"]),
            words.text(row["asset"]),
            words.figure(row["total"]),
            words.figure(row["free"]),
            words.figure(row["locked"]),
            words.figure(row["usd"], 2),
            _skew(row),
        ]
        for row in body["balances"]
    ]
    heads = ["Venue", "Asset", "#Total", "#Free", "#Locked", "#USD", "Against what was put there"]
    return words.table(heads, rows, "No balance.", "Balances per venue")


def _skew(row: Json) -> str:
    if row["frozen"]:
        return words.pill("frozen", "bad")
    if row["fraction"] is None:
        return words.DASH
    level = {"ok": "good", "low": "warn", "stopped": "bad"}.get(row["skew"], "good")
    label = f"{row['asset']} on {row['venue']}"
    return (
        f'<div class="skew">{words.bar(row["fraction"] / 2, level, label)}'
        f"<span>{row['fraction'] * 100:.1f} %</span>{words.pill(row['skew'] or 'ok')}</div>"
    )

"""Trades as planned and as they went, each with its story; signals with why not."""

from nicegui import ui

from arbiter.api.desk.web import words
from arbiter.api.desk.web.client import Json
from arbiter.api.desk.web.orders import fills_table, orders_table
from arbiter.api.desk.web.page import ROOT, Page

_STATES = {"": "Any state", "open": "Open", "ended": "Ended", "completed": "Completed"} | {
    state: state.capitalize() for state in ("unwound", "failed", "abandoned", "held")
}
_EXECUTED = {"": "All signals", "true": "Executed", "false": "Not executed"}
_ROWS = 50


async def trades(page: Page) -> None:
    with ui.element("section").classes("card"):
        with ui.element("div").classes("head"):
            ui.html("<h2>Trades</h2>", sanitize=False)
            symbol = ui.input("Symbol").props("dense outlined clearable debounce=400")
            state = ui.select(_STATES, value="", label="State").props("dense outlined")
        page.region("trades")
    with ui.element("section").classes("card"):
        with ui.element("div").classes("head"):
            ui.html("<h2>Signals</h2>", sanitize=False)
            executed = ui.select(_EXECUTED, value="", label="Executed").props("dense outlined")
        page.region("signals")

    async def read_trades() -> None:
        found = await page.desk.listing(
            "/api/desk/trades", symbol=symbol.value, state=state.value, limit=_ROWS
        )
        page.show("trades", trades_table(found.rows) + _count(len(found.rows), found.total))

    async def read_signals() -> None:
        found = await page.desk.listing(
            "/api/desk/signals", symbol=symbol.value, executed=executed.value, limit=_ROWS
        )
        page.show("signals", signals_table(found.rows) + _count(len(found.rows), found.total))

    async def changed() -> None:
        await page.attempt(read_trades())
        await page.attempt(read_signals())

    symbol.on_value_change(changed)
    state.on_value_change(changed)
    executed.on_value_change(changed)
    page.reread({"trades"}, read_trades)
    page.reread({"signals"}, read_signals)
    await read_trades()
    await read_signals()


def _count(shown: int, total: int) -> str:
    return f'<p class="muted count">The newest {shown} of {total:,}</p>' if total > shown else ""


def trades_table(rows: list[Json]) -> str:
    heads = ["#No.", "State", "Symbol", "Legs, planned → actual", "#Planned", "#Slippage", "#Fees"]
    lines = [
        [
            words.link(f"{ROOT}/trades/{trade['id']}", str(trade["id"])),
            words.pill(trade["state"]) + (" asking" if trade["outcome_unknown"] else ""),
            words.text(trade["symbol"]),
            "<br>".join(_leg(leg) for leg in trade["legs"]),
            words.figure(trade["planned_profit"], 4),
            words.figure(trade["slippage"], 4),
            words.figure(trade["fees"], 4),
            words.signed(trade["pnl"], 4),
            words.lasted(trade["duration_ms"]),
            words.clock(trade["ts_started"]),
        ]
        for trade in rows
    ]
    return words.table(
        [*heads, "#PnL, net", "#Took", "Started, UTC"], lines, "No trade yet.", "Trades"
    )


def _leg(leg: Json) -> str:
    return (
        f"{words.side(leg['side'])} {words.figure(leg['quantity'])} {words.text(leg['venue'])} "
        f"{words.figure(leg['planned_price'])} → {words.figure(leg['actual_price'])}"
    )


def signals_table(rows: list[Json]) -> str:
    lines = [
        [
            words.figure(signal["id"], 0),
            words.pill("executed", "good")
            if signal["executed"]
            else words.pill("not executed", "warn"),
            words.text(signal["symbol"]),
            f"{words.text(signal['buy_venue'])} → {words.text(signal['sell_venue'])}",
            words.figure(signal["buy_price"]),
            words.figure(signal["sell_price"]),
            words.signed(signal["net_percent"], 3, " %"),
            words.text(signal["explanation"]),
            words.clock(signal["ts"]),
        ]
        for signal in rows
    ]
    heads = ["#No.", "Verdict", "Symbol", "Buy → sell", "#Buy at", "#Sell at", "#Net", "Why"]
    return words.table([*heads, "Seen, UTC"], lines, "No signal yet.", "Signals")


async def trade(page: Page, number: int) -> None:
    path = f"/api/desk/trades/{number}"
    story = await page.desk.get(path)
    ui.html(
        f"<h1>Trade {number} <small>{words.text(story['trade']['symbol'])} · "
        f'<a href="{ROOT}/trades">all trades</a></small></h1>',
        sanitize=False,
    )
    page.region("story", tell(story))

    async def again() -> None:
        page.show("story", tell(await page.desk.get(path)))

    if story["trade"]["ts_completed"] is None:
        page.reread({"trades", "orders"}, again)


def tell(story: Json) -> str:
    one, signal = story["trade"], story["signal"]
    tiles = "".join(
        (
            words.tile("State", words.pill(one["state"]), words.text(one["reason"])),
            words.tile("PnL, net", words.signed(one["pnl"], 4), words.text(one["currency"])),
            words.tile("Planned, before fees", words.figure(one["planned_profit"], 4)),
            words.tile("Slippage", words.figure(one["slippage"], 4), "adverse is positive"),
            words.tile("Fees", words.figure(one["fees"], 4)),
            words.tile("Took", words.lasted(one["duration_ms"])),
        )
    )
    why = "" if signal is None else f"<h2>Signal</h2>{signals_table([signal])}"
    return (
        f'<div class="tiles">{tiles}</div>'
        f'<section class="card"><h2>Legs</h2>{_legs(one["legs"])}</section>'
        f'<section class="card"><h2>Timeline</h2>{_timeline(story["timeline"])}</section>'
        f'<section class="card">{why}<h2>Orders</h2>{orders_table(story["orders"], {})}'
        f"<h2>Fills</h2>{fills_table(story['fills'])}</section>"
    )


def _legs(legs: list[Json]) -> str:
    rows = [
        [
            words.text(leg["role"]),
            words.side(leg["side"]),
            words.text(leg["instrument_id"]),
            words.figure(leg["filled_qty"]) + " / " + words.figure(leg["quantity"]),
            words.figure(leg["planned_price"]),
            words.figure(leg["actual_price"]),
            words.figure(leg["slippage"], 4),
            words.pill(leg["status"]),
        ]
        for leg in legs
    ]
    heads = ["Role", "Side", "Instrument", "#Filled", "#Planned", "#Actual", "#Slippage", "State"]
    return words.table(heads, rows, "No leg.", "Legs, planned and actual")


def _timeline(steps: list[Json]) -> str:
    longest = max((step["elapsed_ms"] for step in steps), default=0) or 1
    lines = "".join(
        f"<li><span class='at'><b>{words.text(step['leg'] or '')}</b> "
        f"{step['elapsed_ms']:,.2f} ms</span>"
        f"<span class='track' aria-hidden='true'><i style='left:"
        f"{step['elapsed_ms'] / longest * 100:.1f}%'></i></span>"
        f"<span>{words.text(step['text'])}</span></li>"
        for step in steps
    )
    return f'<ol class="timeline">{lines}</ol>'

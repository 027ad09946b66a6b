"""Orders and fills with their filters; refusals in words; both to take away as CSV."""

from urllib.parse import urlencode

from nicegui import ui

from arbiter.api.desk.web import words
from arbiter.api.desk.web.client import DeskError, Json
from arbiter.api.desk.web.page import ROOT, Page

_STATUSES = ["PENDING", "OPEN", "FILLED", "CANCELED", "EXPIRED", "REJECTED", "DENIED", "CLOSED"]
_REFUSED = ("DENIED", "REJECTED")
_ROWS = 50


async def orders(page: Page) -> None:
    with ui.element("section").classes("card"):
        await _orders(page)
    with ui.element("section").classes("card"):
        await _fills(page)


async def _orders(page: Page) -> None:
    explained: dict[str, str] = {}
    offset = 0
    with ui.element("div").classes("head"):
        ui.html("<h2>Orders</h2>", sanitize=False)
        strategy = _filter("Strategy")
        instrument = _filter("Instrument")
        options = {"": "Any status"} | {word: word.capitalize() for word in _STATUSES}
        status = ui.select(options, value="", label="Status").props("dense outlined")
        status.props('data-name="status"')
        page.region("orders-csv")
    page.region("orders")
    with ui.element("div").classes("pager"):
        newer = ui.button("Newer", color=None).classes("plain").props("flat no-caps dense")
        page.region("orders-range", classes="muted")
        older = ui.button("Older", color=None).classes("plain").props("flat no-caps dense")

    async def read() -> None:
        asked = _asked(
            strategy_name=strategy.value, instrument_id=instrument.value, status=status.value
        )
        found = await page.desk.listing("/api/trading/orders", **asked, limit=_ROWS, offset=offset)
        await _explain(page, found.rows, explained)
        page.show("orders", orders_table(found.rows, explained))
        page.show("orders-csv", _csv("orders", asked))
        last = offset + len(found.rows)
        page.show("orders-range", f"{min(offset + 1, last):,} to {last:,} of {found.total:,}")
        newer.set_enabled(offset > 0)
        older.set_enabled(last < found.total)

    async def turn(to: int) -> None:
        nonlocal offset
        offset = max(to, 0)
        await page.attempt(read())

    for filtered in (strategy, instrument, status):
        filtered.on_value_change(lambda: turn(0))
    newer.on_click(lambda: turn(offset - _ROWS))
    older.on_click(lambda: turn(offset + _ROWS))
    page.reread({"orders"}, read)
    await read()


async def _fills(page: Page) -> None:
    with ui.element("div").classes("head"):
        ui.html("<h2>Fills</h2>", sanitize=False)
        strategy = _filter("Strategy")
        instrument = _filter("Instrument")
        sides = {"": "Both sides", "BUY": "Buys", "SELL": "Sells"}
        side = ui.select(sides, value="", label="Side").props("dense outlined")
        page.region("fills-csv")
    page.region("fills-sum", classes="muted")
    page.region("fills")

    async def read() -> None:
        asked = _asked(
            strategy_name=strategy.value, instrument_id=instrument.value, side=side.value
        )
        found = await page.desk.listing("/api/trading/fills", **asked, limit=_ROWS)
        page.show("fills", fills_table(found.rows))
        page.show("fills-csv", _csv("fills", asked))

    async def add_up() -> None:
        page.show("fills-sum", fills_sum(await page.desk.get("/api/trading/fills/summary")))

    async def changed() -> None:
        await page.attempt(read())

    for filtered in (strategy, instrument, side):
        filtered.on_value_change(changed)
    page.reread({"fills"}, read)
    page.reread({"fills"}, add_up, every_s=5.0)
    await read()
    await add_up()


def _filter(name: str) -> ui.input:
    return ui.input(name).props("dense outlined clearable debounce=400")


def _asked(**filters: str | None) -> dict[str, str]:
    """What was filled in; instruments are written in capitals."""
    asked = {name: value.strip() for name, value in filters.items() if value and value.strip()}
    if "instrument_id" in asked:
        asked["instrument_id"] = asked["instrument_id"].upper()
    return asked


def _csv(name: str, asked: dict[str, str]) -> str:
    query = f"?{urlencode(asked)}" if asked else ""
    target = words.text(f"{ROOT}/export/{name}.csv{query}")
    return f'<a class="csv" href="{target}" download="{name}.csv">Export CSV</a>'


async def _explain(page: Page, rows: list[Json], known: dict[str, str]) -> None:
    """Learn each refusal's words once, from one order that has it."""
    for order in rows:
        reason = order["reason"]
        if order["status"] in _REFUSED and reason and reason not in known:
            path = f"/api/trading/orders/{order['client_order_id']}/deny-reason"
            try:
                known[reason] = (await page.desk.get(path))["explanation"]
            except DeskError:
                known[reason] = reason


def orders_table(rows: list[Json], explained: dict[str, str]) -> str:
    heads = ["Placed, UTC", "Status", "Side", "Instrument", "#Filled", "#Limit", "#Average"]
    lines = [
        [
            words.clock(order["ts_init"]),
            words.pill(order["status"]) + (" asking" if order["outcome_unknown"] else ""),
            words.side(order["side"]),
            words.text(order["instrument_id"]),
            f"{words.figure(order['filled_qty'])} / {words.figure(order['quantity'])}",
            words.figure(order["price"]),
            words.figure(order["avg_px"]),
            words.text(order["strategy_name"]),
            words.text(explained.get(order["reason"] or "", order["reason"] or "")),
            f"<code>{words.text(order['client_order_id'])}</code>",
        ]
        for order in rows
    ]
    return words.table(
        [*heads, "Strategy", "Why", "Client order id"], lines, "No such order.", "Orders"
    )


def fills_table(rows: list[Json]) -> str:
    lines = [
        [
            words.clock(fill["ts_event"]),
            words.side(fill["side"]),
            words.text(fill["instrument_id"]),
            words.figure(fill["last_qty"]),
            words.figure(fill["last_px"]),
            f"{words.figure(fill['commission'])} {words.text(fill['commission_currency'])}",
            words.text(fill["liquidity_side"].lower()),
            words.text(fill["strategy_name"] or ""),
        ]
        for fill in rows
    ]
    heads = ["At, UTC", "Side", "Instrument", "#Quantity", "#Price", "#Fee", "As", "Strategy"]
    return words.table(heads, lines, "No such fill.", "Fills")


def fills_sum(body: Json) -> str:
    fees = ", ".join(
        f"{words.figure(fee)} {words.text(currency)}"
        for currency, fee in sorted(body["total_fees"].items())
    )
    return (
        f"{words.figure(body['total_fills'], 0)} fills in all, "
        f"{words.figure(body['buy_count'], 0)} buys and {words.figure(body['sell_count'], 0)} "
        f"sells, worth {words.figure(body['notional'], 2)} USD; fees {fees or 'none'}"
    )

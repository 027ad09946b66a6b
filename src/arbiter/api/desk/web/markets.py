"""Markets: the live matrix of symbols and venues; one symbol's books, pairs and candles."""

import asyncio
from itertools import zip_longest

from nicegui import ui

from arbiter.api.desk.web import charts, words
from arbiter.api.desk.web.client import Json
from arbiter.api.desk.web.page import ROOT, Page

_INTERVALS = ["1m", "5m", "15m", "1h", "4h", "1d"]
_CANDLES_EVERY_S = 5.0
_ROWS_AT_ONCE = 5
_LEVELS = 10
"""Rows of the matrix written in one go: between two, the engine does what waits."""


async def markets(page: Page) -> None:
    body = await page.desk.get("/api/desk/markets")
    order = sorted(row["name"] for row in body["rows"])
    best_first = False

    def rows_of(news: Json) -> list[Json]:
        if best_first:
            return list(news["rows"])
        by_name = {row["name"]: row for row in news["rows"]}
        return [by_name[name] for name in order if name in by_name]

    with ui.element("section").classes("card"):
        with ui.element("div").classes("head"):
            ui.html("<h2>Markets</h2>", sanitize=False)
            page.region("markets-note", note(body), classes="muted")
            sort = ui.switch("Best spread first").props('data-name="best-first"')
        with (
            ui.element("div")
            .classes("scroll matrix")
            .props('tabindex="0" role="region" aria-label="Matrix of markets and venues"'),
            ui.element("table"),
        ):
            ui.html(_heads(body["venues"]), sanitize=False, tag="thead")
            with ui.element("tbody"):
                for slot, row in enumerate(rows_of(body)):
                    page.region(f"row-{slot}", matrix_row(row, body["venues"]), tag="tr")

    async def follow(news: Json) -> None:
        page.show("markets-note", note(news))
        for slot, row in enumerate(rows_of(news)[: len(order)]):
            page.show(f"row-{slot}", matrix_row(row, news["venues"]))
            if not (slot + 1) % _ROWS_AT_ONCE:
                await asyncio.sleep(0)

    async def resort() -> None:
        nonlocal best_first
        best_first = bool(sort.value)
        await follow(await page.desk.get("/api/desk/markets"))
        page.flush()

    sort.on_value_change(resort)
    page.follow("markets", follow)


def note(body: Json) -> str:
    paying = sum(1 for row in body["rows"] if row["best"] and row["best"]["pays"])
    return (
        f"{paying} of {len(body['rows'])} pay more than {body['threshold_percent']:.2f} % "
        "after fees and slippage"
    )


def _heads(venues: list[str]) -> str:
    cells = "".join(f'<th scope="col" class="n">{words.text(venue)}</th>' for venue in venues)
    return (
        '<tr><th scope="col">Symbol</th><th scope="col" class="n">Best net</th>'
        f'<th scope="col">Buy → sell</th>{cells}</tr>'
    )


def matrix_row(row: Json, venues: list[str]) -> str:
    best = row["best"]
    quotes = {quote["venue"]: quote for quote in row["quotes"]}
    cells = "".join(_cell(quotes.get(venue), venue, best) for venue in venues)
    there = words.link(f"{ROOT}/markets/{row['name']}", row["symbol"])
    name = f'<th scope="row">{there}</th>'
    if best is None:
        return f'{name}<td class="n">{words.DASH}</td><td></td>{cells}'
    marked = "pays" if best["pays"] else ""
    way = f"{words.text(best['buy_venue'])} → {words.text(best['sell_venue'])}"
    return (
        f'{name}<td class="n net {marked}">{words.signed(best["net_percent"], 3, " %")}'
        f"{'<span class=star> ★</span>' if best['pays'] else ''}</td><td>{way}</td>{cells}"
    )


def _cell(quote: Json | None, venue: str, best: Json | None) -> str:
    if quote is None or quote["bid"] is None:
        return f'<td class="n">{words.DASH}</td>'
    bid, ask = words.figure(quote["bid"]), words.figure(quote["ask"])
    sell_here = best is not None and best["sell_venue"] == venue
    buy_here = best is not None and best["buy_venue"] == venue
    return (
        f'<td class="n quote"><span class="tick{" best-sell" if sell_here else ""}">{bid}</span>'
        f'<span class="tick{" best-buy" if buy_here else ""}">{ask}</span></td>'
    )


async def market(page: Page, symbol: str) -> None:
    body = await page.desk.get(f"/api/desk/markets/{symbol}")
    venues = [quote["venue"] for quote in body["quotes"]]
    ui.html(
        f'<h1>{words.text(body["symbol"])} <small><a href="{ROOT}/markets">all markets</a></small>'
        "</h1>",
        sanitize=False,
    )
    with ui.element("div").classes("grid two"):
        with ui.element("section").classes("card wide"):
            with ui.element("div").classes("head"):
                ui.html("<h2>Candles</h2>", sanitize=False)
                venue = ui.select(venues, value=venues[0], label="Venue").props("dense outlined")
                interval = ui.toggle(_INTERVALS, value="1m").props("dense unelevated no-caps")
            chart = charts.candles()
        with ui.element("section").classes("card"):
            ui.html("<h2>Books</h2>", sanitize=False)
            page.region("books", books(body))
            page.region("depth", depth(body))
        with ui.element("section").classes("card"):
            ui.html("<h2>Every pair of venues</h2>", sanitize=False)
            page.region("pairs", pairs(body))

    async def draw() -> None:
        found = await page.desk.get(
            f"/api/desk/candles/{body['name']}", venue=venue.value, interval=interval.value
        )
        charts.draw_candles(chart, found)

    def follow(news: Json) -> None:
        page.show("books", books(news))
        page.show("depth", depth(news))
        page.show("pairs", pairs(news))

    venue.on_value_change(draw)
    interval.on_value_change(draw)
    topic = f"market:{body['name']}"
    followed = f"market:{body['symbol']}"
    page.follow(topic, follow)
    page.follow(followed, follow)
    page.reread({topic, followed}, draw, every_s=_CANDLES_EVERY_S)
    await draw()


def books(body: Json) -> str:
    asks = [quote["ask"] for quote in body["quotes"] if quote["ask"] is not None]
    bids = [quote["bid"] for quote in body["quotes"] if quote["bid"] is not None]
    lowest, highest = min(asks, default=None), max(bids, default=None)
    rows = [
        [
            words.text(quote["venue"]),
            words.figure(quote["bid_size"], 4),
            _mark(quote["bid"], highest, "best-sell"),
            _mark(quote["ask"], lowest, "best-buy"),
            words.figure(quote["ask_size"], 4),
            words.lasted(quote["age_ms"]),
        ]
        for quote in body["quotes"]
    ]
    heads = ["Venue", "#Bid size", "#Bid", "#Ask", "#Ask size", "#Age"]
    return words.table(heads, rows, "No quote.", "Top of each venue's book")


def depth(body: Json) -> str:
    """Each venue's levels side by side; nothing where no venue tells any."""
    made = []
    for book in body["depth"]:
        both = list(zip_longest(book["bids"][:_LEVELS], book["asks"][:_LEVELS]))
        rows = [[*_level(bid), *reversed(_level(ask))] for bid, ask in both]
        heads = ["#Bid", "#Bid size", "#Ask size", "#Ask"]
        made.append(words.table(heads, rows, "Empty.", f"Depth at {book['venue']}"))
    return "".join(made)


def _level(level: Json | None) -> tuple[str, str]:
    if level is None:
        return "", ""
    return words.figure(level["price"]), words.figure(level["size"], 4)


def _mark(price: float | None, best: float | None, name: str) -> str:
    marked = f" {name}" if price is not None and price == best else ""
    return f'<span class="tick{marked}">{words.figure(price)}</span>'


def pairs(body: Json) -> str:
    rows = [
        [
            words.text(pair["buy_venue"]),
            words.text(pair["sell_venue"]),
            words.figure(pair["buy_price"]),
            words.figure(pair["sell_price"]),
            words.signed(pair["net_percent"], 3, " %"),
            words.pill("pays", "good") if pair["pays"] else "",
        ]
        for pair in body["pairs"]
    ]
    heads = ["Buy on", "Sell on", "#Buy at", "#Sell at", "#Net", ""]
    return words.table(heads, rows, "Fewer than two quotes.", "Net of fees and slippage tolerance")

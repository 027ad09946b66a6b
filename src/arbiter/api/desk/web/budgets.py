"""Budgets: allocated, reserved and available of each strategy and currency, edited in place."""

from nicegui import ui

from arbiter.api.desk.web import words
from arbiter.api.desk.web.client import Json
from arbiter.api.desk.web.page import Page

_CURRENCIES = ("USDT", "USDC", "USD")


async def budgets(page: Page) -> None:
    registry = await page.desk.get("/api/budget/registry")
    strategies = await page.desk.get("/api/trading/strategies")
    ui.html(
        '<p class="muted lead">A plan that does not fit its strategy\'s budget is denied before it '
        "reaches a venue. What is reserved works in open orders and positions.</p>",
        sanitize=False,
    )
    cards = ui.element("div").classes("grid budgets")
    shown: set[tuple[str, str]] = set()

    def draw(news: Json) -> None:
        for strategy, currency, figures in _each(news):
            name = f"budget-{strategy}-{currency}"
            if (strategy, currency) in shown:
                page.show(name, bars(figures))
                continue
            shown.add((strategy, currency))
            with cards:
                _card(page, name, strategy, figures)

    draw(registry)
    page.follow("budgets", draw)
    if page.can_trade:
        _new(page, strategies)


def _each(registry: Json) -> list[tuple[str, str, Json]]:
    found = [
        (strategy, currency, figures)
        for strategy, budgets_of in registry.items()
        for currency, figures in budgets_of.items()
    ]
    return sorted(found, key=lambda each: (each[2]["strategy_name"], each[1]))


def _card(page: Page, name: str, strategy: str, figures: Json) -> None:
    currency = figures["currency"]
    title = f"{words.text(figures['strategy_name'])} <small>{words.text(currency)}</small>"
    with ui.element("section").classes("card"):
        ui.html(f"<h2>{title}</h2>", sanitize=False)
        page.region(name, bars(figures))
        if not page.can_trade:
            return
        with ui.element("div").classes("actions edit"):
            amount = ui.number("Allocated", value=figures["allocated"], min=0)
            amount.props(f'dense outlined data-name="{name}-amount"')
            save = (
                ui.button("Save", color=None)
                .classes("primary")
                .props(f'unelevated no-caps data-name="{name}-save"')
            )
            drop = ui.button("No limit", color=None).classes("plain").props("flat no-caps")

        async def put() -> None:
            if amount.value is None:
                page.tell("Say how much is allocated", "warning")
                return
            body = {"allocated": amount.value}
            work = page.desk.put(f"/api/budget/{strategy}/{currency}", body)
            await page.attempt(work, f"{currency} budget saved")

        async def remove() -> None:
            work = page.desk.delete(f"/api/budget/{strategy}/{currency}")
            await page.attempt(work)

        save.on_click(put)
        amount.on("keydown.enter", put)
        drop.on_click(remove)


def _new(page: Page, strategies: list[Json]) -> None:
    names = {each["id"]: each["name"] for each in strategies}
    with ui.element("section").classes("card"):
        ui.html("<h2>Another budget</h2>", sanitize=False)
        with ui.element("div").classes("actions edit"):
            who = ui.select(names, value=next(iter(names), None), label="Strategy")
            who.props("dense outlined")
            currency = ui.select(list(_CURRENCIES), value=_CURRENCIES[0], label="Currency")
            currency.props("dense outlined")
            amount = ui.number("Allocated", min=0).props("dense outlined")
            save = ui.button("Set", color=None).classes("primary").props("unelevated no-caps")

    async def put() -> None:
        if amount.value is None:
            page.tell("Say how much is allocated", "warning")
            return
        path = f"/api/budget/{who.value}/{currency.value}"
        await page.attempt(page.desk.put(path, {"allocated": amount.value}), "Budget set")

    save.on_click(put)


def bars(figures: Json) -> str:
    allocated, reserved = figures["allocated"], figures["reserved"]
    used = 0.0 if not allocated else reserved / allocated
    level = "good" if used < 0.8 else "warn" if used < 1 else "bad"
    meter = "" if allocated is None else words.bar(used, level, "Part of the budget in use")
    limit = "no limit" if allocated is None else words.figure(allocated, 2)
    return (
        f'{meter}<dl class="figures"><dt>Allocated</dt><dd class="allocated">{limit}</dd>'
        f'<dt>Reserved</dt><dd class="reserved">{words.figure(reserved, 2)}</dd>'
        f'<dt>Available</dt><dd class="available">{words.figure(figures["available"], 2)}</dd>'
        f"<dt>Realized PnL</dt><dd>{words.signed(figures['realized_pnl'])}</dd>"
        f"<dt>Fees</dt><dd>{words.figure(figures['total_fees'], 4)}</dd></dl>"
    )

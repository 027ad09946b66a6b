"""The pages in a real browser: what they show is what the REST says, what they do is done."""

import csv
import io
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.surfaces.desk_web.conftest import DeskEngine, figures, live, until
from tests.surfaces.desk_web.contrast import too_faint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATHS = ("/", "/markets", "/trades", "/orders", "/holdings", "/budgets", "/agents", "/risk")


@pytest.fixture(scope="module")
def engine(make_desk_engine: Callable[..., DeskEngine]) -> DeskEngine:
    """An engine that has traded; its strategies are stopped, so that figures stand still."""
    made = make_desk_engine()
    with httpx.Client(base_url=made.desk, timeout=20.0) as client:
        until(lambda: int(client.get("/api/desk/overview").json()["trades_today"]) >= 5)
        for strategy in client.get("/api/trading/strategies").json():
            path = f"/api/desk/strategies/{strategy['id']}"
            client.put(path, json={"running": False}).raise_for_status()
        until(lambda: client.get("/api/desk/overview").json()["open_trades"] == 0)
    return made


def strategy_of(client: httpx.Client) -> str:
    named = {each["name"]: each["id"] for each in client.get("/api/trading/strategies").json()}
    found: str = named["spot-arbitrage"]
    return found


def turn(client: httpx.Client, *, running: bool) -> None:
    path = f"/api/desk/strategies/{strategy_of(client)}"
    client.put(path, json={"running": running}).raise_for_status()


def get(client: httpx.Client, path: str, **query: str | int) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_root_leads_to_the_overview_and_its_figures_are_the_rests(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    page.goto(engine.desk)
    expect(page).to_have_title("Overview · Arbiter")
    page.locator('[data-name="link"] .good').wait_for()

    def tiles_are_the_rests() -> bool:
        body = get(rest, "/api/desk/overview")
        shown = figures(page, '[data-name="tiles"]')
        return shown[:4] == [body["pnl_today"], body["pnl_total"], body["trades_today"], 0]

    until(tiles_are_the_rests)
    body = get(rest, "/api/desk/overview")
    assert figures(page, '[data-name="families"]') == [
        figure for each in body["families"] for figure in (each["pnl_today"], each["trades_today"])
    ]
    names = page.locator('[data-name="venues"] tbody tr td:first-child').all_inner_texts()
    assert names == [venue["venue"] for venue in body["venues"]]
    usage = figures(page, '[data-name="usage"]')
    assert usage == [part for each in body["risk"] for part in (each["used"], each["limit"])]


def test_the_overview_moves_by_itself(page: Page, engine: DeskEngine) -> None:
    live(page, "/", engine.desk)
    first = figures(page, '[data-name="tiles"]')[6]
    until(lambda: figures(page, '[data-name="tiles"]')[6] > first)


def test_equity_chart_ends_at_the_rests_last_point(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    live(page, "/", engine.desk)
    last = get(rest, "/api/desk/equity", period="day")["points"][-1]["cumulative_pnl"]
    data = "getElement(parseInt(document.querySelector('.chart').id.slice(1))).chart"
    page.wait_for_function(f"() => {data}.getOption().series[0].data.length > 1")
    drawn = page.evaluate(f"() => {data}.getOption().series[0].data.at(-1)[1]")
    assert drawn == pytest.approx(last, abs=1e-6)


def test_the_matrix_shows_each_venues_live_quotes(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    live(page, "/markets", engine.desk)
    rows = sorted(get(rest, "/api/desk/markets")["rows"], key=lambda row: str(row["name"]))
    symbols = page.locator(".matrix tbody th").all_inner_texts()
    assert symbols == [row["symbol"] for row in rows]

    for head in ("Best net", "Buy → sell"):
        expect(page.get_by_role("columnheader", name=head)).to_be_in_viewport(ratio=1)

    equal: set[str] = set()

    def every_venue_was_seen_equal() -> bool:
        said = get(rest, f"/api/desk/markets/{rows[0]['name']}")["quotes"]
        shown = figures(page, '[data-name="row-0"] .quote')
        equal.update(
            quote["venue"]
            for at, quote in enumerate(said)
            if shown[2 * at : 2 * at + 2] == [quote["bid"], quote["ask"]]
        )
        return equal == {quote["venue"] for quote in said}

    until(every_venue_was_seen_equal)


def test_a_click_on_a_symbol_opens_its_books_and_candles(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    live(page, "/markets", engine.desk)
    page.get_by_role("link", name="BTC/USDT", exact=True).click()
    expect(page).to_have_title("Market · Arbiter")
    page.locator('[data-name="books"] tbody').wait_for()
    venues = page.locator('[data-name="books"] tbody td:first-child').all_inner_texts()
    assert venues == [q["venue"] for q in get(rest, "/api/desk/markets/BTCUSDT")["quotes"]]
    bars = "getElement(parseInt(document.querySelector('.chart').id.slice(1))).chart"
    page.wait_for_function(f"() => {bars} && {bars}.getOption().series[0].data.length > 10")


def test_trades_and_their_stories_are_the_rests(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    live(page, "/trades", engine.desk)
    said = get(rest, "/api/desk/trades", limit=50)
    numbers = page.locator('[data-name="trades"] tbody td:first-child').all_inner_texts()
    assert numbers == [str(trade["id"]) for trade in said]
    first = figures(page, '[data-name="trades"] tbody tr:first-child')
    assert said[0]["pnl"] in first
    assert said[0]["fees"] in first
    assert all(leg["planned_price"] in first for leg in said[0]["legs"])
    signals = page.locator('[data-name="signals"] tbody tr')
    assert signals.count() == len(get(rest, "/api/desk/signals", limit=50))
    page.locator('[data-name="trades"] tbody a').first.click()
    page.locator(".timeline li").first.wait_for()
    story = get(rest, f"/api/desk/trades/{said[0]['id']}")
    told = page.locator(".timeline li span:last-child").all_inner_texts()
    assert told == [step["text"] for step in story["timeline"]]
    legs = page.locator(".timeline li .at b").all_inner_texts()
    assert legs == [step["leg"] or "" for step in story["timeline"]]


def test_orders_can_be_filtered_and_taken_away(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    live(page, "/orders", engine.desk)
    ids = page.locator('[data-name="orders"] tbody code')
    said = get(rest, "/api/trading/orders", limit=50)
    assert ids.all_inner_texts() == [order["client_order_id"] for order in said]
    fills = page.locator('[data-name="fills"] tbody tr')
    assert fills.count() == len(get(rest, "/api/trading/fills", limit=50))
    instrument = said[0]["instrument_id"]
    page.get_by_label("Instrument").first.fill(instrument.lower())
    wanted = get(rest, "/api/trading/orders", instrument_id=instrument, limit=50)
    expect(ids).to_have_count(len(wanted))
    assert ids.all_inner_texts() == [order["client_order_id"] for order in wanted]
    with page.expect_download() as download:
        page.locator('[data-name="orders-csv"] a').click()
    text = download.value.path().read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["instrument_id"] for row in rows} == {instrument}


def test_balances_are_the_rests(page: Page, engine: DeskEngine, rest: httpx.Client) -> None:
    live(page, "/holdings", engine.desk)
    said = get(rest, "/api/desk/balances")["balances"]
    totals = figures(page, '[data-name="balances"] td:nth-child(3)')
    assert totals == [balance["total"] for balance in said]
    free = figures(page, '[data-name="balances"] td:nth-child(4)')
    assert free == [balance["free"] for balance in said]


def test_a_budget_edited_on_the_page_is_enforced_and_its_denials_are_told_in_words(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    strategy = strategy_of(rest)
    live(page, "/budgets", engine.desk)
    name = f"budget-{strategy}-USDT"
    page.locator(f'input[data-name="{name}-amount"]').fill("1")
    page.locator(f'[data-name="{name}-save"]').click()
    budget = f"/api/budget/{strategy}?currency=USDT"  # until it is saved there is none
    until(lambda: rest.get(budget).json().get("allocated") == 1)
    until(lambda: figures(page, f'[data-name="{name}"] .allocated') == [1.0])
    turn(rest, running=True)
    until(lambda: bool(get(rest, "/api/trading/orders", status="DENIED")))
    turn(rest, running=False)
    until(lambda: get(rest, "/api/desk/overview")["open_trades"] == 0)
    denied = get(rest, "/api/trading/orders", status="DENIED")[0]["client_order_id"]
    live(page, "/orders", engine.desk)
    page.locator('[data-name="status"]').locator("xpath=ancestor-or-self::label").click()
    page.get_by_role("option", name="Denied").click()
    row = page.locator('[data-name="orders"] tbody tr', has_text=denied)
    words = get(rest, f"/api/trading/orders/{denied}/deny-reason")["explanation"]
    expect(row).to_contain_text(words)
    rest.put(f"/api/budget/{strategy}/USDT", json={"allocated": 1_000_000}).raise_for_status()


def test_the_kill_switch_stops_the_engine_until_it_is_released(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    turn(rest, running=True)
    live(page, "/risk", engine.desk)
    page.get_by_role("button", name="Kill switch").click()
    confirm = page.get_by_role("button", name="Stop everything")
    expect(confirm).to_be_disabled()
    page.get_by_label("Reason").fill("a drill")
    confirm.click()
    proof = page.locator('[data-name="proof"] tbody tr td:first-child')
    venues = {venue["venue"] for venue in get(rest, "/api/desk/overview")["venues"]}
    expect(proof).to_have_count(len(venues))
    assert set(proof.all_inner_texts()) == venues
    latch = get(rest, "/api/desk/kill-switch")
    assert latch["engaged"]
    assert latch["reason"] == "a drill"
    page.get_by_role("button", name="Close").last.click()
    expect(page.locator(".latch")).to_contain_text("a drill")
    done = get(rest, "/api/trading/summary")["trades"]
    expect(page.locator('[data-name="audit"]')).to_contain_text("kill", ignore_case=True)
    seen = get(rest, "/api/desk/overview")["quotes_total"]
    until(lambda: get(rest, "/api/desk/overview")["quotes_total"] > seen + 2_000)
    assert get(rest, "/api/desk/overview")["status"] == "killed"
    assert get(rest, "/api/trading/summary")["trades"] == done
    page.get_by_role("button", name="Release").first.click()
    page.locator('[data-name="release-confirm"]').click()
    until(lambda: not get(rest, "/api/desk/kill-switch")["engaged"])
    expect(page.locator(".latch")).to_have_count(0)
    turn(rest, running=False)
    until(lambda: get(rest, "/api/desk/overview")["open_trades"] == 0)


def test_limits_and_audit_are_the_rests(page: Page, engine: DeskEngine, rest: httpx.Client) -> None:
    turn(rest, running=False)
    live(page, "/risk", engine.desk)
    assert figures(page, '[data-name="limits"]') == list(
        get(rest, "/api/desk/risk")["limits"].values()
    )
    rows = page.locator('[data-name="audit"] tbody tr')
    assert rows.count() == len(get(rest, "/api/trading/audit", limit=50))


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_text_stands_out_as_much_as_aa_asks(
    engine: DeskEngine, browser: Browser, scheme: Any
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1400, "height": 900})
    opened = context.new_page()
    for path in PATHS:
        live(opened, path, engine.desk)
        looked_at, faint = too_faint(opened)
        assert looked_at > 20
        assert not faint, (path, faint)
    context.close()


def test_the_keyboard_reaches_pages_kill_switch_and_content(page: Page, engine: DeskEngine) -> None:
    live(page, "/", engine.desk)
    reached = []
    for _ in range(24):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "() => (document.activeElement.innerText || document.activeElement.ariaLabel || '')"
                ".trim().split('\\n')[0]"
            )
        )
    for name in ("Skip to the content", "Markets", "Risk", "Kill switch", "Week"):
        assert name in reached
    page.goto(f"{engine.desk}/ui/")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Markets · Arbiter")


def test_a_phone_scrolls_no_page_sideways(engine: DeskEngine, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    opened = context.new_page()
    for path in PATHS:
        live(opened, path, engine.desk)
        wide = opened.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= 390, path
        expect(opened.locator("nav [aria-current]")).to_be_in_viewport(ratio=1)
        expect(opened.locator('[data-name="facts"]').get_by_text("sim")).to_be_visible()
    context.close()


def test_a_phone_shows_pnl_without_scrolling_a_table(
    engine: DeskEngine, browser: Browser, rest: httpx.Client
) -> None:
    newest = get(rest, "/api/desk/trades", limit=50)[0]
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    opened = context.new_page()
    live(opened, "/trades", engine.desk)
    cell = opened.locator('[data-name="trades"] tbody tr:first-child td.pin')
    cell.scroll_into_view_if_needed()
    table = opened.locator('[data-name="trades"] .scroll')
    assert table.evaluate("each => each.scrollWidth > each.clientWidth && each.scrollLeft === 0")
    expect(cell).to_be_in_viewport(ratio=1)
    assert figures(opened, '[data-name="trades"] tbody tr:first-child td.pin') == [newest["pnl"]]
    context.close()


def test_an_address_without_a_page_is_told_in_the_desks_look(
    engine: DeskEngine, browser: Browser, rest: httpx.Client
) -> None:
    for path in ("/ui/nothing", "/ui/trades/none", "/ui/agents/none"):
        answer = rest.get(path)
        assert answer.status_code == 404
        assert "No such page" in answer.text
    context = browser.new_context()  # its console tells the 404 as an error
    opened = context.new_page()
    opened.goto(f"{engine.desk}/ui/nothing")
    opened.get_by_role("link", name="To the overview").click()
    expect(opened).to_have_title("Overview · Arbiter")
    context.close()


def test_no_other_page_may_hold_the_pages_in_a_frame(rest: httpx.Client) -> None:
    answer = rest.get("/ui/")
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_what_is_not_there_stays_the_rests_to_say(rest: httpx.Client) -> None:
    assert rest.get("/api/desk/nothing").json() == {"detail": "Not Found"}
    assert rest.post("/api/trading/orders").status_code == 405

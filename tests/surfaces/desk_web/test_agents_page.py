"""The agents' pages and the funding collected, in a real browser over an engine that has both."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.surfaces.desk_web.conftest import DeskEngine, figures, live, until
from tests.surfaces.desk_web.contrast import too_faint
from tests.surfaces.spot.harness import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
STILL_S = 6.0
"""More than two turns of the agents: a vote that was under way has been kept by then."""


@pytest.fixture(scope="module")
def engine(make_desk_engine: Callable[..., DeskEngine]) -> DeskEngine:
    """An engine whose agents have voted and whose pairs were paid; then all of it stands still."""
    port = free_port()
    made = make_desk_engine(
        ARBITER__LISTEN__AGENTS_ENABLED="true",
        ARBITER__LISTEN__AGENTS_PORT=str(port),
        ARBITER__AGENTS__VOTE_EVERY_SECONDS="2",
        ARBITER__AGENTS__SCHEDULE__TREND="2",
        ARBITER__AGENTS__SCHEDULE__REVERSION="2",
        ARBITER__AGENTS__SCHEDULE__TECHNICAL="2",
        ARBITER__SIM__PERPETUALS__SYMBOLS="2",
        ARBITER__SIM__TIME_SCALE="3600",
        ARBITER__FUNDING__ENABLED="true",
    )
    agents = f"http://127.0.0.1:{port}/api/v1"
    with httpx.Client(timeout=20.0) as client:

        def asked(path: str, **query: str) -> Any:
            return client.get(f"{made.desk}/api/desk{path}", params=query).json()

        client.post(
            f"{agents}/trade/start", json={"symbol": "BTC/USDT", "initial_capital": 10_000.0}
        ).raise_for_status()
        until(lambda: len(asked("/decisions", type="consensus")) >= 3)
        until(lambda: asked("/funding")["payments"] >= 4)
        for strategy in client.get(f"{made.desk}/api/trading/strategies").json():
            path = f"{made.desk}/api/desk/strategies/{strategy['id']}"
            client.put(path, json={"running": False}).raise_for_status()
        newest, since = "", time.monotonic()

        def stands_still() -> bool:
            nonlocal newest, since
            before, newest = newest, asked("/decisions")[0]["id"]
            if newest != before:
                since = time.monotonic()
            return time.monotonic() - since > STILL_S

        until(stands_still)
    return made


def get(client: httpx.Client, path: str, **query: str | int) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_agents_sessions_and_decisions_are_the_rests(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    live(page, "/agents", engine.desk)
    said = get(rest, "/api/desk/agents")
    names = page.locator('[data-name="agents"] tbody td:first-child').all_inner_texts()
    assert names == [agent["name"] for agent in said["agents"]]
    signals = figures(page, '[data-name="agents"]')
    assert signals == [agent["signals"] for agent in said["agents"]]
    (session,) = said["sessions"]
    assert session["state"] == "PAUSED"
    expect(page.locator('[data-name="sessions"] .pill')).to_have_text("paused")
    assert figures(page, '[data-name="sessions"]')[0] == session["initial_capital"]
    rows = get(rest, "/api/desk/decisions", limit=50)
    lines = page.locator('[data-name="decisions"] tbody tr')
    expect(lines).to_have_count(len(rows))
    shown = figures(page, '[data-name="decisions"] td:nth-child(5)')
    assert shown == [row["confidence"] for row in rows]
    moments = page.locator('[data-name="decisions"] time').evaluate_all(
        "all => all.map(each => each.dateTime)"
    )
    assert moments == [row["ts"] for row in rows]


def test_decisions_are_filtered_by_agent_and_kind(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    live(page, "/agents", engine.desk)
    page.get_by_label("Agent", exact=True).click()
    page.get_by_role("option", name="orchestrator").click()
    wanted = get(rest, "/api/desk/decisions", agent="orchestrator", limit=50)
    lines = page.locator('[data-name="decisions"] tbody tr')
    expect(lines).to_have_count(len(wanted))
    agents = page.locator('[data-name="decisions"] td:nth-child(2)').all_inner_texts()
    assert set(agents) == {"orchestrator"}


def test_a_decision_tells_its_reasoning_votes_and_similar_ones(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    vote = get(rest, "/api/desk/decisions", type="consensus", limit=1)[0]["id"]
    live(page, f"/agents/{vote}", engine.desk)
    expect(page).to_have_title("Decision · Arbiter")
    story = get(rest, f"/api/desk/decisions/{vote}")
    expect(page.locator('[data-name="reasoning"]')).to_have_text(story["decision"]["reasoning"])
    voters = page.locator('[data-name="votes"] tbody td:first-child').all_inner_texts()
    assert voters == [each["agent"] for each in story["votes"]]
    assert len(voters) >= 2
    cast = figures(page, '[data-name="votes"] tbody')
    assert cast == [each["confidence"] for each in story["votes"]]
    alike = figures(page, '[data-name="similar"] td:nth-child(5)')
    assert alike == [each["similarity"] for each in story["similar"]]
    assert len(alike) == 10
    page.locator('[data-name="similar"] tbody a').first.click()
    page.wait_for_url(f"**/agents/{story['similar'][0]['id']}")
    nearest = get(rest, f"/api/desk/decisions/{story['similar'][0]['id']}")
    expect(page.locator('[data-name="reasoning"]')).to_have_text(nearest["decision"]["reasoning"])


def test_funding_collected_is_the_rests_pair_by_pair(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    live(page, "/holdings", engine.desk)

    def equal() -> bool:
        said = get(rest, "/api/desk/funding")
        collected = figures(page, '[data-name="funding"] td:nth-child(8)')
        cumulative = figures(page, '[data-name="funding"] td:nth-child(9)')
        total = figures(page, '[data-name="funding-total"]')
        return (
            collected == [row["funding_collected"] for row in said["pairs"]] != []
            and cumulative == [row["cumulative"] for row in said["pairs"]]
            and total == [said["funding_collected"], said["payments"], said["pairs_total"]]
        )

    until(equal)


def test_a_decision_that_is_not_there_is_told(
    engine: DeskEngine, browser: Browser, rest: httpx.Client
) -> None:
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(f"{engine.desk}/ui/agents/0d4f6c1e-9a53-5c0b-8f5e-6f0d1f6affff")
    expect(opened.locator("main .bad")).to_contain_text("there is no decision")
    context.close()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_text_of_the_agents_stands_out_as_much_as_aa_asks(
    engine: DeskEngine, browser: Browser, rest: httpx.Client, scheme: Any
) -> None:
    vote = get(rest, "/api/desk/decisions", type="consensus", limit=1)[0]["id"]
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1400, "height": 900})
    opened = context.new_page()
    for path in ("/agents", f"/agents/{vote}", "/holdings"):
        live(opened, path, engine.desk)
        looked_at, faint = too_faint(opened)
        assert looked_at > 20
        assert not faint, (path, faint)
    context.close()


def test_the_keyboard_reaches_filters_decisions_and_their_texts(
    page: Page, engine: DeskEngine, rest: httpx.Client
) -> None:
    live(page, "/agents", engine.desk)
    page.locator('[data-name="decisions"] tbody a').first.wait_for()
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "() => { const one = document.activeElement;"
                " return one.getAttribute('href') || one.getAttribute('aria-label') || one.id; }"
            )
        )
        if "/ui/agents/" in (reached[-1] or ""):
            break
    assert "Decisions, newest first" in reached
    assert "/ui/agents/" in reached[-1]
    page.keyboard.press("Enter")
    expect(page).to_have_title("Decision · Arbiter")


def test_a_phone_scrolls_no_agents_page_sideways(
    engine: DeskEngine, browser: Browser, rest: httpx.Client
) -> None:
    vote = get(rest, "/api/desk/decisions", type="consensus", limit=1)[0]["id"]
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    opened = context.new_page()
    for path in ("/agents", f"/agents/{vote}", "/holdings"):
        live(opened, path, engine.desk)
        wide = opened.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= 390, path
    context.close()

"""The pages with authentication on: a log-in page, and a session that ends."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.surfaces.desk_web.conftest import DeskEngine, live

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def engine(make_desk_engine: Callable[..., DeskEngine]) -> DeskEngine:
    made = make_desk_engine(ARBITER__LISTEN__DESK_AUTH_REQUIRED="true")
    for name in ("trader", "viewer"):
        made.command("users", "add", name, "--role", name, told=f"{PASSWORD}\n")
    return made


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_stranger_is_sent_to_sign_in_and_a_wrong_password_stays_there(
    page: Page, engine: DeskEngine
) -> None:
    page.goto(f"{engine.desk}/ui/trades")
    expect(page).to_have_title("Sign in · Arbiter")
    sign_in(page, "trader", "not the password")
    expect(page.get_by_role("alert")).to_contain_text("wrong")


def test_a_trader_signs_in_acts_under_their_name_and_signs_out(
    page: Page, engine: DeskEngine
) -> None:
    page.goto(f"{engine.desk}/ui/")
    sign_in(page, "trader", PASSWORD)
    expect(page).to_have_title("Overview · Arbiter")
    live(page, "/risk", engine.desk)
    page.get_by_role("button", name="Stop", exact=True).first.click()
    expect(page.locator('[data-name="audit"]')).to_contain_text("trader")
    assert not any(PASSWORD in cookie["value"] for cookie in page.context.cookies())
    assert all(cookie["httpOnly"] for cookie in page.context.cookies())
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title("Sign in · Arbiter")
    page.goto(f"{engine.desk}/ui/")
    expect(page).to_have_title("Sign in · Arbiter")


def test_a_viewer_sees_everything_and_is_offered_nothing_that_changes(
    page: Page, engine: DeskEngine
) -> None:
    page.goto(f"{engine.desk}/ui/")
    sign_in(page, "viewer", PASSWORD)
    expect(page).to_have_title("Overview · Arbiter")
    live(page, "/budgets", engine.desk)
    assert page.get_by_role("button", name="Kill switch").count() == 0
    assert page.get_by_role("button", name="Save").count() == 0


def test_a_listing_is_not_taken_away_without_signing_in(engine: DeskEngine) -> None:
    assert httpx.get(f"{engine.desk}/ui/export/orders.csv").status_code == 401

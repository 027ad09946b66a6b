"""The desk over TLS: REST, stream and pages, in a browser that trusts its certificate."""

import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.surfaces.desk_web.conftest import DeskEngine, live
from tests.surfaces.spot.test_tls import self_signed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_pages_live_behind_a_certificate_of_the_desks_own(
    make_desk_engine: Callable[..., DeskEngine], browser: Browser, tmp_path: Path
) -> None:
    cert, key = self_signed(tmp_path)
    engine = make_desk_engine(
        ARBITER__LISTEN__DESK_SSL_CERT=str(cert), ARBITER__LISTEN__DESK_SSL_KEY=str(key)
    )
    assert engine.desk.startswith("https://")
    with httpx.Client(verify=ssl.create_default_context(cafile=str(cert))) as client:
        assert client.get(f"{engine.desk}/health").json() == {"status": "ok"}
    with pytest.raises(httpx.TransportError):
        httpx.get(engine.desk.replace("https", "http") + "/health")
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    live(page, "/", engine.desk)
    expect(page.locator('[data-name="venues"] tbody tr').first).to_be_visible()
    cookies = {cookie["name"]: cookie["secure"] for cookie in context.cookies()}
    assert cookies["arbiter-desk"]
    context.close()

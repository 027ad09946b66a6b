"""A trading engine with its desk on a port, and Debian's Chromium in front of it."""

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from arbiter.storage import migrate
from tests.fakes.postgres import PostgresForTests, postgres_server
from tests.surfaces.spot.harness import LIVELY, OTHERS_OFF, free_port

__all__ = ["postgres_server"]

CHROMIUM = "/usr/bin/chromium"
expect.set_options(timeout=60_000)  # it waits for what is to come; a busy browser takes its time
ARBITER = (str(Path(sys.executable).with_name("arbiter")),)


class DeskEngine:
    """`arbiter up` in a process of its own; `desk` is where its desk listens."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        certificate = environment.get("ARBITER__LISTEN__DESK_SSL_CERT")
        self._trust = ssl.create_default_context(cafile=certificate)
        scheme = "http" if certificate is None else "https"
        self.desk = f"{scheme}://127.0.0.1:{environment['ARBITER__LISTEN__DESK_PORT']}"
        self._environment = {**os.environ, **environment}
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*ARBITER, "up", "--no-view"], env=self._environment, stdout=output, stderr=output
            )

    def serves(self) -> bool:
        assert self._process.poll() is None, f"the engine ended:\n{self.log_tail()}"
        try:
            return httpx.get(f"{self.desk}/ui/login", verify=self._trust).status_code == 200
        except httpx.TransportError:
            return False

    def command(self, *words: str, told: str) -> None:
        subprocess.run(
            [*ARBITER, *words], env=self._environment, input=told, text=True, check=True, timeout=60
        )

    def log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-4_000:]

    def stop(self) -> None:
        self._process.terminate()
        assert self._process.wait(90) == 0, self.log_tail()


async def _migrate(url: str) -> None:
    await migrate.upgrade(url)


def until(holds: Callable[[], bool], seconds: float = 90.0) -> None:
    """Ask again until something holds: what browser and venues do cannot be waited for otherwise."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def make_desk_engine(
    postgres_server: PostgresForTests, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., DeskEngine]]:
    postgres_server.build_template("desk-web", _migrate)
    with postgres_server.fresh(template="desk-web") as database:
        made: list[DeskEngine] = []

        def make(**changes: str) -> DeskEngine:
            home = tmp_path_factory.mktemp("home", numbered=True)
            home.chmod(0o700)
            settings = {
                "ARBITER_HOME": str(home),
                "DATABASE_URL": database.url,
                **LIVELY,
                **OTHERS_OFF,
                "ARBITER__SIM__QUOTES_PER_SECOND": "200",
                "ARBITER__LISTEN__SPOT_ENABLED": "false",
                "ARBITER__LISTEN__DESK_ENABLED": "true",
                "ARBITER__LISTEN__DESK_WEB_ENABLED": "true",
                "ARBITER__LISTEN__DESK_PORT": str(free_port()),
                "ARBITER__SPOT__MAX_TRADES_PER_HOUR": "10000",
            }
            engine = DeskEngine(settings | changes, home / "log.txt")
            made.append(engine)
            until(engine.serves)
            return engine

        yield make
        for engine in made:
            engine.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def rest(engine: DeskEngine) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=engine.desk, timeout=20.0) as client:
        yield client


@pytest.fixture
def page(engine: DeskEngine, browser: Browser) -> Iterator[Page]:
    """A fresh browser's page; the console stays clean and no other host is asked for anything."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="dark")
    opened = context.new_page()
    errors: list[str] = []
    strangers: list[str] = []
    here = urlsplit(engine.desk).netloc

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    def asked(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != here:
            strangers.append(request.url)

    opened.on("console", heard)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("request", asked)
    opened.on("websocket", lambda socket: _same(socket.url, here, strangers))
    yield opened
    context.close()
    assert not errors
    assert not strangers


def _same(url: str, here: str, strangers: list[str]) -> None:
    if urlsplit(url).netloc != here:
        strangers.append(url)


def live(page: Page, path: str, desk: str) -> None:
    """Open one page and return once its stream flows."""
    page.goto(f"{desk}/ui{path}")
    page.locator('[data-name="link"] .good').wait_for(state="attached")


def figures(page: Page, selector: str) -> list[float]:
    """The exact values behind the figures shown there."""
    found = page.locator(f"{selector} data").evaluate_all("all => all.map(each => each.value)")
    return [float(value) for value in found]

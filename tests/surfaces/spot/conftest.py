"""Engines for the tests of the spot API: a shared one that trades, and fresh ones to break."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import limits.storage.memory
import pytest

from arbiter.storage import migrate
from tests.fakes.postgres import FreshDatabase, PostgresForTests, postgres_server
from tests.surfaces.spot.harness import LiveEngine

__all__ = ["postgres_server"]


async def build(url: str) -> None:
    await migrate.upgrade(url)


class MakeEngine:
    """Makes engines with settings of their own."""

    def __init__(self, server: PostgresForTests, folders: pytest.TempPathFactory) -> None:
        self._server = server
        self._folders = folders
        self._made: list[tuple[LiveEngine, AbstractContextManager[FreshDatabase]]] = []

    def __call__(self, **changes: str) -> LiveEngine:
        context = self._server.fresh(template="spot")
        database = context.__enter__()
        home: Path = self._folders.mktemp("home", numbered=True)
        home.chmod(0o700)
        engine = LiveEngine(home, database.url, changes)
        self._made.append((engine, context))
        return engine.start()

    @contextmanager
    def ending(self) -> Iterator[None]:
        """What is made meanwhile is ended thereafter: its market would go on beside all that comes."""
        before = len(self._made)
        try:
            yield
        finally:
            while len(self._made) > before:
                engine, context = self._made.pop()
                engine.destroy()
                context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def make_engine(
    postgres_server: PostgresForTests, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeEngine]:
    """Make engines; those of a test end with it, those of the module's fixtures with the module."""
    postgres_server.build_template("spot", build)
    make = MakeEngine(postgres_server, tmp_path_factory)
    with make.ending():
        yield make


@pytest.fixture(autouse=True)
def _engines_of_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    if "make_engine" not in request.fixturenames:
        yield
        return
    with request.getfixturevalue("make_engine").ending():
        yield


@pytest.fixture(scope="module")
def engine(make_engine: MakeEngine) -> LiveEngine:
    """An engine that has completed some trades and goes on."""
    engine = make_engine()
    with engine.client() as client:
        until(lambda: int(client.get("/status").json()["trades_today"]) >= 3)
    until(lambda: not engine.wait_for(engine.candles_missing()))
    return engine


@pytest.fixture
def one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is counted per second is counted within the same one, however long it takes."""
    now = time.time()
    monkeypatch.setattr(limits.storage.memory, "time", SimpleNamespace(time=lambda: now))


@pytest.fixture
def client(engine: LiveEngine) -> Iterator[httpx.Client]:
    with engine.client() as client:
        yield client


def until(holds: Callable[[], bool], seconds: float = 90.0) -> None:
    """Ask again until something holds; what the venues do cannot be waited for otherwise."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)

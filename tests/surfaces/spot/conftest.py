"""Engines for the tests of the spot API: a shared one that trades, and fresh ones to break."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from arbiter.storage import migrate
from tests.fakes.postgres import PostgresForTests, postgres_server
from tests.surfaces.spot.harness import LiveEngine

__all__ = ["postgres_server"]

MakeEngine = Callable[..., LiveEngine]


async def build(url: str) -> None:
    await migrate.upgrade(url)


@pytest.fixture(scope="module")
def make_engine(
    postgres_server: PostgresForTests, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeEngine]:
    """Make engines with settings of their own; all are stopped after the module."""
    postgres_server.build_template("spot", build)
    databases, engines = [], []

    def make(**changes: str) -> LiveEngine:
        context = postgres_server.fresh(template="spot")
        database = context.__enter__()
        databases.append(context)
        home: Path = tmp_path_factory.mktemp("home", numbered=True)
        home.chmod(0o700)
        engine = LiveEngine(home, database.url, changes)
        engines.append(engine)
        return engine.start()

    yield make
    for engine in engines:
        engine.destroy()
    for context in databases:
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def engine(make_engine: MakeEngine) -> LiveEngine:
    """An engine that has completed some trades and goes on."""
    engine = make_engine()
    with engine.client() as client:
        until(lambda: int(client.get("/status").json()["trades_today"]) >= 3)
    until(lambda: not engine.wait_for(engine.candles_missing()))
    return engine


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

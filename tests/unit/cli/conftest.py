"""The command as people run it: a process of its own with a data folder of its own.

In slow tests it reads its libraries by itself; in the others they are read already.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from arbiter.storage import migrate
from tests.fakes.launcher import Launcher, Ran
from tests.fakes.postgres import PostgresForTests

KEPT = ("PATH", "PYTHONPATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "NUMBA_CACHE_DIR")

Run = Callable[..., Ran]


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    with closing(Launcher()) as launcher:
        yield launcher


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "ARBITER_HOME": str(tmp_path / "home")}


def from_nothing(
    arguments: Sequence[str], *, stdin: str, environment: Mapping[str, str], folder: Path
) -> Ran:
    """Run the command in an interpreter that has read nothing yet."""
    ended = subprocess.run(
        [sys.executable, "-c", "from arbiter.cli.main import main; main()", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=90,
        check=False,
    )
    return Ran(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def arbiter(request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path) -> Run:
    """Run `arbiter` with arguments, text for stdin, and variables beside the usual ones."""
    slow = request.node.get_closest_marker("slow") is not None
    start = from_nothing if slow else request.getfixturevalue("launcher").run

    def run(*arguments: str, stdin: str = "", **variables: str) -> Ran:
        ran: Ran = start(
            arguments, stdin=stdin, environment={**environment, **variables}, folder=tmp_path
        )
        assert "Traceback" not in ran.err
        return ran

    return run


@pytest.fixture
def with_empty_database(arbiter: Run, database_url: str) -> Run:
    """The same on an empty database of the test's own."""
    return partial(arbiter, DATABASE_URL=database_url)


@pytest.fixture
def with_database(arbiter: Run, postgres_server: PostgresForTests) -> Iterator[Run]:
    """The same on a database of the test's own, whose tables are there."""

    async def build(url: str) -> None:
        await migrate.upgrade(url)

    postgres_server.build_template("cli", build)
    with postgres_server.fresh(template="cli") as database:
        yield partial(arbiter, DATABASE_URL=database.url)

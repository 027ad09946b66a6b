"""The command as people run it: a process of its own with a data folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from arbiter.storage import migrate
from tests.fakes.postgres import PostgresForTests

KEPT = ("PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "NUMBA_CACHE_DIR")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "ARBITER_HOME": str(tmp_path / "home")}


@pytest.fixture
def arbiter(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run `arbiter` with arguments, text for stdin, and variables beside the usual ones."""

    def run(*arguments: str, stdin: str = "", **variables: str) -> Ran:
        ended = subprocess.run(
            [sys.executable, "-c", "from arbiter.cli.main import main; main()", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**environment, **variables},
            timeout=90,
            check=False,
        )
        assert "Traceback" not in ended.stderr
        return Ran(ended.returncode, ended.stdout, ended.stderr)

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

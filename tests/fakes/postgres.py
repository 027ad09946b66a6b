"""A real PostgreSQL for tests: one server for every worker and session, a fresh database per test.

`database_url` is the SQLAlchemy address of an empty database of the test's
own; `fresh_database` carries the plain DSN too. For a migrated database build
a template once and copy it:

    @pytest.fixture
    def ledger_url(postgres_server):
        postgres_server.build_template("ledger", upgrade)  # async def upgrade(url: str) -> None
        with postgres_server.fresh(template="ledger") as database:
            yield database.url
"""

import asyncio
import os
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from arbiter.storage.embedded import EmbeddedServer
from arbiter.storage.file_lock import FileLock

T = TypeVar("T")

# Nothing here outlives the machine, so nothing is flushed; a killed server still loses no commit.
_FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on a loop of its own, whatever loop the test has."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass(frozen=True, kw_only=True)
class FreshDatabase:
    name: str
    url: str
    """For SQLAlchemy."""
    dsn: str
    """For asyncpg and libpq programs."""


class PostgresForTests:
    """A running server that hands out databases."""

    def __init__(self, server: EmbeddedServer, *, session: str, lock_dir: Path) -> None:
        self.server = server
        self._session = session
        self._lock_dir = lock_dir

    @contextmanager
    def fresh(self, *, template: str | None = None) -> Iterator[FreshDatabase]:
        """A database of one's own: empty, or a copy of a built template. Dropped at the end."""
        name = f"test_{secrets.token_hex(8)}"
        source = self._template_name(template) if template else "template0"
        # Copied as files: through the write-ahead log it takes the server twice the work.
        run(self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY FILE_COPY'))
        try:
            yield FreshDatabase(
                name=name, url=self.server.url_of(name), dsn=self.server.dsn_of(name)
            )
        finally:
            run(self._execute(f'DROP DATABASE "{name}" WITH (FORCE)'))

    def build_template(self, template: str, build: Callable[[str], Awaitable[None]]) -> None:
        """Have `build` fill a database to copy, once per test session whatever the workers.

        `build` gets the SQLAlchemy URL and must close its connections.
        """
        run(self._build(self._template_name(template), build))

    def _template_name(self, template: str) -> str:
        return f"template_{self._session}_{template}"

    async def _build(self, name: str, build: Callable[[str], Awaitable[None]]) -> None:
        lock = FileLock(self._lock_dir / f"{name}.lock")
        await lock.acquire()
        try:
            if (self._lock_dir / f"{name}.built").exists():
                return
            await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await self._execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
            await build(self.server.url_of(name))
            (self._lock_dir / f"{name}.built").touch()
        finally:
            lock.release()

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server.dsn_of("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresForTests]:
    """The server all tests of this user share; whoever uses it last deletes it.

    A killed test run leaves it running, and the next one adopts it.
    """
    root = Path(tempfile.gettempdir()) / f"arbiter-tests-{os.geteuid()}"
    # For root the server's own user must pass through; a normal user's data folder is 0700 itself.
    root.mkdir(mode=0o755, exist_ok=True)
    server = EmbeddedServer(root / "postgres", state_root=root / "state", settings=_FAST)
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", secrets.token_hex(8))[:12]
    run(server.start())
    try:
        yield PostgresForTests(server, session=session, lock_dir=shared)
    finally:
        run(server.destroy())


@pytest.fixture
def fresh_database(postgres_server: PostgresForTests) -> Iterator[FreshDatabase]:
    with postgres_server.fresh() as database:
        yield database


@pytest.fixture
def database_url(fresh_database: FreshDatabase) -> str:
    return fresh_database.url

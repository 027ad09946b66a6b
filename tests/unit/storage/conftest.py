"""Embedded servers of a test's own, unlike the shared one: these get killed."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from arbiter.model.errors import StorageUnavailable
from arbiter.storage import migrate
from arbiter.storage.embedded import EmbeddedServer
from tests.fakes.postgres import FreshDatabase, PostgresForTests

ENGINE = """
import asyncio, sys
from pathlib import Path
from arbiter.storage.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), state_root=Path(sys.argv[2]))
async def main():
    await server.start()
    print(server.status().pid, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()
asyncio.run(main())
"""


class Place:
    """A folder for one test, which the system user that serves root can reach."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.data_dir = self.home / "postgres"
        self.state_root = root / "state"
        self.servers: list[EmbeddedServer] = []

    def server(
        self, data_dir: Path | None = None, runtime_root: Path | None = None
    ) -> EmbeddedServer:
        server = EmbeddedServer(
            data_dir or self.data_dir, state_root=self.state_root, runtime_root=runtime_root
        )
        self.servers.append(server)
        return server

    @contextmanager
    def engine(self) -> Iterator["subprocess.Popen[str]"]:
        """Another process that starts the server, says its pid, and stops when its stdin closes."""
        with subprocess.Popen(
            [sys.executable, "-c", ENGINE, str(self.data_dir), str(self.state_root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as engine:
            try:
                yield engine
            finally:
                if engine.poll() is None:
                    engine.kill()


def servers_below(root: Path) -> list[psutil.Process]:
    """Whatever still runs on a folder below `root`."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(root) in part for part in process.info["cmdline"] or ())
    ]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    root = Path(tempfile.mkdtemp(prefix="arbiter-place-"))
    root.chmod(0o755)
    here = Place(root)
    try:
        yield here
    finally:
        for server in reversed(here.servers):
            with suppress(StorageUnavailable):
                await server.stop()
        if running := servers_below(root):
            for process in running:
                process.kill()
            pytest.fail(f"left running: {running}")
        await asyncio.to_thread(shutil.rmtree, root)


async def query(server: EmbeddedServer, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(server.dsn)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def _migrate(url: str) -> None:
    await migrate.upgrade(url)


@pytest.fixture
def ledger_db(postgres_server: PostgresForTests) -> Iterator[FreshDatabase]:
    """A migrated database of the test's own on the shared server."""
    postgres_server.build_template("ledger", _migrate)
    with postgres_server.fresh(template="ledger") as database:
        yield database

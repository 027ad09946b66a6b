"""`kill -9` is a supported way to stop, at every moment of the database's life."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from arbiter.model.errors import StorageUnavailable
from arbiter.storage.embedded import EmbeddedServer, ServerState
from tests.unit.storage.conftest import Place, query, servers_below

pytestmark = pytest.mark.slow


def base_of(place: Place) -> Path | None:
    if not (place.data_dir / "instance.json").exists():
        return None
    return place.server().status().base


def any_below(pattern: str) -> Callable[[Place], bool]:
    def seen(place: Place) -> bool:
        base = base_of(place)
        return base is not None and any(base.glob(pattern))

    return seen


MOMENTS = {
    "before_anything": lambda place: place.data_dir.exists(),
    "pointer_written": any_below("conf"),
    "folder_begun": any_below("cluster.new-*"),
    "initdb_began": any_below("cluster.new-*/PG_VERSION"),
    "initdb_bootstraps": any_below("cluster.new-*/global/pg_control"),
    "initdb_copies_templates": any_below("cluster.new-*/base/4"),
    "renamed": any_below("cluster"),
    "first_start": any_below("cluster/postmaster.pid"),
}


@pytest.mark.parametrize("with_children", [False, True], ids=["engine", "engine_and_initdb"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_kill_during_the_first_start_recovers(
    place: Place, moment: str, with_children: bool
) -> None:
    while not _killed_at(place, moment, with_children=with_children):
        assert await place.server().destroy(), "the moment had passed: begin anew"
    server = place.server()
    await server.start()
    assert await query(server, "SELECT current_database()") == [("arbiter",)]
    base = base_of(place)
    assert base is not None
    assert not list(base.glob("cluster.new-*"))
    assert await server.stop()


def _killed_at(place: Place, moment: str, *, with_children: bool) -> bool:
    """Start an engine and kill it at a moment; False where the moment went by unseen."""
    with place.engine() as engine:
        process = psutil.Process(engine.pid)
        while not MOMENTS[moment](place):
            assert engine.poll() is None
            if MOMENTS["first_start"](place):  # this process was not looking meanwhile
                return False
            time.sleep(0.001)
        # Stopped first: it begins nothing more while its children are looked for.
        process.suspend()
        doomed = [process, *(process.children(recursive=True) if with_children else [])]
        for victim in doomed:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
    return True


async def test_a_cancelled_first_start_leaves_nothing_running_and_can_be_repeated(
    place: Place,
) -> None:
    server = place.server()
    while not await _cancelled_at(place, server, "initdb_bootstraps"):
        assert await server.destroy(), "the moment had passed: begin anew"
    assert not servers_below(place.root)
    await server.start()
    assert await query(server, "SELECT 1") == [(1,)]


async def _cancelled_at(place: Place, server: EmbeddedServer, moment: str) -> bool:
    """Start a server and cancel the start at a moment; False where that went by unseen."""
    start = asyncio.create_task(server.start())
    while not MOMENTS[moment](place):
        if start.done():
            await start
            return False
        await asyncio.sleep(0.001)
    start.cancel()
    try:
        await start
    except asyncio.CancelledError:
        return True
    return False


async def test_the_server_of_a_killed_engine_is_adopted_and_can_be_stopped(place: Place) -> None:
    server = place.server()
    with place.engine() as engine:
        assert engine.stdout is not None
        pid = int(engine.stdout.readline())
        assert os.getsid(pid) != os.getsid(engine.pid), "a group kill must not reach the database"
        engine.kill()
    assert server.status().pid == pid
    await server.start()
    assert server.status().pid == pid
    assert await query(server, "SELECT 1") == [(1,)]
    assert await server.stop(), "the dead engine does not count as a user"
    assert server.status().state is ServerState.STOPPED


async def test_a_server_that_hangs_is_reported_and_not_waited_for_for_ever(place: Place) -> None:
    await place.server().start()
    pid = place.server().status().pid
    assert pid is not None
    told: list[str] = []
    hasty = EmbeddedServer(
        place.data_dir, state_root=place.state_root, progress=told.append, start_timeout_s=8
    )
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(StorageUnavailable, match="could not become ready"):
            await hasty.start()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert any(line.startswith("waiting for PostgreSQL") for line in told)
    async with asyncio.timeout(60):
        while not await _starts(hasty):  # on a busy machine that may be too few seconds
            pass
    assert await query(hasty, "SELECT 1") == [(1,)]
    assert not await hasty.stop(), "the first one still uses it"


async def _starts(server: EmbeddedServer) -> bool:
    try:
        await server.start()
    except StorageUnavailable:
        return False
    return True


async def test_a_server_killed_under_a_running_engine_is_started_again(place: Place) -> None:
    server = place.server()
    await server.start()
    first = server.status().pid
    assert first is not None
    watch = asyncio.create_task(server.keep_running())
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(60):
        while server.status().pid in {None, first}:  # noqa: ASYNC110 - another process's moment
            await asyncio.sleep(0.01)
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    await server.start()
    assert await query(server, "SELECT 1") == [(1,)]
    assert await server.stop(), "it still counts as one user"


async def test_a_killed_server_loses_no_acknowledged_fill(place: Place) -> None:
    server = place.server()
    await server.start()
    await query(server, "CREATE TABLE fills (id int PRIMARY KEY)")
    acknowledged: list[int] = []
    enough = asyncio.Event()
    writer = asyncio.create_task(_write_until_cut_off(server, acknowledged, enough))
    await enough.wait()
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await writer
    again = place.server()  # at once, while the dead server's workers still end
    await again.start()
    assert again.status().pid != pid
    kept = {row[0] for row in await query(again, "SELECT id FROM fills")}
    assert set(acknowledged) <= kept
    assert len(acknowledged) >= 50


async def _write_until_cut_off(
    server: EmbeddedServer, acknowledged: list[int], enough: asyncio.Event
) -> None:
    connection = await asyncpg.connect(server.dsn)
    try:
        for number in range(1_000_000):
            await connection.execute("INSERT INTO fills VALUES ($1)", number)
            acknowledged.append(number)
            if number == 50:
                enough.set()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
        pass  # asyncpg says it in any of these ways, by where the cut falls
    finally:
        connection.terminate()

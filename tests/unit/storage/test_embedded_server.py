"""The embedded database against the real programs: kept rows, shared use, settings, refusals."""

import asyncio
import os
import shutil
import stat
import subprocess
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from arbiter.model.errors import StorageUnavailable
from arbiter.storage import postgres_install
from arbiter.storage.embedded import ServerState
from arbiter.storage.postgres_install import SERVICE_USER, programs_for, service_account
from tests.fakes.postgres import FreshDatabase, PostgresForTests
from tests.unit.storage.conftest import Place, query

pytestmark = pytest.mark.slow
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs another user's server")


async def test_rows_survive_stop_and_start(place: Place) -> None:
    server = place.server()
    assert server.status().state is ServerState.ABSENT
    await server.start()
    await query(server, "CREATE TABLE fills (id int)")
    await query(server, "INSERT INTO fills VALUES (7)")
    assert await server.stop()
    assert server.status().state is ServerState.STOPPED
    assert await server.stop(), "stopping twice is no error"

    url = await server.start()
    assert server.status().state is ServerState.RUNNING
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT id FROM fills"))).all() == [(7,)]
    await engine.dispose()


async def test_the_last_user_stops_the_server_and_no_earlier_one(place: Place) -> None:
    server = place.server()
    with place.engine() as engine:
        assert engine.stdout is not None
        pid = int(engine.stdout.readline())
        await server.start()
        assert server.status().pid == pid, "adopted, not started twice"
        assert not await server.stop()
        assert not await server.destroy()
        assert server.status().pid == pid
        engine.communicate()
        assert engine.returncode == 0
    assert server.status().state is ServerState.STOPPED


async def test_concurrent_starters_share_one_server(place: Place) -> None:
    servers = [place.server() for _ in range(3)]
    with place.engine() as first, place.engine() as second:
        await asyncio.gather(*(server.start() for server in servers))
        assert first.stdout is not None
        assert second.stdout is not None
        pids = {int(first.stdout.readline()), int(second.stdout.readline())}
        pids |= {server.status().pid or 0 for server in servers}
        assert len(pids) == 1
        first.communicate()
        second.communicate()
    assert [await server.stop() for server in servers] == [False, False, True]


async def test_commits_are_durable_and_nobody_else_can_log_in(place: Place) -> None:
    server = place.server()
    await server.start()
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "max_connections": "50",
        "shared_buffers": "64MB",
        "TimeZone": "UTC",
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "data_directory_mode": "0700",
        "logging_collector": "on",
        "server_encoding": "UTF8",
    }
    for name, value in expected.items():
        assert await query(server, f"SHOW {name}") == [(value,)], name
    assert await query(
        server, "SELECT DISTINCT type, auth_method FROM pg_hba_file_rules WHERE error IS NULL"
    ) == [("local", "peer")]
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(server.dsn.replace("arbiter@", "postgres@"))
    base = server.status().base
    assert base is not None
    for folder in (place.data_dir, base / "cluster", base / "run", base / "log"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    assert stat.S_IMODE(base.stat().st_mode) & 0o007 == 0


async def test_an_owner_may_add_settings_that_survive_a_start(place: Place) -> None:
    server = place.server()
    await server.start()
    base = server.status().base
    assert base is not None
    await server.stop()
    (base / "conf" / "local.conf").write_text("work_mem = '7MB'\n")
    await server.start()
    assert await query(server, "SHOW work_mem") == [("7MB",)]


async def test_no_parent_folder_is_opened_to_others(place: Place) -> None:
    place.home.mkdir(mode=0o700)
    shut = place.home / "shut"
    shut.mkdir(mode=0o700)
    parents = [*(shut / "postgres").parents]
    before = [(p, p.stat().st_mode, p.stat().st_uid, p.stat().st_gid) for p in parents]
    async with place.server(shut / "postgres") as server:
        assert await query(server, "SELECT 1") == [(1,)]
        assert [(p, p.stat().st_mode, p.stat().st_uid, p.stat().st_gid) for p in parents] == before
    assert await server.destroy()


@pytest.mark.parametrize(
    "name", ["x" * 120, "comma, and 'quote'", "space and ünï"], ids=["long", "comma", "space"]
)
async def test_a_socket_path_postgres_cannot_use_moves_to_a_private_folder(
    place: Place, name: str
) -> None:
    place.state_root /= name  # where root's socket would lie
    data_dir = place.home / name / "postgres"
    runtime = place.root / "r"
    runtime.mkdir(mode=0o755)
    async with place.server(data_dir, runtime) as server:
        assert await query(server, "SELECT 1") == [(1,)]
        sockets = [Path(folder) for folder in runtime.glob("arbiter-*/*")]
        assert bool(sockets) == (name[0] in "xc")
        for folder in sockets:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert await server.destroy()


async def test_a_path_a_shell_would_expand_is_refused(place: Place) -> None:
    place.state_root /= "$(id)"
    with pytest.raises(StorageUnavailable, match=r"\$.*ARBITER_HOME"):
        await place.server(place.home / "$(id)" / "postgres").start()


async def test_a_runtime_folder_others_can_enter_is_refused(place: Place) -> None:
    place.state_root /= "x" * 120
    uid = service_account(place.state_root).uid if os.geteuid() == 0 else os.geteuid()
    squatted = place.root / f"arbiter-{uid}"
    squatted.mkdir()
    squatted.chmod(0o777)
    server = place.server(place.home / ("x" * 120) / "postgres", place.root)
    with pytest.raises(StorageUnavailable, match="not a private folder"):
        await server.start()
    assert await server.destroy()


async def test_data_of_a_newer_postgres_is_refused_untouched(place: Place) -> None:
    server = place.server()
    await server.start()
    base = server.status().base
    assert base is not None
    await server.stop()
    version = base / "cluster" / "PG_VERSION"
    version.write_text("19\n")
    with pytest.raises(StorageUnavailable, match=r"holds PostgreSQL 19 data.*pg_dump"):
        await server.start()
    version.unlink()
    with pytest.raises(StorageUnavailable, match=r"no PG_VERSION.*backup"):
        await server.start()


async def test_a_damaged_folder_is_named_with_its_log(place: Place) -> None:
    server = place.server()
    await server.start()
    base = server.status().base
    assert base is not None
    await server.stop()
    with next((base / "log").glob("postgres-*.log")).open("a") as log:
        log.write("FATAL:  an old complaint\n")
    (base / "cluster" / "global" / "pg_control").write_bytes(b"\0" * 8192)
    with pytest.raises(StorageUnavailable, match=r"could not start.*FATAL.*restore.*log") as error:
        await server.start()
    assert "old complaint" not in str(error.value)


async def test_a_database_that_vanished_is_not_replaced_by_an_empty_one(place: Place) -> None:
    server = place.server()
    await server.start()
    base = server.status().base
    assert base is not None
    await server.stop()
    shutil.rmtree(base / "cluster")
    with pytest.raises(StorageUnavailable, match="which is gone; put it back"):
        await server.start()


async def test_a_moved_home_keeps_its_rows(place: Place) -> None:
    server = place.server()
    await server.start()
    await query(server, "CREATE TABLE kept (id int)")
    await server.stop()
    place.data_dir = place.data_dir.rename(place.home / "moved")
    moved = place.server()
    await moved.start()
    assert await query(moved, "SELECT count(*) FROM kept") == [(0,)]


async def test_a_pid_reused_by_a_stranger_does_not_block_the_start(place: Place) -> None:
    server = place.server()
    await server.start()
    status = server.status()
    assert status.base is not None
    pid_file = status.base / "cluster" / "postmaster.pid"
    stale = pid_file.read_text().splitlines()
    await server.stop()
    uid = status.base.joinpath("cluster").stat().st_uid
    with subprocess.Popen(["sleep", "600"], user=uid) as stranger:  # noqa: ASYNC220
        pid_file.write_text("\n".join([str(stranger.pid), *stale[1:]]) + "\n")
        assert server.status().state is ServerState.STOPPED
        await server.start()
        assert psutil.pid_exists(stranger.pid)
        assert await query(server, "SELECT 1") == [(1,)]
        stranger.kill()


@as_root
async def test_another_users_folder_is_refused_and_left_as_it_was(place: Place) -> None:
    place.home.mkdir()
    for owned in (place.data_dir, place.home):
        owned.mkdir(mode=0o700, exist_ok=True)
        os.chown(owned, 12345, 12345)
        with pytest.raises(StorageUnavailable, match=r"belongs to user 12345.*runs as root"):
            await place.server().start()
        assert owned.stat().st_uid == 12345
        shutil.rmtree(place.data_dir, ignore_errors=True)
    assert not place.data_dir.exists(), "root makes nothing inside another user's folder"


@as_root
async def test_a_copied_home_does_not_share_its_originals_database(place: Place) -> None:
    server = place.server()
    await server.start()
    copy = place.home / "copy"
    shutil.copytree(place.data_dir, copy)
    with pytest.raises(StorageUnavailable, match="is a copy of"):
        await place.server(copy).start()
    assert await query(server, "SELECT 1") == [(1,)]


@as_root
async def test_root_serves_as_a_system_user_of_its_own(place: Place) -> None:
    server = place.server()
    await server.start()
    status = server.status()
    assert psutil.Process(status.pid).username() == SERVICE_USER
    assert status.base is not None
    assert status.base.parent == place.state_root
    assert status.base.stat().st_uid == 0, "its user cannot swap what root writes"


@as_root
def test_programs_in_a_closed_home_are_copied_and_the_home_stays_closed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = postgres_install.bundled_programs().parent.parent
    closed = place.root / "closed"
    closed.mkdir(mode=0o700)
    for tree in (package, package.with_name(f"{package.name}.libs")):
        (closed / tree.name).symlink_to(tree)
    hidden = closed / package.name / "pginstall18" / "bin"
    monkeypatch.setattr(postgres_install, "bundled_programs", lambda: hidden)
    place.state_root.mkdir(mode=0o755)
    account = service_account(place.state_root)
    first = programs_for(account, place.state_root)
    assert first.is_relative_to(place.state_root)
    assert programs_for(account, place.state_root) == first
    assert len(list(place.state_root.iterdir())) == 1, "copied once, nothing half-made left"
    psql = subprocess.run([first / "psql", "--version"], user=account.uid, check=True)
    assert psql.returncode == 0
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


async def ran(*argv: str) -> bool:
    process = await asyncio.create_subprocess_exec(*argv, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait() == 0


@as_root
async def test_a_full_disk_is_named_and_the_start_works_once_there_is_room(place: Place) -> None:
    place.state_root.mkdir(mode=0o755)
    disk = str(place.state_root)
    if not await ran("mount", "-t", "tmpfs", "-o", "size=12m,mode=755", "none", disk):
        pytest.skip("mounting a small disk is not permitted here")
    try:
        with pytest.raises(StorageUnavailable, match=r"No space left.*free space on the disk"):
            await place.server().start()
        assert not list(place.state_root.glob("*/cluster*"))
        assert await ran("mount", "-o", "remount,size=400m", disk)
        server = place.server()
        await server.start()
        assert await query(server, "SELECT 1") == [(1,)]
        assert await server.destroy()
    finally:
        assert await ran("umount", disk)


async def test_every_test_gets_an_empty_database_of_its_own(
    fresh_database: FreshDatabase, database_url: str, postgres_server: PostgresForTests
) -> None:
    assert database_url == fresh_database.url

    async def build(url: str) -> None:
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE seeded AS SELECT 1 AS id"))
        await engine.dispose()

    async def count(url: str) -> int:
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            found = (await connection.execute(text("DELETE FROM seeded RETURNING id"))).all()
        await engine.dispose()
        return len(found)

    for _ in range(2):
        postgres_server.build_template("seeded", build)
        with postgres_server.fresh(template="seeded") as database:
            assert await count(database.url) == 1

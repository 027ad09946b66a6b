"""The PostgreSQL server that comes with arbiter, so that a fresh machine needs none.

The wheel's own programs are called directly. The server runs in a session of
its own and outlives a killed engine; the next start finds and adopts it. It is
stopped by the last process that uses it and says so; a process that died is
not counted, because the count is a lock the kernel drops. A cluster is made
beside its final place and renamed when whole, so a kill at any moment of the
first start leaves either nothing or a database.
"""

import asyncio
import logging
import os
import shlex
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import asyncpg
import msgspec

from arbiter.model.errors import StorageUnavailable
from arbiter.storage import postgres_install as install
from arbiter.storage.cluster_folder import (
    PORT,
    ROLE,
    ClusterFolder,
    base_for,
    make_state_root,
    most_telling,
    open_data_dir,
    read_instance,
)
from arbiter.storage.file_lock import FileLock
from arbiter.storage.postmaster import Postmaster, disown_reused_pid, running_postmaster

DATABASE = "arbiter"
STATE_ROOT = Path("/var/lib/arbiter")
_REPORT_SECONDS = 2.0
_POLL_SECONDS = 0.05
_ATTEMPTS = 5
_LOOK_SECONDS = 0.5
_REVIVE_SECONDS = 10.0

T = TypeVar("T")

logger = logging.getLogger(__name__)


class ServerState(StrEnum):
    ABSENT = "absent"
    """No complete database exists yet."""
    STOPPED = "stopped"
    STARTING = "starting"
    """Also recovering from a crash, or stopping."""
    RUNNING = "running"


class ServerStatus(msgspec.Struct, frozen=True, kw_only=True):
    state: ServerState
    pid: int | None
    base: Path | None
    """Where the cluster and its logs lie; None while nothing was made."""


class EmbeddedServer:
    """One embedded server on one data folder, shared by every process that starts it.

    `data_dir` is this database's own folder (`<ARBITER_HOME>/postgres`). Root's
    cluster lies below `state_root`, with a pointer in `data_dir`. `runtime_root`
    is a private run-time folder (XDG_RUNTIME_DIR) for sockets whose path would
    be too long; /tmp where None. `settings` override postgresql.conf.
    `progress` is told, in a line, what a long start is doing.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        state_root: Path = STATE_ROOT,
        runtime_root: Path | None = None,
        settings: Mapping[str, str] | None = None,
        progress: Callable[[str], None] = logger.info,
        start_timeout_s: int = 900,
        stop_timeout_s: int = 120,
    ) -> None:
        self._data_dir = data_dir.resolve()
        self._state_root = state_root
        self._runtime_root = runtime_root
        self._settings = dict(settings or {})
        self._progress = progress
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._users = FileLock(self._data_dir / "users.lock")
        self._sockets: Path | None = None
        self._bin_dir: Path | None = None

    @property
    def url(self) -> str:
        """SQLAlchemy's address of the database, over the unix socket."""
        return self.url_of(DATABASE)

    @property
    def dsn(self) -> str:
        """The same for asyncpg and libpq programs (psql, pg_dump)."""
        return self.dsn_of(DATABASE)

    @property
    def bin_dir(self) -> Path:
        """The folder of pg_dump, pg_restore, psql; known once started."""
        if self._bin_dir is None:
            raise StorageUnavailable("the embedded PostgreSQL is not started; start it first")
        return self._bin_dir

    def url_of(self, database: str) -> str:
        return f"postgresql+asyncpg://{self._address(database)}"

    def dsn_of(self, database: str) -> str:
        return f"postgresql://{self._address(database)}"

    def status(self) -> ServerStatus:
        """What runs now, whoever started it. Reads a few small files, takes no lock."""
        try:
            known = read_instance(self._data_dir)
            if known is None:
                return ServerStatus(state=ServerState.ABSENT, pid=None, base=None)
            # A normal user's folder may have been moved; root's pointer holds.
            base = Path(known.base) if os.geteuid() == 0 else self._data_dir
            server = running_postmaster(base / "cluster")
        except OSError as error:
            raise self._mended(error) from error
        if server is not None:
            state = ServerState.RUNNING if server.ready else ServerState.STARTING
            return ServerStatus(state=state, pid=server.pid, base=base)
        state = ServerState.STOPPED if known.complete else ServerState.ABSENT
        return ServerStatus(state=state, pid=None, base=base)

    async def start(self) -> str:
        """Make the database where missing, start or adopt its server, wait until it answers.

        Returns `url`. Raises StorageUnavailable naming the thing and the mend.
        Concurrent starts, also of other processes, wait for each other.
        """
        try:
            async with self._exclusively() as lock:
                folder = await asyncio.to_thread(self._folder)
                if not folder.cluster.is_dir():
                    await self._initialise(folder, lock)
                folder.mark_complete()
                self._sockets = await self._serve(folder)
                await self._ensure_database()
                if not self._users.held:
                    await self._users.acquire(shared=True)
        except OSError as error:
            raise self._mended(error) from error
        return self.url

    async def keep_running(self) -> None:
        """Start the server again whenever it has ended (killed, out of memory); never returns."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                if (await asyncio.to_thread(self.status)).pid is not None:
                    continue
                logger.error("the embedded PostgreSQL has ended; it is started again")
                await self.start()
                logger.warning("the embedded PostgreSQL runs again")
            except StorageUnavailable as error:
                logger.error("it is tried again in %g s: %s", _REVIVE_SECONDS, error)
                await asyncio.sleep(_REVIVE_SECONDS)

    async def stop(self) -> bool:
        """Stop using the server; the last user stops it. Returns whether it is down now.

        Also stops a server this object never started, if nobody uses it.
        Does nothing when none runs.
        """
        if not self._data_dir.is_dir():
            return True
        try:
            async with self._exclusively():
                return await self._stop_if_unused()
        except OSError as error:
            raise self._mended(error) from error

    async def destroy(self) -> bool:
        """Stop the server and delete its data for good; False, and nothing done, if others use it."""
        if not self._data_dir.is_dir():
            return True
        try:
            async with self._exclusively():
                if not await self._stop_if_unused():
                    return False
                await asyncio.to_thread(self._delete)
        except OSError as error:
            raise self._mended(error) from error
        return True

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _folder(self) -> ClusterFolder:
        account = install.current_account()
        if account.uid == 0:
            make_state_root(self._state_root)
            account = install.service_account(self._state_root)
        base = base_for(self._data_dir, account=account, state_root=self._state_root)
        self._bin_dir = install.programs_for(account, self._state_root)
        folder = ClusterFolder(
            self._data_dir, base=base, account=account, runtime_root=self._runtime_root
        )
        folder.prepare()
        return folder

    async def _initialise(self, folder: ClusterFolder, lock: FileLock) -> None:
        self._progress(f"creating the database in {folder.base}")
        making = await asyncio.to_thread(folder.begin)
        argv = [str(self.bin_dir / "initdb"), "-D", str(making), "-U", ROLE, "--auth=peer"]
        argv += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        argv += ["--builtin-locale=C.UTF-8", "--no-instructions"]
        # initdb holds the start lock too: if we are killed, nobody sweeps the folder under it.
        code, output = await install.run_program(
            argv, account=folder.account, cwd=folder.base, keep_open=(lock.fileno(),)
        )
        if code != 0:
            await asyncio.to_thread(shutil.rmtree, making, ignore_errors=True)
            raise self._failed("create its database", output, folder)
        await asyncio.to_thread(folder.complete, making)

    async def _serve(self, folder: ClusterFolder) -> Path:
        """Adopt the server that runs, or start one; return its socket folder once it answers."""
        for attempt in range(1, _ATTEMPTS + 1):
            server = running_postmaster(folder.cluster)
            if server is not None:
                if (sockets := await self._adopted(folder, server)) is not None:
                    return sockets
                continue
            started, output = await self._launch(folder)
            if not started:
                if running_postmaster(folder.cluster) is not None:
                    continue  # one left starting by a killed engine was first
                if "shared memory block" in folder.log_tail() + output and attempt < _ATTEMPTS:
                    # Workers of a killed server notice within moments that it is gone.
                    self._progress("waiting for the processes of a killed PostgreSQL to end")
                    await asyncio.sleep(attempt)
                    continue
                raise self._failed("start", f"{output}\n{folder.log_tail()}", folder)
        raise self._failed("start", "it stops as soon as it has started", folder)

    async def _launch(self, folder: ClusterFolder) -> tuple[bool, str]:
        settings = await asyncio.to_thread(self._ready_to_launch, folder)
        argv = [str(self.bin_dir / "pg_ctl"), "start", "-s", "-w", "-t", str(self._start_timeout_s)]
        argv += ["-D", str(folder.cluster), "-l", str(folder.start_log), "-o", settings]
        code, output = await self._reporting(
            folder, install.run_program(argv, account=folder.account, cwd=folder.base)
        )
        return code == 0, output

    def _ready_to_launch(self, folder: ClusterFolder) -> str:
        disown_reused_pid(folder.cluster)
        names = dict.fromkeys([install.current_account().name, folder.account.name])
        sockets = folder.write_settings(self._settings, names=tuple(names))
        # The folder serves this cluster alone, and no server runs on it: its lock is a dead one's.
        for stale in sockets.glob(f".s.PGSQL.{PORT}*"):
            stale.unlink()
        folder.turn_log_page()
        return f"-c config_file={shlex.quote(str(folder.config))}"

    async def _adopted(self, folder: ClusterFolder, server: Postmaster) -> Path | None:
        """Wait until a running server answers; None if it ended meanwhile."""

        async def answers() -> Path | None:
            while True:
                now = running_postmaster(folder.cluster)
                if now is None:
                    return None
                if now.ready and now.socket_dir is not None and await _answers(now.socket_dir):
                    return now.socket_dir
                await asyncio.sleep(_POLL_SECONDS)

        logger.debug("PostgreSQL pid %d already runs on %s", server.pid, folder.cluster)
        try:
            async with asyncio.timeout(self._start_timeout_s):
                return await self._reporting(folder, answers())
        except TimeoutError:
            raise self._failed("become ready", folder.log_tail(), folder) from None

    async def _reporting(self, folder: ClusterFolder, work: Coroutine[Any, Any, T]) -> T:
        """Await `work`, telling every two seconds what the server last logged."""
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=_REPORT_SECONDS))[0]:
                self._progress(f"waiting for PostgreSQL: {folder.log_tail()}")
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        return task.result()

    async def _ensure_database(self) -> None:
        connection = await asyncpg.connect(self.dsn_of("postgres"), ssl=False)
        try:
            known = await connection.fetchval(
                "SELECT 1 FROM pg_database WHERE datname = $1", DATABASE
            )
            if known is None:
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()

    async def _stop_if_unused(self) -> bool:
        self._users.release()
        if not self._users.try_acquire():
            return False
        try:
            await self._shut_down()
        finally:
            self._users.release()
        return True

    async def _shut_down(self) -> None:
        if self.status().pid is None:
            return
        folder = await asyncio.to_thread(self._folder)
        argv = [str(self.bin_dir / "pg_ctl"), "stop", "-s", "-w", "-m", "fast"]
        argv += ["-t", str(self._stop_timeout_s), "-D", str(folder.cluster)]
        code, output = await install.run_program(argv, account=folder.account, cwd=folder.base)
        if code != 0 and running_postmaster(folder.cluster) is not None:
            raise self._failed("stop", output, folder)

    def _delete(self) -> None:
        base = self.status().base
        # Renamed first: who waits for the start lock finds the folder gone, not half gone.
        doomed = self._data_dir.with_name(f".{self._data_dir.name}.gone-{os.getpid()}")
        self._data_dir.rename(doomed)
        if base is not None and base != self._data_dir:
            shutil.rmtree(base)
        shutil.rmtree(doomed)

    @asynccontextmanager
    async def _exclusively(self) -> AsyncIterator[FileLock]:
        lock = FileLock(self._data_dir / "start.lock")
        while not lock.held:
            await asyncio.to_thread(open_data_dir, self._data_dir)
            with suppress(FileNotFoundError):  # deleted since: make it again
                await lock.acquire()
        try:
            yield lock
        finally:
            lock.release()

    def _address(self, database: str) -> str:
        if self._sockets is None:
            raise StorageUnavailable("the embedded PostgreSQL is not started; start it first")
        # The port is spelt out: clients would otherwise take it from PGPORT.
        return f"{ROLE}@/{quote(database)}?host={quote(str(self._sockets))}&port={PORT}"

    def _failed(self, deed: str, output: str, folder: ClusterFolder) -> StorageUnavailable:
        told = most_telling(output.splitlines()) or folder.log_tail() or "no reason given"
        return StorageUnavailable(
            f"the embedded PostgreSQL could not {deed}: {told}; "
            f"{_mend(f'{output} {told}', folder)} (log: {folder.log})"
        )

    def _mended(self, error: OSError) -> StorageUnavailable:
        path = error.filename or self._data_dir
        reason = error.strerror or str(error)
        return StorageUnavailable(
            f"the embedded PostgreSQL in {self._data_dir} cannot be used: {path}: {reason}; "
            f"{_mend(reason, None)}"
        )


async def _answers(sockets: Path) -> bool:
    try:
        connection = await asyncpg.connect(
            host=str(sockets), port=PORT, user=ROLE, database="postgres", ssl=False, timeout=5
        )
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
        return False
    except asyncpg.TooManyConnectionsError:
        return True
    await connection.close()
    return True


def _mend(reason: str, folder: ClusterFolder | None) -> str:
    """What a person can do about what PostgreSQL or the kernel said."""
    where = folder.base if folder is not None else "the data folder"
    if "No space left" in reason or "quota exceeded" in reason:
        return f"free space on the disk of {where} and start again"
    if "Permission denied" in reason or "Operation not permitted" in reason:
        return f"give {where} back to the user that made it"
    if "Read-only file system" in reason:
        return "mount the disk writable or set ARBITER_HOME to another folder"
    if "not start in time" in reason or "starting up" in reason or "recovery" in reason:
        return "it goes on recovering by itself; start again to go on waiting"
    if "Cannot allocate memory" in reason:
        return "free memory and start again"
    if "shared memory block" in reason:
        return "end the postgres processes of this folder that are still running"
    return "read the log; if the data is damaged, restore the folder from a backup"

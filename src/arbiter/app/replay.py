"""The replay mode: recorded quotes through the live core, under their own clock, into a database.

A replay has a database of its own, made anew each time: rehearsed trades never mix with those of
the engine's ledger. Its trades do not depend on the speed, and are those of `arbiter backtest`
over the same files and settings.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import structlog

from arbiter.app.config import Loaded
from arbiter.app.database_service import DatabaseService
from arbiter.app.research import make_request
from arbiter.app.scratch_database import make_anew
from arbiter.backtest.replay import replay_paced
from arbiter.backtest.run import Finished, Prepared, prepare
from arbiter.model.errors import StorageUnavailable
from arbiter.model.money import use_wide_context
from arbiter.runtime.clock import SystemClock
from arbiter.runtime.hub import EventHub
from arbiter.runtime.queries import Queries
from arbiter.runtime.supervisor import Supervisor
from arbiter.storage import migrate
from arbiter.storage.instance_lock import InstanceLock
from arbiter.storage.journal import PgJournal

log = structlog.get_logger(__name__)

DATABASE = "arbiter_replay"
_BACKLOG = 20_000
"""Events waiting for the database before the recording waits for it."""


async def run_replay(
    loaded: Loaded,
    files: Sequence[Path],
    *,
    speed: float | None,
    stop: asyncio.Event,
    environment: Mapping[str, str],
    on_ready: Callable[[Queries], None] = lambda _queries: None,
) -> Finished | None:
    """Replay `files`, `speed` times as fast as they were recorded (None: as fast as it goes).

    Gives None when `stop` was set before the end. Raises `ArbiterError` with the mend.
    """
    use_wide_context()
    settings, clock = loaded.settings, SystemClock()
    settings.home.prepare()
    lock = InstanceLock(settings.home.root)
    lock.acquire(mode=settings.engine.mode, now_ns=clock.now_ns())
    try:
        async with DatabaseService(settings, environment) as service:
            url = await make_anew(service.url, DATABASE, "replay")
            return await _Replay(loaded, files, url, speed, stop, on_ready).to_the_end()
    finally:
        lock.release()


class _Replay:
    def __init__(
        self,
        loaded: Loaded,
        files: Sequence[Path],
        url: str,
        speed: float | None,
        stop: asyncio.Event,
        on_ready: Callable[[Queries], None],
    ) -> None:
        self._request = make_request(loaded, files)
        self._url = url
        self._speed = speed
        self._stop = stop
        self._on_ready = on_ready
        self._supervisor = Supervisor()
        self._journal = PgJournal(url, on_fatal=lambda error: self._supervisor.fail(str(error)))
        self._ended = asyncio.Event()

    async def to_the_end(self) -> Finished | None:
        await migrate.upgrade(self._url)
        hub = EventHub()
        prepared = prepare(self._request, kept=self._journal, hub=hub)
        session = prepared.session
        queries = Queries(session.core, session.clock, version("arbiter-engine"))
        hub.listen(queries.watch)
        await self._journal.open()
        started = perf_counter()
        try:
            async with self._supervisor:
                self._supervisor.spawn(self._journal.run(), "journal")
                self._supervisor.spawn(self._play(prepared), "replay")
                self._on_ready(queries)
                await self._first_of(self._ended, self._stop, self._supervisor.failed)
                if self._supervisor.failure is None:
                    await self._journal.drain()
        finally:
            await self._journal.close()
        if self._supervisor.failure is not None:
            raise StorageUnavailable(f"the replay stopped: {self._supervisor.failure}")
        if not self._ended.is_set():
            return None
        return Finished(prepared=prepared, candidates=None, seconds=perf_counter() - started)

    async def _play(self, prepared: Prepared) -> None:
        await replay_paced(prepared.session, prepared.quotes, self._speed, self._breathe)
        self._ended.set()

    async def _breathe(self) -> None:
        """Let the loop turn; with much waiting for the database, wait for it."""
        if self._journal.waiting > _BACKLOG:
            await self._journal.drain()
        else:
            await asyncio.sleep(0)

    @staticmethod
    async def _first_of(*events: asyncio.Event) -> None:
        waiters = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()

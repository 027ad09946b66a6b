"""Backtests of a running engine: started, followed and shown, while they run somewhere else.

Each runs in a process of its own (`backtest_worker`) and writes into a database beside the
engine's, made anew every time: nothing of it touches the engine's ledger or its loop.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from arbiter.app import scratch_database
from arbiter.app.backtest_words import Order, Progress, Ready, Refused, Word, written
from arbiter.app.research import Research
from arbiter.books.registry import MarketRegistry
from arbiter.model.changes import Changes
from arbiter.model.errors import InvalidValue, StorageUnavailable
from arbiter.model.events import Event, StrategySwitched
from arbiter.model.ids import StrategyId
from arbiter.ports.clock import Clock
from arbiter.runtime.spot_picture import SpotPicture
from arbiter.storage.database import make_engine
from arbiter.storage.spot_reads import SpotReads

DATABASE_ENDING = "backtest"
STOP_S = 20.0
"""How long a run may take to end once it was asked to."""

_LONGEST_WORD = 64 * 1024 * 1024
_ONE_THREAD = {"POLARS_MAX_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
_WORDS: msgspec.json.Decoder[Word] = msgspec.json.Decoder(Word)


class WorkerProcess:
    """The process and what it says, word by word."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, order: Order, log: Path) -> "WorkerProcess":
        with log.open("wb") as complaints:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "arbiter.app.backtest_worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=complaints,
                limit=_LONGEST_WORD,
                env={**os.environ, **_ONE_THREAD},
            )
        worker = cls(process)
        assert process.stdin is not None
        process.stdin.write(written(order))
        return worker

    async def word(self) -> Word | None:
        """Wait for the next word; None once it has nothing more to say."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        return _WORDS.decode(line) if line else None

    def ask_to_end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    async def ended(self) -> int:
        """Wait for its end, and see to it; gives its exit code."""
        try:
            async with asyncio.timeout(STOP_S):
                return await self._process.wait()
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        return await self._process.wait()


class Run:
    """One run as `api.spot.backtests.Backtest`."""

    def __init__(self, worker: WorkerProcess, ready: Ready, database: str, now_ns: int) -> None:
        self.worker = worker
        self.registry = MarketRegistry(ready.instruments)
        self.picture: SpotPicture = ready.picture
        self.started_ns = now_ns
        self.ended: str | None = None
        self._reads = make_engine(database, pool_size=2)
        self.history = SpotReads(self._reads)
        self._over = asyncio.Event()

    async def follow(self, log: Path) -> None:
        """Keep up with what it says until it has ended."""
        ended: str | None = None
        while (word := await self.worker.word()) is not None:
            if isinstance(word, Progress):
                self.picture = word.picture
                ended = word.ended
            elif isinstance(word, Refused):
                ended = word.reason
        code = await self.worker.ended()
        self.ended = ended or f"the backtest's process failed with code {code}: see {log}"
        self._over.set()

    async def over(self) -> None:
        await self._over.wait()

    async def forget(self) -> None:
        await self._reads.dispose()


class SpotBacktests:
    """`api.spot.backtests.Backtests`; `serve` has to run beside it.

    `settings` gives what is in force when a run starts. A listener of the event hub: whoever starts
    the strategy, over whatever surface, gets the engine's own answers back.
    """

    def __init__(
        self,
        *,
        settings: Callable[[], Research],
        strategy: StrategyId,
        database: str,
        clock: Clock,
        logs: Path,
    ) -> None:
        self._settings = settings
        self._strategy = strategy
        self._database = database
        self._clock = clock
        self._log = logs / "backtest.log"
        self._starting = asyncio.Lock()
        self._work: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._followed: Run | None = None
        self.chosen: Run | None = None

    @property
    def configured(self) -> bool:
        return bool(self._settings().backtest.data)

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        del changes
        for event in events:
            if (
                isinstance(event, StrategySwitched)
                and event.running
                and event.strategy == self._strategy
            ):
                self.leave()

    async def serve(self) -> None:
        """Follow one run after the other until cancelled; then nothing of them goes on."""
        try:
            while True:
                work = await self._work.get()
                await work()
        finally:
            for run in {self._followed, self.chosen} - {None}:
                assert run is not None
                await run.worker.kill()
                await run.forget()

    async def start(self, symbols: Sequence[str], venues: Sequence[str]) -> Run:
        async with self._starting:
            await self.stop()
            self.leave()
            name = scratch_database.beside(self._database, DATABASE_ENDING)
            url = await scratch_database.make_anew(self._database, name, "backtest")
            settings = self._settings()
            order = Order(
                database=url,
                files=settings.backtest.data,
                symbols=tuple(symbols),
                venues=tuple(venues),
                settings=settings.model_dump(),
            )
            worker = await WorkerProcess.start(order, self._log)
            async with contextlib.AsyncExitStack() as undo:
                undo.push_async_callback(worker.kill)
                ready = await self._ready(worker)
                undo.pop_all()
            run = Run(worker, ready, url, self._clock.now_ns())
            self.chosen = run
            self._work.put_nowait(partial(self._follow, run))
            return run

    def end(self) -> None:
        if self.chosen is not None and self.chosen.ended is None:
            self.chosen.worker.ask_to_end()

    async def stop(self) -> None:
        if self.chosen is not None and self.chosen.ended is None:
            self.end()
            await self.chosen.over()

    def leave(self) -> None:
        run, self.chosen = self.chosen, None
        if run is not None:
            if run.ended is None:
                run.worker.ask_to_end()
            self._work.put_nowait(run.forget)

    async def _follow(self, run: Run) -> None:
        self._followed = run
        await run.follow(self._log)
        self._followed = None

    async def _ready(self, worker: WorkerProcess) -> Ready:
        word = await worker.word()
        if isinstance(word, Ready):
            return word
        if isinstance(word, Refused):
            raise StorageUnavailable(word.reason) if word.storage else InvalidValue(word.reason)
        code = await worker.ended()
        raise StorageUnavailable(f"the backtest's process failed with code {code}: see {self._log}")

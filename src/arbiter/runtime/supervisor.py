"""The supervisor: every task of the engine has a name and one owner.

A task that fails by surprise stops the engine: it is a bug, and starting again recovers. This is
the one place that catches every exception.
"""

import asyncio
from collections.abc import Coroutine
from functools import partial
from types import TracebackType
from typing import Self

import structlog

log = structlog.get_logger(__name__)


class Supervisor:
    """An async context that owns tasks; leaving it cancels those that are left."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed = asyncio.Event()
        """Set when a task failed by surprise; `failure` says how."""
        self.failure: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def spawn(self, work: Coroutine[None, None, None], name: str | None = None) -> None:
        """Run `work` as a task; its failure is the engine's."""
        task = asyncio.get_running_loop().create_task(self._watch(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(partial(self._done, work))

    def fail(self, why: str) -> None:
        """Stop the engine for a failure noticed elsewhere."""
        if self.failure is None:
            self.failure = why
        self.failed.set()

    def _done(self, work: Coroutine[None, None, None], task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # Work cancelled before its first step would else be told of as never awaited.
        work.close()

    async def _watch(self, work: Coroutine[None, None, None], name: str | None) -> None:
        try:
            await work
        except Exception as error:
            label = name or getattr(work, "__qualname__", "task")
            log.exception("task failed", task=label)
            self.fail(f"{label}: {type(error).__name__}: {error}")

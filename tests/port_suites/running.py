"""A feed at work for the length of a block."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable

import pytest

from arbiter.venues.common.frames import FeedTally


@asynccontextmanager
async def running(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Do `work` as a task; what it raised is raised at the block's end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class Stalls:
    """How long this process stood still: no feed is answerable for that."""

    def __init__(self) -> None:
        self._ns = 0

    async def count(self) -> None:
        """Look often; returns only when cancelled."""
        loop = asyncio.get_running_loop()
        looked_s = loop.time()
        while True:
            await asyncio.sleep(_LOOK_S)
            now_s = loop.time()
            self._ns += int(max(now_s - looked_s - 2 * _LOOK_S, 0.0) * 1e9)
            looked_s = now_s

    async def total_ns(self) -> int:
        """Of all stalls so far, one that has just ended among them."""
        await asyncio.sleep(2 * _LOOK_S)
        return self._ns


_LOOK_S = 0.02


@asynccontextmanager
async def stalls_counted() -> AsyncIterator[Stalls]:
    stalls = Stalls()
    task = asyncio.create_task(stalls.count())
    try:
        yield stalls
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@runtime_checkable
class _Tallied(Protocol):
    tally: FeedTally


def tally_of(feed: object) -> FeedTally:
    """Every feed of our own counts what it went through."""
    assert isinstance(feed, _Tallied)
    return feed.tally

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


@runtime_checkable
class _Tallied(Protocol):
    tally: FeedTally


def tally_of(feed: object) -> FeedTally:
    """Every feed of our own counts what it went through."""
    assert isinstance(feed, _Tallied)
    return feed.tally

"""Simulated exchanges inside the test's own loop, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest

from arbiter.model.ids import VenueId
from arbiter.model.money import use_wide_context
from arbiter.runtime.clock import SystemClock
from arbiter.simex.server import Simex
from arbiter.simex.settings import SimexSettings
from arbiter.venues.catalogue import connector
from arbiter.venues.common.account import AccountWiring
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.stream import StreamSettings

QUICK = StreamSettings(quiet_factor=1e9, first_retry_s=0.05, request_gap_s=0.01, silence_s=2.0)


@pytest.fixture(autouse=True)
def _exact_sums() -> None:
    use_wide_context()


class Served:
    """A running simulator and what it announced."""

    def __init__(self, simex: Simex, lines: list[dict[str, Any]]) -> None:
        self.simex = simex
        self.lines = {line["venue"]: line for line in lines}

    def wiring(self, server: str, venue: str | None = None, *, account: int = 0) -> AccountWiring:
        line = self.lines[server]
        key = line["accounts"][account]
        form = connector(VenueId(venue or server)).key
        return AccountWiring(
            venue=VenueId(venue or server),
            keys=VenueKeys(
                api_key=key[form.api_key],
                secret=key[form.secret],
                password=key[form.password] if form.password else "",
            ),
            clock=SystemClock(),
            endpoints=Endpoints(stream=line["ws"], rest=line["rest"]),
            stream=QUICK,
            timeout_s=3.0,
        )

    async def act(self, server: str, act: str, **more: Any) -> dict[str, Any]:
        body = msgspec.json.encode({"act": act} | more)
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.lines[server]['rest']}/_simex", data=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            told: dict[str, Any] = await answer.json()
            return told

    async def state(self, server: str) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.lines[server]['rest']}/_simex") as answer,
        ):
            told: dict[str, Any] = await answer.json()
            return told


@asynccontextmanager
async def serving(settings: SimexSettings) -> AsyncIterator[Served]:
    lines: list[dict[str, Any]] = []
    up = asyncio.Event()

    def ready(told: list[dict[str, Any]]) -> None:
        lines.extend(told)
        up.set()

    simex = Simex(settings)
    task = asyncio.create_task(simex.run(ready))
    waiting = asyncio.create_task(up.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield Served(simex, lines)
    finally:
        waiting.cancel()
        task.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)


Serve = Callable[[SimexSettings], Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(settings: SimexSettings) -> Served:
            return await stack.enter_async_context(serving(settings))

        yield start

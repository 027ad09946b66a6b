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
from arbiter.simex.hub import Connection
from arbiter.simex.server import Simex
from arbiter.simex.settings import SimexSettings
from arbiter.simex.venue import VenueServer
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
        self._asked: dict[str, list[str]] = {name: [] for name in simex.servers}
        for name, server in simex.servers.items():
            self._listen(self._asked[name], server)

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

    def _listen(self, asked: list[str], server: VenueServer) -> None:
        opened, heard = server.opened, server.heard

        def opening(connection: Connection, path: str, query: dict[str, str]) -> bool:
            taken = opened(connection, path, query)
            asked.append(path)
            return taken

        def hearing(connection: Connection, path: str, text: str) -> None:
            heard(connection, path, text)
            asked.append(text)

        server.opened, server.heard = opening, hearing  # type: ignore[method-assign]

    async def asked(self, server: str, *words: str) -> None:
        """Wait until a server has been asked on its streams for what holds each of the words."""
        asked = self._asked[server]
        async with asyncio.timeout(60):
            while not all(any(word in text for text in asked) for word in words):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

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

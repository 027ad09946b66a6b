"""The watchdog of a connection: what counts as a venue's silence, and what does not."""

import asyncio
import time
from collections.abc import Callable

import pytest
import uvloop

from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.stream import Link, StreamSettings, _Connection

SETTINGS = StreamSettings(silence_s=0.5)


class NothingToSay:
    """A talk without a word."""

    keepalive: bytes | None = None

    def __init__(self, _link: Link) -> None:
        pass

    def opened(self) -> None: ...

    def hear(self, data: bytes) -> None: ...

    def tick(self) -> None: ...

    def closed(self) -> None: ...


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_time_in_which_we_ourselves_stood_still_is_no_silence_of_the_venue(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def stand_still() -> str:
        connection = _Connection(NothingToSay, FeedTally(), SETTINGS, lambda: None)
        until_lost = asyncio.create_task(connection.until_lost())
        await asyncio.sleep(SETTINGS.silence_s / 20)  # it watches
        time.sleep(2 * SETTINGS.silence_s)  # noqa: ASYNC251 - as a machine that does much else
        for _ in range(50):
            await asyncio.sleep(0)
        assert not until_lost.done(), "what came meanwhile has not been read yet"
        return await until_lost

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(stand_still()).startswith("silent for")

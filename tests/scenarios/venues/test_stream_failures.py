"""What fails on this side of a stream ends its feed; what its address gives away is not logged."""

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from arbiter.model.ids import VenueId
from arbiter.venues.common.account import AccountWiring
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.stream import Link, Stream
from arbiter.venues.okx.orders import OkxOrders
from tests.fakes.clock import FakeClock
from tests.fakes.wire_server import Client, Playing, WireServer
from tests.fakes.wiring import HASTY


class Faulty:
    """A talk that fails where it is told to."""

    keepalive: bytes | None = None

    def __init__(self, link: Link, where: str) -> None:
        self._link = link
        self._where = where

    def opened(self) -> None:
        self._link.send(b'{"hello":1}')
        self._link.ready()

    def hear(self, data: bytes) -> None:
        self._fail("hear")

    def tick(self) -> None:
        self._fail("tick")

    def closed(self) -> None:
        """Nothing is kept."""

    def _fail(self, where: str) -> None:
        if where == self._where:
            raise LookupError(f"of this side, in {where}")


@pytest.mark.parametrize("where", ["hear", "tick"])
async def test_a_failure_of_a_talk_is_that_of_its_feed(where: str) -> None:
    async with Listening() as server:
        stream = Stream(
            server.stream,
            lambda link: Faulty(link, where),
            on_state=lambda _up, _why: None,
            tally=FeedTally(),
            settings=HASTY,
            draw=lambda: 0.5,
        )
        running = asyncio.create_task(stream.run())
        await server.until(lambda: bool(server.heard))
        server.send_raw(b"{}")
        async with asyncio.timeout(10):
            with pytest.raises(LookupError, match=where):
                await running


class Listening(WireServer):
    """Takes whatever it is told."""

    def on_text(self, client: Client, data: bytes) -> None:
        """Nothing is answered."""


class Attentive(Faulty):
    """A talk that keeps what it hears."""

    def __init__(self, link: Link, heard: list[bytes]) -> None:
        super().__init__(link, "")
        self._heard = heard

    def hear(self, data: bytes) -> None:
        self._heard.append(data)


async def test_a_stall_of_this_process_is_not_taken_for_the_venues_silence() -> None:
    """Nobody listened meanwhile: what the venue says next is still to be heard."""
    states: list[tuple[bool, str]] = []
    heard: list[bytes] = []
    gap_s = HASTY.silence_s / 5
    async with Listening() as server, Playing(lambda: server.send_raw(b"{}"), gap_s):
        stream = Stream(
            server.stream,
            lambda link: Attentive(link, heard),
            on_state=lambda up, why: states.append((up, why)),
            tally=FeedTally(),
            settings=HASTY,
            draw=lambda: 0.5,
        )
        running = asyncio.create_task(stream.run())
        for said in (3, 6, 9):
            while len(heard) < said:  # noqa: ASYNC110 - the loop itself is what stalls
                await asyncio.sleep(gap_s / 10)
            if said < 9:
                asyncio.get_running_loop().call_soon(time.sleep, 1.5 * HASTY.silence_s)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert states == [(True, "")]
    assert server.connections == 1


class Private(OkxOrders):
    def __init__(self) -> None:
        wiring = AccountWiring(venue=VenueId("okx"), keys=None, clock=FakeClock(), stream=HASTY)
        super().__init__(wiring)
        self.lost = asyncio.Event()

    def _state(self, connected: bool, why: str) -> None:
        super()._state(connected, why)
        self.lost.set()

    async def follow(self, url: str) -> None:
        await self._stream(url, lambda link: Faulty(link, "")).run()


async def test_a_key_in_the_address_of_a_private_stream_is_not_logged() -> None:
    account, key = Private(), "pqia91ma19a5s61cv6a81va65sdf19v8"
    async with WireServer() as server:
        closed = server.stream
    with capture_logs() as logs:
        running = asyncio.create_task(account.follow(f"{closed}/ws?listenKey={key}"))
        await account.lost.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert logs
    assert key not in repr(logs)

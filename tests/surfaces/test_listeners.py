"""What every listener does with a client that takes nothing of what it asked for."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from arbiter.api.common import listen
from arbiter.api.common.server import ApiServer

LINE = "binance,BTCUSDT,100000.00,100000.10\n" * 100
PAGE = "GET /fills.csv HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
STREAM = (
    "GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Endless:
    """A page and a stream that go on for as long as they are taken."""

    def __init__(self) -> None:
        self.sent = 0
        self.over = asyncio.Event()
        self.app = Starlette(
            routes=[Route("/fills.csv", self._page), WebSocketRoute("/stream", self._stream)]
        )

    async def _page(self, _: Request) -> Response:
        return StreamingResponse(self._lines())

    async def _lines(self) -> AsyncIterator[str]:
        try:
            while True:
                yield LINE
                self.sent += len(LINE)
                await asyncio.sleep(0)
        finally:
            self.over.set()

    async def _stream(self, talk: WebSocket) -> None:
        await talk.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await talk.send_text(LINE)
                self.sent += len(LINE)
        self.over.set()


@contextlib.asynccontextmanager
async def served(endless: Endless) -> AsyncIterator[tuple[str, int]]:
    server = ApiServer(endless.app, host="127.0.0.1", port=0, setting="listen.ops_port")
    server.bind()
    run = asyncio.create_task(server.run())
    try:
        await server.ready()
        host, _, port = server.urls[0].removeprefix("http://").rpartition(":")
        yield host, int(port)
    finally:
        server.stop()
        await run


@pytest.mark.parametrize("asked", [PAGE, STREAM], ids=["page", "stream"])
async def test_connection_of_a_client_that_reads_nothing_ends_and_little_is_held_for_it(
    monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setattr(listen, "UNREAD_S", 1)
    endless = Endless()
    async with served(endless) as address:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            deaf.connect(address)
            deaf.sendall(asked.encode())
            async with asyncio.timeout(60):
                await endless.over.wait()
    assert endless.sent < 512 * 1024

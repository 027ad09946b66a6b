"""A small server of WebSockets and plain GETs on one port, with a venue's bad habits at hand."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)


class Client(WSListener):
    """One connection of a client, and the topics it asked for."""

    def __init__(self, server: "WireServer", path: str) -> None:
        self._server = server
        self.path = path
        self.topics: set[str] = set()
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self._server.clients.append(self)
        self._server.connections += 1
        self._server.stir()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close()
            transport.disconnect()
        elif frame.msg_type == WSMsgType.PING:
            if not self._server.mute:
                transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.TEXT:
            self._server.heard.append(frame.get_payload_as_bytes())
            if not self._server.mute:
                self._server.on_text(self, frame.get_payload_as_bytes())
            self._server.stir()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self in self._server.clients:
            self._server.clients.remove(self)

    def say(self, message: Any) -> None:
        self.send(json.dumps(message, separators=(",", ":")).encode())

    def send(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.send(WSMsgType.TEXT, data)


class WireServer:
    """Serve within ``async with``; a venue says what its messages and paths mean."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.connections = 0
        """Ever made."""
        self.heard: list[bytes] = []
        self.requests: list[str] = []
        """Paths of the GETs."""
        self.mute = False
        """Hears, and answers nothing, not even pings."""
        self.stalled = False
        """Answers, but publishes nothing."""
        self.rest_status = 200
        self._port = 0
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await ws_create_server(
            self._listener,
            "127.0.0.1",
            0,
            enable_auto_pong=False,
            websocket_handshake_timeout=5,
        )
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.drop_all()
        self._server.close()
        await self._server.wait_closed()

    async def until(self, found: Callable[[], bool]) -> None:
        """Wait for something a client does; the test's own time-out ends a wait in vain."""
        while not found():
            self._news.clear()
            await self._news.wait()

    async def until_subscribed(self, topic: str, connections: int = 1) -> None:
        await self.until(
            lambda: (
                self.connections >= connections
                and any(topic in client.topics for client in self.clients)
            )
        )

    def stir(self) -> None:
        self._news.set()

    @property
    def stream(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    @property
    def rest(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def drop_all(self) -> None:
        for client in list(self.clients):
            if client.transport is not None:
                client.transport.disconnect(graceful=False)

    def publish(self, topic: str, message: Any) -> None:
        if self.stalled or self.mute:
            return
        for client in self.clients:
            if topic in client.topics:
                client.say(message)

    def send_raw(self, data: bytes) -> None:
        for client in self.clients:
            client.send(data)

    def on_text(self, client: Client, data: bytes) -> None:
        """Take a message; those venues override it that are also sent what is no JSON."""
        self.on_message(client, json.loads(data))

    def on_message(self, client: Client, message: dict[str, Any]) -> None:
        raise NotImplementedError

    def get(self, path: str, query: dict[str, str]) -> Any:
        """Give what to answer a GET with; None is a 404."""
        raise NotImplementedError

    def _listener(
        self, request: WSUpgradeRequest
    ) -> WSListener | WSUpgradeResponseWithListener | None:
        parts = urlsplit(request.path.decode())
        if "Upgrade" in request.headers:
            return Client(self, parts.path)
        self.requests.append(parts.path)
        self.stir()
        if self.rest_status != 200:
            return _answer(WSUpgradeResponse.create_error_response(self.rest_status, b"{}"))
        body = self.get(parts.path, dict(parse_qsl(parts.query)))
        if body is None:
            return _answer(WSUpgradeResponse.create_error_response(404, b"{}"))
        told = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return _answer(WSUpgradeResponse.create_ok_response(told, headers))


def _answer(response: WSUpgradeResponse) -> WSUpgradeResponseWithListener:
    return WSUpgradeResponseWithListener(response, None)


class Playing:
    """Calls `step` again and again for the length of a block."""

    def __init__(self, step: Any, gap_s: float = 0.002) -> None:
        self._step = step
        self._gap_s = gap_s

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._play())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _play(self) -> None:
        while True:
            self._step()
            await asyncio.sleep(self._gap_s)

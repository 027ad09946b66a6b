"""One API's server inside the engine's own loop.

Several run side by side; signals stay with the engine, which stops each of them.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import uvicorn
from starlette.types import ASGIApp

from arbiter.api.common import listen

_GRACE_S = 3
_KEEP_ALIVE_S = 30
_WS_PING_S = 20.0
_WS_MESSAGE = 64 * 1024
"""Longest message a client may send, bytes."""


class WebSocketTimes(NamedTuple):
    """How a listener looks after its WebSockets, where its contract says so."""

    ping_s: float
    """Between two pings."""
    pong_s: float
    """Without a pong for so long a connection is closed."""
    largest: int
    """Most bytes of a client's message."""


class Listener(Protocol):
    """One API's server, whatever it speaks."""

    @property
    def urls(self) -> tuple[str, ...]:
        """Where it listens; empty before `bind`."""
        ...

    @property
    def bound(self) -> bool:
        """It listens and answers."""
        ...

    def bind(self) -> None:
        """Open the sockets. `Conflict` or `BadConfig` says why they cannot be had."""
        ...

    async def run(self) -> None:
        """Serve until `stop` or cancelled."""
        ...

    async def ready(self) -> None:
        """Return once connections are answered."""
        ...

    def stop(self) -> None:
        """Answer what is being answered and end."""
        ...


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, serving: asyncio.Event) -> None:
        super().__init__(config)
        self._serving = serving

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the engine."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._serving.set()


class ApiServer:
    """`bind` at once, so that a taken port is told before anything starts; then `run` as a task."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        setting: str,
        ssl_cert: str | None = None,
        ssl_key: str | None = None,
        websockets: WebSocketTimes | None = None,
    ) -> None:
        """With `ssl_cert` and `ssl_key`, PEM files, it speaks TLS and nothing else."""
        self._app = app
        self._ssl_cert = ssl_cert
        self._ssl_key = ssl_key
        self._websockets = websockets or WebSocketTimes(_WS_PING_S, _WS_PING_S, _WS_MESSAGE)
        self._host = host
        self._port = port
        self._setting = setting
        self._sockets: list[socket.socket] = []
        self._server: _Uvicorn | None = None
        self._serving = asyncio.Event()

    @property
    def urls(self) -> tuple[str, ...]:
        """Where it listens; empty before `bind`."""
        urls = (listen.url_of(each) for each in self._sockets if each.fileno() >= 0)
        return tuple(url.replace("http:", "https:", 1) if self._ssl_cert else url for url in urls)

    @property
    def bound(self) -> bool:
        """It listens and answers."""
        server = self._server
        return server is not None and server.started and not server.should_exit

    def bind(self) -> None:
        """Open the sockets. `Conflict` or `BadConfig` says why they cannot be had."""
        self._sockets = listen.bind(self._host, self._port, setting=self._setting)

    async def run(self) -> None:
        """Serve until `stop` or cancelled; binds where that was not done."""
        if not self._sockets:
            self.bind()
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=_KEEP_ALIVE_S,
            ssl_certfile=self._ssl_cert,
            ssl_keyfile=self._ssl_key,
            ws="websockets-sansio",
            ws_max_size=self._websockets.largest,
            ws_ping_interval=self._websockets.ping_s,
            ws_ping_timeout=self._websockets.pong_s,
            ws_per_message_deflate=False,
        )
        server = self._server = _Uvicorn(config, self._serving)
        try:
            await server.serve(sockets=self._sockets)
        except asyncio.CancelledError:
            server.should_exit = True
            for listener in getattr(server, "servers", []):
                listener.close()
            raise
        finally:
            for opened in self._sockets:
                opened.close()

    async def ready(self) -> None:
        """Return once connections are answered."""
        await self._serving.wait()

    def stop(self) -> None:
        """Answer what is being answered and end; `run` returns then, after 3 s at most."""
        if self._server is not None:
            self._server.should_exit = True
        else:
            for opened in self._sockets:
                opened.close()

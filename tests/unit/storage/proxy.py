"""A proxy before PostgreSQL that breaks connections at a chosen message of the wire protocol."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

COMMITTED = b"COMMIT\x00"
"""Within the server's CommandComplete."""
COMMIT = b"COMMIT;\x00"
"""Within the client's Query."""


class Proxy:
    """Forwards both ways; each hook sees a piece of the stream first, and True cuts the wire.

    What a hook cuts is not forwarded: the other side learns nothing of it.
    """

    def __init__(self, upstream: Path) -> None:
        self._upstream = upstream
        self.on_request: Callable[[bytes], bool] = lambda _: False
        self.on_answer: Callable[[bytes], bool] = lambda _: False
        self.connections = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, client: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        self.connections += 1
        server, server_out = await asyncio.open_unix_connection(str(self._upstream))
        pipes = [
            asyncio.create_task(self._pipe(client, server_out, self._cuts_request)),
            asyncio.create_task(self._pipe(server, client_out, self._cuts_answer)),
        ]
        self._tasks.update(pipes)
        try:
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pipe in pipes:
                pipe.cancel()
            client_out.transport.abort()
            server_out.transport.abort()
            await asyncio.wait(pipes)
            self._tasks.difference_update(pipes)

    def _cuts_request(self, data: bytes) -> bool:
        return self.on_request(data)

    def _cuts_answer(self, data: bytes) -> bool:
        return self.on_answer(data)

    async def _pipe(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        cut: Callable[[bytes], bool],
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                if cut(data):
                    return
                target.write(data)
                await target.drain()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """Serve a proxy to the server of `url` (a unix socket); gives it and the address through it."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    upstream = Path(query["host"][0]) / f".s.PGSQL.{query['port'][0]}"
    with tempfile.TemporaryDirectory(prefix="arbiter-proxy-") as folder:
        proxy = Proxy(upstream)
        server = await asyncio.start_unix_server(
            proxy.serve, path=str(Path(folder) / f".s.PGSQL.{query['port'][0]}")
        )
        through = parts._replace(query=f"host={folder}&port={query['port'][0]}").geturl()
        try:
            yield proxy, through
        finally:
            server.close()


def once(piece: bytes) -> Callable[[bytes], bool]:
    """Cut the first time `piece` passes."""
    return nth(lambda data: piece in data, 1)


def nth(matches: Callable[[bytes], bool], count: int) -> Callable[[bytes], bool]:
    """Cut at the `count`-th piece that matches, and never again."""
    seen = 0

    def cut(data: bytes) -> bool:
        nonlocal seen
        if matches(data):
            seen += 1
            return seen == count
        return False

    return cut

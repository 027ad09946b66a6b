"""The two connections of the latency benchmark, the same for the core and for the bare loop."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec

from arbiter.venues.common.prompt import write_now
from benchmarks.latency_wire import QUOTE, FillOnWire, Lines, OrderOnWire

L = TypeVar("L", bound=asyncio.Protocol)


async def connect(descriptor: int, make: Callable[[], L]) -> L:
    """Take over an inherited socket."""
    link = socket.socket(fileno=descriptor)
    link.setblocking(False)
    _, protocol = await asyncio.get_running_loop().create_unix_connection(make, sock=link)
    return protocol


class QuoteLink(asyncio.Protocol):
    """Calls `on_quote` for every quote of every batch."""

    def __init__(self, on_quote: Callable[..., None]) -> None:
        self._on_quote = on_quote
        self._rest = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        whole = len(data) - len(data) % QUOTE.size
        self._rest = data[whole:]
        on_quote, receive_ns = self._on_quote, time.time_ns()
        for slot, bid, ask, bid_size, ask_size, at_ns in QUOTE.iter_unpack(data[:whole]):
            on_quote(slot, bid, ask, bid_size, ask_size, at_ns, receive_ns)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(None)


class OrderLink(asyncio.Protocol):
    """Sends orders and hands answers to whoever waits, then to `on_fill`."""

    def __init__(self, on_fill: Callable[[FillOnWire], None]) -> None:
        self._on_fill = on_fill
        self._transport: Any = None
        self._lines = Lines()
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(FillOnWire).decode
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's class.
        self._transport = cast(asyncio.Transport, transport)

    def post(self, order: OrderOnWire) -> None:
        """Write one order before anything else happens."""
        self._waiting[order.id] = asyncio.get_running_loop().create_future()
        write_now(self._transport, self._encode(order) + b"\n")

    async def answer(self, order: str) -> None:
        """Wait for the answer to what was posted."""
        await self._waiting[order]
        del self._waiting[order]

    def data_received(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            fill = self._decode(line)
            answer = self._waiting[fill.id]
            if not answer.done():
                answer.set_result(None)
            asyncio.get_running_loop().call_soon(self._on_fill, fill)

    def close(self) -> None:
        self._transport.close()

"""WebSocket connections of one server, and who wants which stream.

Frames are sent in order by a task per connection. A reader that falls too far behind is cut off:
memory stays bounded, and it can come back.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from aiohttp import WSCloseCode, WSMsgType, web

BACKLOG = 20_000
"""Frames that may wait for one reader."""


class Connection:
    """One WebSocket. `topics` are what it subscribed to."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._waiting: deque[str] = deque()
        self._news = asyncio.Event()
        self.topics: dict[str, None] = {}
        self.combined = False
        """Frames are wrapped with the name of their stream."""
        self.closing = False

    def send(self, frame: str) -> None:
        if self.closing:
            return
        self._waiting.append(frame)
        if len(self._waiting) > BACKLOG:
            self.close()
        self._news.set()

    def close(self) -> None:
        """End it once what is waiting has been sent, or at once when that is too much."""
        self.closing = True
        self._news.set()

    async def serve(self, on_text: Callable[["Connection", str], None]) -> None:
        """Read until the peer goes or `close` is called."""
        sender = asyncio.create_task(self._send_all(), name="frames out")
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    on_text(self, message.data)
        finally:
            self.closing = True
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _send_all(self) -> None:
        while True:
            while self._waiting:
                frame = self._waiting.popleft()
                try:
                    await self._socket.send_str(frame)
                except ConnectionError:
                    return
            if self.closing:
                await self._socket.close(code=WSCloseCode.SERVICE_RESTART)
                return
            self._news.clear()
            await self._news.wait()


class Hub:
    """Topics and their readers."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self._readers: dict[str, dict[Connection, None]] = {}

    def join(self, connection: Connection) -> None:
        self.connections.add(connection)

    def leave(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self.unsubscribe(connection, tuple(connection.topics))

    def subscribe(self, connection: Connection, topics: Iterable[str]) -> None:
        for topic in topics:
            connection.topics[topic] = None
            self._readers.setdefault(topic, {})[connection] = None

    def unsubscribe(self, connection: Connection, topics: Iterable[str]) -> None:
        for topic in topics:
            connection.topics.pop(topic, None)
            readers = self._readers.get(topic)
            if readers is not None:
                readers.pop(connection, None)
                if not readers:
                    del self._readers[topic]

    def wanted(self, topic: str) -> bool:
        return topic in self._readers

    def readers(self, topic: str) -> tuple[Connection, ...]:
        """Give who listens to a topic, where every reader's frames are its own."""
        return tuple(self._readers.get(topic, ()))

    @property
    def topics(self) -> Iterable[str]:
        return self._readers

    def publish(self, topic: str, frame: str) -> None:
        """Send a frame to all readers of a topic."""
        for connection in self._readers.get(topic, ()):
            if connection.combined:
                connection.send(f'{{"stream":"{topic}","data":{frame}}}')
            else:
                connection.send(frame)

    def close_all(self) -> int:
        """End every connection; gives how many there were."""
        count = len(self.connections)
        for connection in tuple(self.connections):
            connection.close()
        return count

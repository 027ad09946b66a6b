"""One publisher, any number of readers; one who falls behind is ended, never waited for."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from arbiter.api.control.guard import TooMuch

T = TypeVar("T")

FELL_BEHIND = "the stream was read too slowly and has ended; start it anew"


class Reader(Generic[T]):
    """Iterate it with ``async for`` and `close` it when done."""

    def __init__(self, fan: "Fan[T]", capacity: int) -> None:
        self._fan = fan
        self._capacity = capacity
        self._queue: deque[T] = deque()
        self._ready = asyncio.Event()
        self._overflowed = False

    def put(self, item: T) -> None:
        self._overflowed = self._overflowed or len(self._queue) >= self._capacity
        if not self._overflowed:
            self._queue.append(item)
        self._ready.set()

    def close(self) -> None:
        self._fan.leave(self)

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            while self._queue:
                yield self._queue.popleft()
            if self._overflowed:
                raise TooMuch(FELL_BEHIND)
            self._ready.clear()
            await self._ready.wait()


class Fan(Generic[T]):
    def __init__(self) -> None:
        self._readers: list[Reader[T]] = []

    def publish(self, item: T) -> None:
        for reader in self._readers:
            reader.put(item)

    def read(self, capacity: int = 256) -> Reader[T]:
        reader = Reader(self, capacity)
        self._readers.append(reader)
        return reader

    def leave(self, reader: Reader[T]) -> None:
        if reader in self._readers:
            self._readers.remove(reader)

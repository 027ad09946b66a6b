"""The event hub: everybody who watches the engine, none of whom can slow it down.

Publishing is synchronous and never waits. A subscriber that lets its queue fill up is cut off
(its iteration ends with `TooSlow`) rather than waited for or fed with holes.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from arbiter.model.changes import Changes
from arbiter.model.events import Event

Publication = tuple[Sequence[Event], Changes]


class TooSlow(Exception):
    """The subscriber's queue overflowed; it must start again from a fresh read."""


class Subscription:
    """One watcher's queue; iterate it with ``async for``, and `close` it when done."""

    def __init__(self, capacity: int, close: Callable[["Subscription"], None]) -> None:
        self._queue: deque[Publication] = deque()
        self._capacity = capacity
        self._ready = asyncio.Event()
        self._close = close
        self._overflowed = False

    def put(self, publication: Publication) -> None:
        if len(self._queue) >= self._capacity:
            self._overflowed = True
            self._queue.clear()
            self.close()
        else:
            self._queue.append(publication)
        self._ready.set()

    def close(self) -> None:
        self._close(self)

    async def __aiter__(self) -> AsyncIterator[Publication]:
        while True:
            while self._queue:
                yield self._queue.popleft()
            if self._overflowed:
                raise TooSlow
            self._ready.clear()
            await self._ready.wait()


class EventHub:
    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []
        self._listeners: list[Callable[[Sequence[Event], Changes], None]] = []

    def publish(self, events: Sequence[Event], changes: Changes) -> None:
        for listener in self._listeners:
            listener(events, changes)
        if self._subscriptions:
            for subscription in tuple(self._subscriptions):
                subscription.put((events, changes))

    def listen(self, listener: Callable[[Sequence[Event], Changes], None]) -> None:
        """Call `listener` in the same step as the event; it must be quick and must not raise."""
        self._listeners.append(listener)

    def subscribe(self, capacity: int = 1024) -> Subscription:
        subscription = Subscription(capacity, self._remove)
        self._subscriptions.append(subscription)
        return subscription

    def _remove(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

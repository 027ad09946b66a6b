"""Whose turn it is to sign, where the key has no nonce window.

A request is refused when a higher nonce arrived before it. What changes something (an order, a
cancel) must not be: such requests go one after the other, and a read is signed only while none of
them is under way. They wait for no read, however slow: one that is overtaken was signed earlier, so
it is the read that is refused, and a read can be asked again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from arbiter.venues.common.signed import Answered
from arbiter.venues.kraken.errors import OVERTAKEN

T = TypeVar("T")

_TRIES = 5
"""For a read that is overtaken each time; the last answer counts."""


class Turns:
    """`last_nonce` gives the newest nonce; with `wide` requests may overtake each other."""

    def __init__(self, last_nonce: Callable[[], int]) -> None:
        self.wide = False
        self._last_nonce = last_nonce
        self._changes = asyncio.Lock()
        self._reads = asyncio.Lock()

    async def change(self, ask: Callable[[], Awaitable[T]]) -> T:
        if self.wide:
            return await ask()
        async with self._changes:
            return await ask()

    async def read(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self.wide:
            return await ask()
        async with self._reads:
            for _ in range(_TRIES - 1):
                asked, nonce = await self._signed(ask)
                try:
                    return await asked
                except Answered as answer:
                    if answer.code != OVERTAKEN or nonce == self._last_nonce():
                        raise
                finally:
                    asked.cancel()
            async with self._changes:
                return await ask()

    async def _signed(
        self, ask: Callable[[], Coroutine[Any, Any, T]]
    ) -> tuple[asyncio.Task[T], int]:
        """Let a read leave while nothing that changes something is under way; gives its nonce."""
        async with self._changes:
            before = self._last_nonce()
            asked = asyncio.create_task(ask(), name="kraken read")
            try:
                await asyncio.sleep(0)  # a request is signed in its first step
                if self._last_nonce() == before:
                    await asyncio.wait({asked})
            except asyncio.CancelledError:
                asked.cancel()
                raise
            return asked, self._last_nonce()

"""Orders whose end was heard before all of their fills."""

import asyncio
from decimal import Decimal
from typing import NamedTuple

_FILLS_S = 1.0
"""The stream tells an order's fills within this time, or they are asked for."""


class Ending(NamedTuple):
    filled: Decimal
    """What it has got, by the venue's word."""
    size: Decimal
    due_s: float
    """Time of the loop until which its fills are waited for."""


class Endings:
    """By hash, oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[str, Ending] = {}
        self._more = asyncio.Event()

    def __contains__(self, number: str) -> bool:
        return number in self._waiting

    def add(self, number: str, filled: Decimal, size: Decimal) -> None:
        due_s = asyncio.get_running_loop().time() + _FILLS_S
        self._waiting[number] = Ending(filled, size, due_s)
        self._more.set()

    def drop(self, number: str) -> None:
        self._waiting.pop(number, None)

    def waiting(self) -> list[tuple[str, Ending]]:
        return list(self._waiting.items())

    async def overdue(self) -> dict[str, Ending]:
        """Wait for those whose fills have not come in time."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            late = {name: told for name, told in self._waiting.items() if told.due_s <= now}
            if late:
                return late
            if self._waiting:
                await asyncio.sleep(min(told.due_s for told in self._waiting.values()) - now)
                continue
            self._more.clear()
            await self._more.wait()

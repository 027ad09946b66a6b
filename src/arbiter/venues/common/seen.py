"""Trades that were told already, where a venue gives them no rising number."""

from collections import deque
from collections.abc import Hashable

REMEMBERED = 5_000
"""Trades of one connection: what a reconnect may repeat."""


class SeenTrades:
    """The newest ids, so many of them."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._order: deque[Hashable] = deque()
        self._known: set[Hashable] = set()
        self._remembered = remembered

    def is_new(self, name: Hashable) -> bool:
        if name in self._known:
            return False
        self._known.add(name)
        self._order.append(name)
        if len(self._order) > self._remembered:
            self._known.discard(self._order.popleft())
        return True

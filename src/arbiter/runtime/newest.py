"""What was met before, as far as it is worth remembering: the newest so many."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

KEPT = 20_000


class Newest(Generic[K]):
    """A set that lets go of the oldest; to meet one again keeps it from being that."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._known: dict[K, None] = {}

    def __contains__(self, key: K) -> bool:
        if key not in self._known:
            return False
        self._known[key] = self._known.pop(key)
        return True

    def __len__(self) -> int:
        return len(self._known)

    def add(self, key: K) -> None:
        self._known.pop(key, None)
        self._known[key] = None
        if len(self._known) > self._kept:
            del self._known[next(iter(self._known))]

    def update(self, keys: Iterable[K]) -> None:
        for key in keys:
            self.add(key)

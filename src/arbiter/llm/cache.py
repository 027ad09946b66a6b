"""Answers given before: an equal question within the hour costs nothing."""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class AnswerCache(Generic[T]):
    def __init__(self, *, age_ns: int, entries: int) -> None:
        self._age_ns = age_ns
        self._entries = entries
        self._kept: OrderedDict[str, tuple[int, T]] = OrderedDict()

    def get(self, key: str, now_ns: int) -> T | None:
        found = self._kept.get(key)
        if found is None:
            return None
        if now_ns - found[0] > self._age_ns:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return found[1]

    def put(self, key: str, answer: T, now_ns: int) -> None:
        self._kept[key] = (now_ns, answer)
        self._kept.move_to_end(key)
        while len(self._kept) > self._entries:
            self._kept.popitem(last=False)

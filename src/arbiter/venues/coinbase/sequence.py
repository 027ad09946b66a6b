"""Counting a connection's messages: each must carry the number after the last one's."""

from enum import Enum


class Step(Enum):
    NEXT = "next"
    STALE = "stale"
    GAP = "gap"


class Counted:
    """Whatever comes first is where counting begins."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: int | None = None

    def take(self, number: int) -> Step:
        last = self.last
        if last is not None and number <= last:
            return Step.STALE
        self.last = number
        return Step.NEXT if last is None or number == last + 1 else Step.GAP

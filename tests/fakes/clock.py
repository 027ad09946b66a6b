"""A clock that stands still until it is moved, and ids in order."""

from uuid import UUID

from arbiter.model.ids import uuid7

START_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""


class FakeClock:
    def __init__(self, now_ns: int = START_NS) -> None:
        self.wall_ns = now_ns
        self.steady_ns = 0

    def now_ns(self) -> int:
        return self.wall_ns

    def monotonic_ns(self) -> int:
        return self.steady_ns

    def advance(self, ns: int) -> None:
        self.wall_ns += ns
        self.steady_ns += ns


class FakeIds:
    def __init__(self, after: int = 0) -> None:
        self._count = after

    def new_id(self) -> UUID:
        self._count += 1
        return uuid7(START_NS + self._count * 1_000_000, self._count)

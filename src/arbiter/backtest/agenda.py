"""Virtual time: a clock that is set, what is due when, and ids drawn from a seed."""

import random
from collections.abc import Callable
from heapq import heappop, heappush
from uuid import UUID

from arbiter.model.ids import uuid7

Act = Callable[[], None]

NEVER = 2**62
"""Later than any time, ns."""


class VirtualClock:
    """Stands where it is set; wall and monotonic time are one."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic_ns(self) -> int:
        return self._now_ns

    def set(self, now_ns: int) -> None:
        """Move to a time; a time already passed changes nothing."""
        self._now_ns = max(self._now_ns, now_ns)


class SeededIds:
    """UUIDv7 of virtual time and a seed: the same run, the same ids."""

    def __init__(self, clock: VirtualClock, seed: int) -> None:
        self._clock = clock
        self._random = random.Random(seed)

    def new_id(self) -> UUID:
        return uuid7(self._clock.now_ns(), self._random.getrandbits(74))


class Agenda:
    """What is due, by time and then in the order it was asked for."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._due: list[tuple[int, int, Act]] = []
        self._number = 0
        self._dropped: set[int] = set()
        self.next_ns = NEVER
        """When the next thing is due; `NEVER` with nothing to do."""

    def at(self, at_ns: int, act: Act) -> int:
        """Have something done at a time; gives the number to `drop` it by."""
        self._number += 1
        heappush(self._due, (at_ns, self._number, act))
        self.next_ns = self._due[0][0]
        return self._number

    def drop(self, number: int) -> None:
        """Leave undone what is still to come: nothing stops at its time any more."""
        self._dropped.add(number)
        self._look_ahead()

    def run_next(self) -> None:
        """Do the next thing at its time."""
        at_ns, _, act = heappop(self._due)
        self._look_ahead()
        self._clock.set(at_ns)
        act()

    def _look_ahead(self) -> None:
        due, dropped = self._due, self._dropped
        while due and due[0][1] in dropped:
            dropped.remove(heappop(due)[1])
        self.next_ns = due[0][0] if due else NEVER

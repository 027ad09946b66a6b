"""An asyncio loop whose time is virtual: waiting costs nothing, order of events is exact."""

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any

from arbiter.model.time import NS_PER_S
from tests.fakes.clock import START_NS


class NothingLeft(Exception):
    """Everybody waits and no timer is set: the world would stand still for ever."""


class _Skip(selectors.SelectSelector):
    """Instead of sleeping, moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingLeft
        if timeout > 0:
            self.now_ns += max(int(timeout * NS_PER_S), 1)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return super().get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skip = _Skip()
        super().__init__(self._skip)

    def time(self) -> float:
        return self._skip.now_ns / NS_PER_S

    @property
    def now_ns(self) -> int:
        return self._skip.now_ns


class VirtualClock:
    """The loop's time; `step_ns` is what somebody did to the wall clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.step_ns = 0

    def now_ns(self) -> int:
        return START_NS + self._loop.now_ns + self.step_ns

    def monotonic_ns(self) -> int:
        return self._loop.now_ns

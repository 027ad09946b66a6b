"""Waiting between attempts to reconnect: longer each time, never in step with others."""

from collections.abc import Callable


class Backoff:
    """Delays double from `first_s` to `longest_s`; each is cut by up to a half at random."""

    def __init__(
        self, draw: Callable[[], float], first_s: float = 0.05, longest_s: float = 2.0
    ) -> None:
        self._draw = draw
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def reset(self) -> None:
        self._next_s = self._first_s

    def delay_s(self) -> float:
        delay, self._next_s = self._next_s, min(self._next_s * 2.0, self._longest_s)
        return delay * (1.0 - 0.5 * self._draw())

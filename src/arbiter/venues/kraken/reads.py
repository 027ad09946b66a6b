"""Kraken's counter of a key's reads, kept on this side too: whoever exceeds it is sent away.

It rises with every read and sinks at a pace of its own. Orders and cancels are not counted by it,
so reads wait here, and never for orders.
"""

MOST, SINKS_PER_S = 20.0, 0.5
"""Of the tier "Intermediate"."""
HISTORY = 2.0
"""What a history costs; any other read costs 1."""


class ReadCounter:
    def __init__(self) -> None:
        self._count = 0.0
        self._at_s = 0.0

    def wait_s(self, cost: float, now_s: float) -> float:
        """Count a read; gives for how many seconds to wait before asking."""
        self._sink(now_s)
        self._count += cost
        return max(0.0, self._count - MOST) / SINKS_PER_S

    def full(self, now_s: float) -> None:
        """The venue says that it is full, as after a restart."""
        self._sink(now_s)
        self._count = max(self._count, MOST)

    def _sink(self, now_s: float) -> None:
        gone_s = max(0.0, now_s - self._at_s)
        self._count = max(0.0, self._count - gone_s * SINKS_PER_S)
        self._at_s = max(self._at_s, now_s)

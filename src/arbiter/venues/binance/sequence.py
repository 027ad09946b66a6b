"""Keeping a book in step with Binance's numbered updates.

Source: "How to manage a local order book correctly" of the spot and of the USD-M documentation.
Updates are kept until a snapshot comes; the snapshot is taken when it joins them without a hole.
A spot update covers numbers U…u and must not begin beyond the number after the last. A futures
update names the one before it (``pu``); only the first after a snapshot is placed by U and u.
"""

from collections import deque
from enum import Enum

from arbiter.venues.binance.decode import DepthSnapshot, DepthUpdate
from arbiter.venues.common.depth_book import DepthBook
from arbiter.venues.common.frames import BadFrame

_KEPT = 2_000
"""Updates that wait for a snapshot: more than three minutes at ten a second."""


class Step(Enum):
    APPLIED = "applied"
    KEPT = "kept"
    """Waits for a snapshot."""
    STALE = "stale"
    GAP = "gap"
    """Something is missing: a snapshot is needed."""


class NumberedBook:
    """One instrument's book and how far it has come."""

    def __init__(self, *, linked: bool) -> None:
        self.book = DepthBook()
        self.in_step = False
        self._linked = linked
        self._last = 0
        self._fresh = False
        """No update has been applied since the snapshot."""
        self._kept: deque[DepthUpdate] = deque(maxlen=_KEPT)

    def update(self, told: DepthUpdate) -> Step:
        """Take an update. A level that cannot be is `BadFrame`, and the book out of step."""
        if not self.in_step:
            self._kept.append(told)
            return Step.KEPT
        last = self._last
        if told.u < last or (told.u == last and not (self._fresh and self._linked)):
            return Step.STALE
        if self._fresh:
            follows = self._joins(told, last)
        else:
            follows = told.pu == last if self._linked else last + 1 >= told.U
        if not follows:
            self.lose()
            self._kept.append(told)
            return Step.GAP
        return self._apply(told)

    def snapshot(self, told: DepthSnapshot) -> bool:
        """Start from a snapshot and the updates kept; False when it is older than they reach."""
        first = next((kept for kept in self._kept if not self._was(kept, told.last)), None)
        if first is not None and not self._joins(first, told.last):
            return False
        kept = list(self._kept)
        self._kept.clear()
        self.book.replace(told.bids, told.asks)
        self._last, self._fresh, self.in_step = told.last, True, True
        for update in kept:
            if self.update(update) is Step.GAP:
                return False
        if self.book.crossed:
            self.lose()
        return self.in_step

    def lose(self) -> None:
        """Be out of step until the next snapshot."""
        self.in_step = False
        self._kept.clear()

    def _apply(self, told: DepthUpdate) -> Step:
        try:
            whole = self.book.change(told.b, told.a)
        except BadFrame:
            self.lose()
            raise
        self._last, self._fresh = told.u, False
        if not whole:
            self.lose()
            return Step.GAP
        return Step.APPLIED

    def _was(self, told: DepthUpdate, last: int) -> bool:
        """Whether a snapshot numbered `last` already holds an update."""
        return told.u < last if self._linked else told.u <= last

    def _joins(self, told: DepthUpdate, last: int) -> bool:
        """Whether an update can be the first after a snapshot numbered `last`."""
        if self._linked:
            return told.U <= last <= told.u or told.pu == last
        return last + 1 >= told.U

"""Keeping a book in step with Bybit's numbered messages.

A snapshot starts the book anew, whatever its number (1 after a restart of the venue). A delta must
carry the number after the last. Source: "Orderbook" of the public stream's documentation.
"""

from enum import Enum

from arbiter.venues.bybit.decode import BookData
from arbiter.venues.common.depth_book import DepthBook
from arbiter.venues.common.frames import BadFrame


class Step(Enum):
    APPLIED = "applied"
    WAITING = "waiting"
    """Out of step: only a snapshot helps."""
    STALE = "stale"
    GAP = "gap"


class NumberedBook:
    """One instrument's book and its last number. A snapshot is unfolded when first needed."""

    __slots__ = ("_book", "_snapshot", "in_step", "last")

    def __init__(self) -> None:
        self._book = DepthBook()
        self._snapshot: BookData | None = None
        self.in_step = False
        self.last = 0

    @property
    def book(self) -> DepthBook:
        """`BadFrame` when the snapshot cannot be."""
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            self._book.replace(snapshot.b, snapshot.a)
            if self._book.crossed:
                raise BadFrame(f"a crossed snapshot numbered {snapshot.u}")
        return self._book

    def snapshot(self, told: BookData) -> None:
        self._snapshot = told
        self.last = told.u
        self.in_step = True

    def delta(self, told: BookData) -> Step:
        """Apply a change. A level that cannot be is `BadFrame`, and the book out of step."""
        if not self.in_step:
            return Step.WAITING
        if told.u <= self.last:
            return Step.STALE
        if told.u != self.last + 1:
            self.in_step = False
            return Step.GAP
        try:
            whole = self.book.change(told.b, told.a)
        except BadFrame:
            self.in_step = False
            raise
        self.last = told.u
        if not whole:
            self.in_step = False
            return Step.GAP
        return Step.APPLIED

"""Keeping a book in step with OKX's numbered messages.

A snapshot starts the book anew. An update names the message before it, which must be the last one
taken; one without changes repeats the last number to say that the book still stands. Numbers need
not rise: after a maintenance they begin lower, still linked. Where the venue tells a checksum, the
book must come to it. Source: OKX API v5, "Order book channel", sequence id and checksum.
"""

from collections.abc import Sequence
from enum import Enum

from arbiter.venues.common.depth_book import DepthBook
from arbiter.venues.common.frames import BadFrame, Levels
from arbiter.venues.okx.checksum import Row, WrittenBook
from arbiter.venues.okx.decode import BookRow


class Step(Enum):
    APPLIED = "applied"
    WAITING = "waiting"
    """Out of step: only a snapshot helps."""
    STALE = "stale"
    GAP = "gap"


class NumberedBook:
    """One instrument's book; `unit` is what one unit of the sizes told is worth."""

    __slots__ = ("_before", "_unit", "_written", "book", "in_step", "last")

    def __init__(self, unit: float = 1.0) -> None:
        self.book = DepthBook()
        self._written = WrittenBook()
        self._unit = unit
        self.in_step = False
        self.last = self._before = -1

    def snapshot(self, told: BookRow) -> None:
        """Start anew. `BadFrame` for a book that cannot be, which is then out of step."""
        self.in_step = False
        self.book.replace(self._levels(told.bids), self._levels(told.asks))
        self._written.replace(told.bids, told.asks)
        if self.book.crossed:
            raise BadFrame(f"a crossed snapshot numbered {told.number}")
        self._verify(told)
        self.last, self._before = told.number, told.before
        self.in_step = True

    def update(self, told: BookRow) -> Step:
        """Apply a change. What cannot be is `BadFrame`, and the book out of step."""
        if not self.in_step:
            return Step.WAITING
        if told.before != self.last:
            if (told.number, told.before) == (self.last, self._before):
                return Step.STALE
            self.in_step = False
            return Step.GAP
        self.in_step = False
        whole = self.book.change(self._levels(told.bids), self._levels(told.asks))
        if not whole:
            return Step.GAP
        self._written.change(told.bids, told.asks)
        self._verify(told)
        self.last, self._before = told.number, told.before
        self.in_step = True
        return Step.APPLIED

    def _verify(self, told: BookRow) -> None:
        if told.checksum and told.checksum != (made := self._written.checksum()):
            raise BadFrame(f"checksum {told.checksum} of book {told.number}, which has {made}")

    def _levels(self, rows: Sequence[Row]) -> Levels:
        unit = self._unit
        try:
            return [(float(row[0]), float(row[1]) * unit) for row in rows]
        except ValueError as error:
            raise BadFrame(f"a level that is no number: {error}") from None

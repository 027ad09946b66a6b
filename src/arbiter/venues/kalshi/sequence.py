"""Keeping books in step with Kalshi's numbered messages.

One subscription numbers all its messages, of whatever market, answers to commands included. A
missing number may have been of any of its books, so all are out of step until their next snapshot.
Deltas are differences: a book that missed one stays wrong.
"""

from enum import Enum

from arbiter.venues.common.depth_book import DepthBook
from arbiter.venues.common.frames import BadFrame
from arbiter.venues.kalshi.decode import BookBody

_DIGITS = 2
"""Sizes are hundredths of a contract: sums of differences are brought back to them."""


class Step(Enum):
    NEXT = "next"
    STALE = "stale"
    GAP = "gap"


class Numbering:
    """The last number of one subscription."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = 0

    def take(self, seq: int) -> Step:
        """Count a message; after a gap the count goes on from it."""
        last = self.last
        if last and seq <= last:
            return Step.STALE
        self.last = seq
        return Step.NEXT if not last or seq == last + 1 else Step.GAP


class RelativeBook:
    """One market's book. It is whole from a snapshot until something cannot be."""

    __slots__ = ("book", "in_step")

    def __init__(self) -> None:
        self.book = DepthBook()
        self.in_step = False

    def snapshot(self, told: BookBody) -> None:
        """Raises `BadFrame`, and is out of step, when it cannot be."""
        self.in_step = False
        self.book.replace(told.yes, told.no)
        if self.book.crossed:
            raise BadFrame(f"a crossed snapshot of {told.ticker}")
        self.in_step = True

    def delta(self, told: BookBody) -> bool:
        """Add a difference; False when the book cannot be right any more."""
        book, price = self.book, told.price
        if told.side == "yes":
            size = round(book.bid_size(price) + told.delta, _DIGITS)
        elif told.side == "no":
            size = round(book.ask_size(price) + told.delta, _DIGITS)
        else:
            self.in_step = False
            raise BadFrame(f"a delta of {told.ticker} without its side")
        if not size >= 0.0 or not 0.0 < price < 1.0:
            self.in_step = False
            return False
        level = [(price, size)]
        self.in_step = book.change(level, []) if told.side == "yes" else book.change([], level)
        return self.in_step

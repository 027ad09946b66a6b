"""Coinbase's numbered books over one connection."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import msgspec

from arbiter.ports.clock import Clock
from arbiter.venues.coinbase.decode import BookEvent, Level
from arbiter.venues.coinbase.decode import BookMessage as Message
from arbiter.venues.coinbase.talk import CoinbaseTalk
from arbiter.venues.common.depth_book import DepthBook
from arbiter.venues.common.frames import (
    UNREADABLE,
    BadFrame,
    FeedTally,
    Levels,
    bad,
    fast_decoder,
)
from arbiter.venues.common.stream import Link
from arbiter.venues.common.times import nanos

_decode = fast_decoder(Message)


class Row(msgspec.Struct):
    slot: int
    book: DepthBook
    in_step: bool = False


class Repair:
    """How long the books of one connection's products were lost over a gap."""

    def __init__(self, tally: FeedTally, clock: Clock) -> None:
        self._tally = tally
        self._now_ns = clock.monotonic_ns
        self._lost_ns: int | None = None

    def lost(self) -> None:
        if self._lost_ns is None:
            self._lost_ns = self._now_ns()

    def mended(self) -> None:
        if self._lost_ns is None:
            return
        self._tally.resynced(self._now_ns() - self._lost_ns)
        self._lost_ns = None


class BookTalk(CoinbaseTalk, ABC):
    """Every message goes through its book; `changed` and `lost` are for the feed to say."""

    def __init__(
        self,
        link: Link,
        slots: Mapping[str, int],
        clock: Clock,
        tally: FeedTally,
        repair: Repair,
    ) -> None:
        super().__init__(link, list(slots), tally, "level2")
        self._rows = {product: Row(slot, DepthBook()) for product, slot in slots.items()}
        self._without = len(self._rows)
        """Books that have had no snapshot yet."""
        self._repair = repair
        self._now_ns = clock.now_ns

    def hear(self, data: bytes) -> None:
        try:
            told = _decode(data)
        except UNREADABLE as error:
            self.note(data, bad(data, str(error)))
            return
        if not self.counted(told.sequence_num):
            return
        at_ns = nanos(told.timestamp)
        for event in told.events:
            try:
                row = self._rows[event.product_id]
            except KeyError:
                raise BadFrame(f"{event.product_id!r} was not asked for") from None
            self._take(row, event, at_ns)

    @abstractmethod
    def changed(self, row: Row, at_ns: int) -> None:
        """A book is whole and new."""

    def lost(self, row: Row, why: str) -> None:
        """A book is not to be trusted until it changes."""

    def missing(self) -> None:
        self._repair.lost()

    def closed(self) -> None:
        for row in self._rows.values():
            if row.in_step:
                self.lost(row, "the connection was lost")

    def _take(self, row: Row, event: BookEvent, at_ns: int) -> None:
        whole = event.type == "snapshot"
        if not whole and not row.in_step:
            return
        bids, asks = _sides(event.updates)
        try:
            if whole:
                row.book.replace(bids, asks)
                sound = not row.book.crossed
            else:
                sound = row.book.change(bids, asks)
        except BadFrame as error:
            self._give_up(row, event.product_id, str(error))
            raise
        if not sound:
            self._give_up(row, event.product_id, "bids at or above asks")
            return
        if whole:
            self._began(row)
        self.changed(row, at_ns)

    def _began(self, row: Row) -> None:
        if not row.in_step:
            row.in_step = True
            self._without -= 1
            if not self._without:
                self._repair.mended()

    def _give_up(self, row: Row, product: str, why: str) -> None:
        """Tell of the book that shows it first; the others go with the connection."""
        self._tally.gaps += 1
        self._repair.lost()
        if row.in_step:
            row.in_step = False
            self.lost(row, why)
        self._link.drop(f"the book of {product}: {why}")


def _sides(updates: Sequence[Level]) -> tuple[Levels, Levels]:
    bids: Levels = []
    asks: Levels = []
    for level in updates:
        side = bids if level.side == "bid" else asks
        side.append((level.price_level, level.new_quantity))
    return bids, asks

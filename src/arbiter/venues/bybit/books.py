"""Bybit's numbered books over one connection: verified, and mended by subscribing anew."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import msgspec

from arbiter.ports.clock import Clock
from arbiter.venues.bybit.decode import BookMessage
from arbiter.venues.bybit.sequence import NumberedBook, Step
from arbiter.venues.bybit.talk import BybitTalk
from arbiter.venues.common.frames import UNREADABLE, BadFrame, FeedTally, bad, fast_decoder
from arbiter.venues.common.out_of_step import OutOfStep
from arbiter.venues.common.stream import Link

_decode = fast_decoder(BookMessage)


class Row(msgspec.Struct):
    slot: int
    numbered: NumberedBook


class BookTalk(BybitTalk, ABC):
    """Every message goes through its book; `changed` and `lost` are for the feed to say."""

    def __init__(
        self, link: Link, depth: int, slots: Mapping[str, int], clock: Clock, tally: FeedTally
    ) -> None:
        self._rows = {
            f"orderbook.{depth}.{symbol}": Row(slot, NumberedBook())
            for symbol, slot in slots.items()
        }
        super().__init__(link, self._rows, tally)
        self._out = OutOfStep(tally, clock)
        self._now_ns = clock.now_ns

    def hear(self, data: bytes) -> None:
        try:
            told = _decode(data)
        except UNREADABLE as error:
            self.note(data, bad(data, str(error)))
            return
        try:
            row = self._rows[told.topic]
        except KeyError:
            raise BadFrame(f"{told.topic!r} was not asked for") from None
        self.take(row, told)

    def take(self, row: Row, told: BookMessage) -> None:
        if told.type == "snapshot":
            row.numbered.snapshot(told.data)
            try:
                self.changed(row, told)
            except BadFrame as error:
                self._lose(told.topic, row, str(error))
                raise
            self._out.mend(told.topic)
        else:
            self._delta(row, told)

    @abstractmethod
    def changed(self, row: Row, told: BookMessage) -> None:
        """A book is whole and new. Raises `BadFrame` when it cannot be."""

    def lost(self, row: Row, why: str) -> None:
        """A book is not to be trusted until it changes."""

    def tick(self) -> None:
        why = self._out.hopeless()
        if why is not None:
            self._link.drop(why)

    def closed(self) -> None:
        super().closed()
        for row in self._rows.values():
            if row.numbered.in_step:
                self.lost(row, "the connection was lost")

    def _delta(self, row: Row, told: BookMessage) -> None:
        try:
            step = row.numbered.delta(told.data)
        except BadFrame as error:
            self._lose(told.topic, row, str(error))
            raise
        if step is Step.APPLIED:
            self.changed(row, told)
        elif step is Step.STALE:
            self._tally.stale += 1
        elif step is Step.GAP:
            self._tally.gaps += 1
            self._lose(told.topic, row, f"a gap before update {told.data.u}")

    def _lose(self, topic: str, row: Row, why: str) -> None:
        row.numbered.in_step = False
        self._out.lose(topic, why)
        self.lost(row, why)
        self.renew(topic)

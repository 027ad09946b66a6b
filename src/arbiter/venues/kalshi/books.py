"""Kalshi's books over one connection: verified by number, mended and kept fresh by snapshots.

A quiet market says nothing for hours. Its book is asked for every second, which tells that it still
stands, and that nothing was lost on the way.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.venues.common.frames import UNREADABLE, BadFrame, FeedTally, bad, fast_decoder
from arbiter.venues.common.out_of_step import OutOfStep
from arbiter.venues.common.stream import Link
from arbiter.venues.kalshi.decode import BookMessage
from arbiter.venues.kalshi.sequence import Numbering, RelativeBook, Step
from arbiter.venues.kalshi.talk import KalshiTalk

_decode = fast_decoder(BookMessage)

REFRESH_NS = NS_PER_S
"""A book unheard of for so long is asked for."""


class Row(msgspec.Struct):
    ticker: str
    slot: int
    relative: RelativeBook
    sid: int = 0
    heard_ns: int = 0
    """Monotonic."""
    at_ns: int = 0
    """The exchange's time of the last change; never goes back."""


class BookTalk(KalshiTalk, ABC):
    """Every message goes through its book; `changed` and `lost` are for the feed to say."""

    def __init__(
        self, link: Link, slots: Mapping[str, int], clock: Clock, tally: FeedTally
    ) -> None:
        self._rows = {ticker: Row(ticker, slot, RelativeBook()) for ticker, slot in slots.items()}
        super().__init__(link, "orderbook_delta", self._rows, tally)
        self._numbers: dict[int, Numbering] = {}
        self._out = OutOfStep(tally, clock)
        self._clock = clock
        self._now_ns = clock.now_ns

    def hear(self, data: bytes) -> None:
        try:
            told = _decode(data)
        except UNREADABLE as error:
            self.note(data, bad(data, str(error)))
            return
        row = self._rows.get(told.msg.ticker)
        if row is None:
            raise BadFrame(f"{told.msg.ticker!r} was not asked for")
        step = self._count(told.sid, told.seq)
        if step is Step.STALE:
            self._tally.stale += 1
            return
        row.sid = told.sid
        if told.type == "orderbook_snapshot":
            self._snapshot(row, told)
        elif row.relative.in_step:
            self._delta(row, told)

    @abstractmethod
    def changed(self, row: Row) -> None:
        """A book is whole and new."""

    def lost(self, row: Row, why: str) -> None:
        """A book is not to be trusted until it changes."""

    def granted(self, sid: int, tickers: Sequence[str]) -> None:
        now = self._clock.monotonic_ns()
        for ticker in tickers:
            self._rows[ticker].sid = sid
            self._rows[ticker].heard_ns = now

    def numbered(self, sid: int, seq: int) -> None:
        self._count(sid, seq)

    def tick(self) -> None:
        why = self._out.hopeless(most=len(self._rows))
        if why is not None:
            self._link.drop(why)
            return
        now = self._clock.monotonic_ns()
        quiet = [
            row
            for row in self._rows.values()
            if row.sid and row.ticker not in self._out and now - row.heard_ns >= REFRESH_NS
        ]
        self._ask(quiet)

    def closed(self) -> None:
        super().closed()
        for row in self._rows.values():
            if row.relative.in_step:
                self.lost(row, "the connection was lost")

    def _count(self, sid: int, seq: int) -> Step:
        step = self._numbers.setdefault(sid, Numbering()).take(seq)
        if step is Step.GAP:
            self._tally.gaps += 1
            rows = [row for row in self._rows.values() if row.sid == sid]
            for row in rows:
                if row.relative.in_step:
                    self._lose(row, f"a gap before message {seq}")
            self._ask(rows)  # those that wait already, too: theirs may have been the missing one
        return step

    def _snapshot(self, row: Row, told: BookMessage) -> None:
        try:
            row.relative.snapshot(told.msg)
        except BadFrame as error:
            self._lose(row, str(error))
            self._ask([row])
            raise
        self._heard(row, 0)
        self._out.mend(row.ticker)

    def _delta(self, row: Row, told: BookMessage) -> None:
        try:
            whole = row.relative.delta(told.msg)
        except BadFrame as error:
            self._lose(row, str(error))
            self._ask([row])
            raise
        if whole:
            self._heard(row, told.msg.ts_ms)
        else:
            self._tally.gaps += 1
            self._lose(row, "a book that cannot be")
            self._ask([row])

    def _heard(self, row: Row, ts_ms: int) -> None:
        row.heard_ns = self._clock.monotonic_ns()
        row.at_ns = max(row.at_ns, ts_ms * NS_PER_MS if ts_ms else self._now_ns())
        self.changed(row)

    def _lose(self, row: Row, why: str) -> None:
        row.relative.in_step = False
        self._out.lose(row.ticker, why)
        self.lost(row, why)

    def _ask(self, rows: Iterable[Row]) -> None:
        """Ask for snapshots: one command per subscription."""
        wanted: dict[int, list[str]] = {}
        now = self._clock.monotonic_ns()
        for row in rows:
            wanted.setdefault(row.sid, []).append(row.ticker)
            row.heard_ns = now
        for sid, tickers in wanted.items():
            params = {"sids": [sid], "market_tickers": tickers, "action": "get_snapshot"}
            self._link.send(self.command("update_subscription", params))

"""The market stream over one connection: subscribing, books in step, mending by a new snapshot."""

from collections.abc import Mapping

import msgspec
import structlog

from arbiter.ports.clock import Clock
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.out_of_step import OutOfStep
from arbiter.venues.common.stream import Link
from arbiter.venues.polymarket.decode import Change, Event, at_ns, read_events
from arbiter.venues.polymarket.tokens import Step, TokenBook

log = structlog.get_logger(__name__)

_PATIENCE = 3
"""Answers to pings after which a book that has not come is not expected: its market is over."""


class Row(msgspec.Struct):
    slot: int
    told: TokenBook
    at_ns: int = 0
    """The venue's time of what was last told of it."""


class Terms(msgspec.Struct, frozen=True):
    """Of one token: its slot, and what its book's hash is made with."""

    slot: int
    tick: str
    least: str


class MarketTalk:
    """`changed` and `lost` are for the feed to say; `traded` is a public trade."""

    keepalive: bytes | None = b"PING"

    def __init__(
        self, link: Link, terms: Mapping[str, Terms], clock: Clock, tally: FeedTally
    ) -> None:
        self._link = link
        self._clock = clock
        self._tally = tally
        self._rows = {
            token: Row(one.slot, TokenBook(token, one.tick, one.least))
            for token, one in terms.items()
        }
        self._out = OutOfStep(tally, clock)
        self._waiting = set(self._rows)
        self._pongs = 0

    # What a feed makes of it.

    def changed(self, row: Row) -> None:
        """A book is whole and new."""

    def lost(self, row: Row, why: str) -> None:
        """A book is not to be trusted until it changes."""

    def traded(self, row: Row, told: Event) -> None:
        """A public trade was told."""

    def alive(self) -> None:
        """The venue answered: all that is in step stands as it was told."""

    # Talk.

    def opened(self) -> None:
        self._send({"assets_ids": list(self._rows), "type": "market"})

    def hear(self, data: bytes) -> None:
        if data == b"PONG":
            self._link.aside()
            self._pongs += 1
            if self._waiting and self._pongs >= _PATIENCE:
                log.info("markets without a book", tokens=len(self._waiting))
                self._waiting.clear()
                self._link.ready()
            self.alive()
            return
        for event in read_events(data):
            self._event(event)

    def tick(self) -> None:
        why = self._out.hopeless()
        if why is not None:
            self._link.drop(why)

    def closed(self) -> None:
        for row in self._rows.values():
            if row.told.in_step:
                self.lost(row, "the connection was lost")

    def _event(self, event: Event) -> None:
        kind = event.event_type
        if kind == "price_change":
            self._changes(event)
        elif kind == "book":
            self._snapshot(event)
        elif kind == "last_trade_price":
            row = self._row(event.asset_id)
            row.told.traded(event.price)
            self.traded(row, event)
        elif kind == "tick_size_change":
            row = self._row(event.asset_id)
            row.told.new_tick(event.new_tick_size)
            log.info("tick size changed", slot=row.slot, tick=event.new_tick_size)
        elif kind == "market_resolved":
            self._resolved(event)
        elif not kind:
            raise BadFrame("an event without its kind")
        # What else there is (new markets, best prices) was not asked for and says nothing new.

    def _row(self, token: str) -> Row:
        try:
            return self._rows[token]
        except KeyError:
            raise BadFrame(f"{token[:20]!r} was not asked for") from None

    def _snapshot(self, event: Event) -> None:
        row = self._row(event.asset_id)
        at = at_ns(event)
        try:
            row.told.snapshot(event)
        except BadFrame as error:
            self._lose(event.asset_id, row, str(error))
            raise
        self._waiting.discard(event.asset_id)
        if not self._waiting:
            self._link.ready()
        self._out.mend(event.asset_id)
        row.at_ns = at
        self.changed(row)

    def _changes(self, event: Event) -> None:
        at = at_ns(event)
        mine: dict[str, list[Change]] = {}
        for change in event.price_changes:
            if change.asset_id in self._rows:
                mine.setdefault(change.asset_id, []).append(change)
        for token, changes in mine.items():
            row = self._rows[token]
            try:
                step = row.told.changed(changes, event.timestamp)
            except BadFrame as error:
                row.told.in_step = False
                self._lose(token, row, str(error))
                raise
            if step is Step.APPLIED:
                row.at_ns = at
                self.changed(row)
            elif step is Step.GAP:
                self._tally.gaps += 1
                self._lose(token, row, "the book is not the venue's")

    def _resolved(self, event: Event) -> None:
        for token in event.assets_ids:
            row = self._rows.get(token)
            if row is not None:
                row.told.in_step = False
                self._out.forget(token)
                self.lost(row, "the market is decided")

    def _lose(self, token: str, row: Row, why: str) -> None:
        self._out.lose(token, why)
        self.lost(row, why)
        for operation in ("unsubscribe", "subscribe"):
            self._send({"assets_ids": [token], "operation": operation})

    def _send(self, request: dict[str, object]) -> None:
        self._link.send(msgspec.json.encode(request))

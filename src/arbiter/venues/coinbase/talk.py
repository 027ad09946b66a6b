"""What every Coinbase stream has in common: counting, subscribing, heartbeats.

A missing message may have been of any product: the connection is given up with all its books, and
a new one starts from snapshots.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from msgspec.structs import replace

from arbiter.venues.coinbase.decode import read_notice
from arbiter.venues.coinbase.sequence import Counted, Step
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link, StreamSettings

log = structlog.get_logger(__name__)

PRODUCTS_PER_CONNECTION = 25


class CoinbaseTalk:
    """Asks for all products at once, and one by one when that is refused.

    An answer names everything subscribed to, and an error names nothing: so one request is under
    way at a time. `note` takes what `hear` could not read.
    """

    keepalive: bytes | None = None
    """The channel ``heartbeats`` keeps a connection open."""

    def __init__(self, link: Link, products: Sequence[str], tally: FeedTally, channel: str) -> None:
        self._link = link
        self._tally = tally
        self._channel = channel
        self._waiting: list[tuple[str, ...]] = [tuple(products)]
        self._asked: tuple[str, ...] | None = None
        self._counted = Counted()

    def opened(self) -> None:
        self._link.send(msgspec.json.encode({"type": "subscribe", "channel": "heartbeats"}))
        self._next()

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        """Nothing is kept."""

    def counted(self, number: int) -> bool:
        """Count a message; False for one that is not to be taken."""
        step = self._counted.take(number)
        if step is Step.NEXT:
            return True
        if step is Step.STALE:
            self._tally.stale += 1
        else:
            self._tally.gaps += 1
            self.missing()
            self._link.drop(f"messages before {number} are missing")
        return False

    def missing(self) -> None:
        """A message is missing; the connection is about to be given up."""

    def note(self, data: bytes, unread: BadFrame) -> None:
        """Take an answer, an error or a heartbeat; raises `unread` for anything else."""
        self._link.aside()
        try:
            notice = read_notice(data)
        except BadFrame:
            raise unread from None
        if notice.type == "error":
            self._refused(notice.message)
            return
        if notice.channel not in ("subscriptions", "heartbeats") or notice.sequence_num is None:
            raise unread
        if self.counted(notice.sequence_num) and notice.channel == "subscriptions":
            for event in notice.events:
                self._granted(event.subscriptions.get(self._channel, []))

    def _granted(self, products: Sequence[str]) -> None:
        if self._asked is not None and set(self._asked) <= set(products):
            self._asked = None
            self._next()

    def _refused(self, why: str) -> None:
        asked, self._asked = self._asked, None
        if asked is None or "rate limit" in why.lower():
            self._link.drop(f"refused: {why}")
            return
        if len(asked) > 1:
            self._waiting = [(product,) for product in asked] + self._waiting
        else:
            self._tally.refused += 1
            log.warning("subscription refused", product=asked[0], why=why)
        self._next()

    def _next(self) -> None:
        if not self._waiting:
            self._link.ready()
            return
        self._asked = self._waiting.pop(0)
        self._link.send(subscribe(self._channel, self._asked))


def subscribe(channel: str, products: Sequence[str], **more: Any) -> bytes:
    asked = {"type": "subscribe", "product_ids": list(products), "channel": channel}
    return msgspec.json.encode(asked | more)


def pace(settings: StreamSettings) -> StreamSettings:
    """Eight requests a second may be made without a key."""
    return replace(settings, request_gap_s=min(settings.request_gap_s, 0.15))

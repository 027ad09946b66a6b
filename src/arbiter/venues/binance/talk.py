"""What every Binance stream has in common: subscribing, and what is no market message."""

from collections.abc import Iterable, Sequence

import msgspec

from arbiter.venues.binance.decode import read_notice
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link
from arbiter.venues.common.subscriptions import Subscriptions

BATCH = 100
"""Streams in one request."""
STREAMS_PER_CONNECTION = 200
"""Binance allows 1024 and advises 200."""


class BinanceTalk:
    """Subscribes when the connection opens; `note` takes what `hear` could not read."""

    keepalive: bytes | None = None
    """Binance is content with protocol pings."""

    def __init__(self, link: Link, streams: Iterable[str], tally: FeedTally) -> None:
        self._link = link
        self._tally = tally
        self._subscriptions = Subscriptions(streams, _subscribe, BATCH)

    def opened(self) -> None:
        self._send()

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        self._tally.refused += len(self._subscriptions.refused)

    def note(self, data: bytes, unread: BadFrame) -> None:
        """Take an answer or announcement; raises `unread` for anything else."""
        self._link.aside()
        notice = read_notice(data)
        if notice.e == "serverShutdown":
            self._link.drop("the venue announced its shutdown")
        elif notice.id is not None:
            if self._subscriptions.answered(notice.id, notice.refusal):
                self._send()
        elif notice.refusal is not None:
            self._link.drop(f"the venue complained: {notice.refusal}")
        else:
            raise unread

    def _send(self) -> None:
        for request in self._subscriptions.requests():
            self._link.send(request)
        if self._subscriptions.settled:
            self._link.ready()


def _subscribe(number: int, streams: Sequence[str]) -> bytes:
    return msgspec.json.encode({"method": "SUBSCRIBE", "params": list(streams), "id": number})

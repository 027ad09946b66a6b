"""What every Bybit stream has in common: subscribing, answers, keeping the connection alive."""

from collections.abc import Iterable, Sequence

import msgspec

from arbiter.venues.bybit.decode import Notice, read_notice
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link
from arbiter.venues.common.subscriptions import Subscriptions

BATCH = 10
"""Topics in one request; the spot limit."""
TOPICS_PER_CONNECTION = 200


class BybitTalk:
    """Subscribes when the connection opens; `note` takes what `hear` could not read."""

    keepalive: bytes | None = b'{"op":"ping"}'
    """Bybit closes a connection that does not say so at least every 20 s."""

    def __init__(self, link: Link, topics: Iterable[str], tally: FeedTally) -> None:
        self._link = link
        self._tally = tally
        self._subscriptions = Subscriptions(topics, _subscribe, BATCH)

    def opened(self) -> None:
        self._send()

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        self._tally.refused += len(self._subscriptions.refused)

    def note(self, data: bytes, unread: BadFrame) -> None:
        """Take an answer; raises `unread` for anything else."""
        self._link.aside()
        try:
            notice = read_notice(data)
        except BadFrame:
            raise unread from None
        if notice.op == "subscribe":
            self._answered(notice)
        elif notice.op not in ("ping", "pong", "unsubscribe"):
            raise unread

    def _answered(self, notice: Notice) -> None:
        number = int(notice.req_id) if notice.req_id.isdecimal() else None
        if number is None and notice.req_id:
            return  # to a request that is none of the subscriptions'
        if notice.data is not None:
            for topic in notice.data.failed:
                self._subscriptions.refused[topic] = notice.ret_msg or "failed"
        refusal = None if notice.success is not False else notice.ret_msg or "refused"
        if self._subscriptions.answered(number, refusal):
            self._send()

    def _send(self) -> None:
        for request in self._subscriptions.requests():
            self._link.send(request)
        if self._subscriptions.settled:
            self._link.ready()

    def renew(self, topic: str) -> None:
        """Ask for a topic anew: its first message is a snapshot."""
        for op in ("unsubscribe", "subscribe"):
            self._link.send(request(op, [topic], f"again-{topic}"))


def _subscribe(number: int, topics: Sequence[str]) -> bytes:
    return request("subscribe", topics, str(number))


def request(op: str, topics: Sequence[str], name: str) -> bytes:
    return msgspec.json.encode({"op": op, "args": list(topics), "req_id": name})

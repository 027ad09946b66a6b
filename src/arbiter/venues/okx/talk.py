"""What every OKX stream has in common: subscribing, answers, keeping the connection alive."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link, StreamSettings
from arbiter.venues.common.subscriptions import Subscriptions
from arbiter.venues.okx.decode import Notice, read_notice

BATCH = 50
"""Topics in one request; the venue bounds its bytes alone, at 64 KiB."""
TOPICS_PER_CONNECTION = 200

_PONG = b"pong"
_WRONG_TOPIC = "60018"


class OkxTalk:
    """Subscribes when the connection opens; `note` takes what `hear` could not read.

    Topics are written ``channel:instrument``. The venue answers each topic of a request by itself,
    and a bad one with an error that may not say which.
    """

    keepalive: bytes | None = b"ping"
    """OKX answers no protocol pings, and closes a connection that said nothing for 30 s."""

    def __init__(self, link: Link, topics: Iterable[str], tally: FeedTally) -> None:
        self._link = link
        self._tally = tally
        self._asked: dict[str, int] = {}
        """Request of each topic not yet answered."""
        self._subscriptions = Subscriptions(topics, self._subscribe, BATCH)

    def opened(self) -> None:
        self._send()

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        self._tally.refused += len(self._subscriptions.refused)

    def note(self, data: bytes, unread: BadFrame) -> None:
        """Take an answer; raises `unread` for anything else."""
        if data == _PONG:
            self._link.aside()
            return
        try:
            notice = read_notice(data)
        except BadFrame:
            raise unread from None
        self._link.aside()
        match notice.event:
            case "subscribe":
                self._granted(notice)
            case "error":
                self._refused(notice)
            case "notice":
                self._link.drop(f"the venue says: {notice.code} {notice.msg}")
            case "unsubscribe" | "channel-conn-count":
                return
            case _:
                raise unread

    def _granted(self, notice: Notice) -> None:
        number = self._asked.pop(notice.arg.topic, None) if notice.arg else None
        if number is not None and number not in self._asked.values():
            self._subscriptions.answered(number, None)
            self._send()

    def _refused(self, notice: Notice) -> None:
        if not self._asked or (notice.id and not notice.id.isdecimal()):
            return
        number = int(notice.id) if notice.id else next(iter(self._asked.values()))
        self._asked = {topic: by for topic, by in self._asked.items() if by != number}
        why = f"{notice.code or _WRONG_TOPIC} {notice.msg}".strip()
        if self._subscriptions.answered(number, why):
            self._send()

    def _send(self) -> None:
        for request in self._subscriptions.requests():
            self._link.send(request)
        if self._subscriptions.settled:
            self._link.ready()

    def _subscribe(self, number: int, topics: Sequence[str]) -> bytes:
        self._asked.update(dict.fromkeys(topics, number))
        return request("subscribe", topics, str(number))

    def renew(self, topic: str) -> None:
        """Ask for a topic anew: its first message is a snapshot."""
        for op in ("unsubscribe", "subscribe"):
            self._link.send(request(op, [topic]))


def request(op: str, topics: Sequence[str], name: str = "") -> bytes:
    """Write a request; a name is letters and digits and comes back in the answer."""
    args = [arg_of(topic) for topic in topics]
    return msgspec.json.encode({"op": op, "args": args} | ({"id": name} if name else {}))


def arg_of(topic: str) -> Mapping[str, str]:
    channel, _, instrument = topic.partition(":")
    return {"channel": channel, "instId": instrument}


def pace(settings: StreamSettings) -> StreamSettings:
    """The venue's own ping has to come well within the silence that ends a connection."""
    return replace(
        settings,
        request_gap_s=min(settings.request_gap_s, 0.1),
        keepalive_s=min(settings.keepalive_s, settings.silence_s / 3),
    )

"""What every public Kalshi stream has in common: subscribing, and the answers."""

from collections.abc import Iterable, Sequence

import msgspec

from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link
from arbiter.venues.common.subscriptions import Subscriptions
from arbiter.venues.kalshi.decode import Notice, read_notice

MARKETS_PER_CONNECTION = 100
_TERMINAL = (10, 25)
"""Errors after which a subscription says nothing more: channel error, buffer overflow."""


class KalshiTalk:
    """Subscribes one channel to all markets at once, and one by one where that is refused."""

    keepalive: bytes | None = None
    """Kalshi pings every ten seconds; protocol pings of ours do the rest."""

    def __init__(self, link: Link, channel: str, tickers: Iterable[str], tally: FeedTally) -> None:
        self._link = link
        self._tally = tally
        self._channel = channel
        self._asked: dict[int, Sequence[str]] = {}
        """Markets by the number of the command that asks for them."""
        self._commands = 1_000_000
        """Numbers of commands that are no first subscriptions."""
        self._subscriptions = Subscriptions(tickers, self._subscribe, MARKETS_PER_CONNECTION)

    def opened(self) -> None:
        self._send()

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        self._tally.refused += len(self._subscriptions.refused)

    def granted(self, sid: int, tickers: Sequence[str]) -> None:
        """A subscription carries these markets from now on."""

    def numbered(self, sid: int, seq: int) -> None:
        """An answer took a number of a subscription's."""

    def note(self, data: bytes, unread: BadFrame) -> None:
        """Take an answer; raises `unread` for anything else."""
        self._link.aside()
        try:
            notice = read_notice(data)
        except BadFrame:
            raise unread from None
        if notice.sid and notice.seq:
            self.numbered(notice.sid, notice.seq)
        if notice.type == "subscribed":
            self.granted(notice.subscription, self._asked.pop(notice.id, ()))
            self._answered(notice.id, None)
        elif notice.type == "error":
            self._refused(notice)

    def command(self, name: str, params: dict[str, object]) -> bytes:
        self._commands += 1
        return msgspec.json.encode({"id": self._commands, "cmd": name, "params": params})

    def _refused(self, notice: Notice) -> None:
        if notice.id in self._asked:
            del self._asked[notice.id]
            self._answered(notice.id, notice.refusal)
        elif notice.code in _TERMINAL or notice.id:
            self._link.drop(f"refused: {notice.refusal}")

    def _answered(self, number: int, refusal: str | None) -> None:
        if self._subscriptions.answered(number, refusal):
            self._send()

    def _send(self) -> None:
        for request in self._subscriptions.requests():
            self._link.send(request)
        if self._subscriptions.settled:
            self._link.ready()

    def _subscribe(self, number: int, tickers: Sequence[str]) -> bytes:
        self._asked[number] = tickers
        params: dict[str, object] = {"channels": [self._channel], "market_tickers": list(tickers)}
        if self._channel == "orderbook_delta":
            params["use_yes_price"] = True
        return msgspec.json.encode({"id": number, "cmd": "subscribe", "params": params})

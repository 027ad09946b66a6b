"""What every Hyperliquid stream has in common: subscribing, answers, keeping the connection alive."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import structlog

from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link
from arbiter.venues.hyperliquid.decode import Notice, read_notice

log = structlog.get_logger(__name__)

COINS_PER_CONNECTION = 200
PING = b'{"method":"ping"}'
GREETING = b"Websocket connection established."


class HyperliquidTalk:
    """One subscription per coin; `note` takes what `hear` could not read.

    A refusal names its subscription only within a text: the first that is named there is taken for
    refused. One that names none is that of the request which has waited longest.
    """

    keepalive: bytes | None = PING
    """A connection on which we say nothing for a minute is closed by the venue."""

    def __init__(self, link: Link, kind: str, coins: Iterable[str], tally: FeedTally) -> None:
        self._link = link
        self._tally = tally
        self._kind = kind
        self._waiting = dict.fromkeys(coins)
        self.refused: dict[str, str] = {}
        """Coin to the venue's reason."""

    def opened(self) -> None:
        for coin in self._waiting:
            self._link.send(subscribe({"type": self._kind, "coin": coin}))
        if not self._waiting:
            self._link.ready()

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        self._tally.refused += len(self.refused)

    def note(self, data: bytes, unread: BadFrame) -> None:
        """Take an answer; raises `unread` for anything else."""
        self._link.aside()
        if data == GREETING:
            return
        try:
            notice = read_notice(data)
        except BadFrame:
            raise unread from None
        if notice.channel == "subscriptionResponse":
            self._settled(self._granted(notice, unread))
        elif notice.channel == "error":
            self._refused(str(notice.data))

    def _granted(self, notice: Notice, unread: BadFrame) -> str | None:
        told = notice.data if isinstance(notice.data, dict) else {}
        subscription = told.get("subscription")
        if not isinstance(subscription, dict):
            raise unread
        coin = subscription.get("coin")
        return coin if isinstance(coin, str) and coin in self._waiting else None

    def _refused(self, why: str) -> None:
        coin = next((c for c in self._waiting if f'"{c}"' in why), next(iter(self._waiting), None))
        if coin is not None:
            self.refused[coin] = why
            log.warning("subscription refused", kind=self._kind, coin=coin, why=why)
        self._settled(coin)

    def _settled(self, coin: str | None) -> None:
        if coin is not None:
            self._waiting.pop(coin, None)
        if not self._waiting:
            self._link.ready()


def subscribe(subscription: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"method": "subscribe", "subscription": subscription})

"""What every Kraken stream has in common: subscribing market by market, answers, heartbeats."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import structlog
from msgspec.structs import replace

from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link, StreamSettings
from arbiter.venues.common.subscriptions import shards
from arbiter.venues.kraken.decode import Notice, read_notice

log = structlog.get_logger(__name__)

BATCH = 50
"""Markets in one request; each is answered by itself."""
MARKETS_PER_CONNECTION = 150


class KrakenTalk:
    """Subscribes when the connection opens; `note` takes what `hear` could not read."""

    keepalive: bytes | None = b'{"method":"ping"}'

    def __init__(
        self, link: Link, symbols: Iterable[str], tally: FeedTally, channel: str, **more: Any
    ) -> None:
        self._link = link
        self._tally = tally
        self._params = {"channel": channel} | more
        self._wanted = tuple(symbols)
        self._unanswered = set(self._wanted)

    def opened(self) -> None:
        for batch in shards(self._wanted, BATCH):
            self._ask("subscribe", batch)

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        """Nothing is kept."""

    def note(self, data: bytes, unread: BadFrame) -> None:
        """Take an answer or a heartbeat; raises `unread` for anything else."""
        self._link.aside()
        try:
            notice = read_notice(data)
        except BadFrame:
            raise unread from None
        if notice.method == "subscribe":
            self._answered(notice)
        elif notice.method not in ("unsubscribe", "pong") and notice.channel not in (
            "heartbeat",
            "status",
        ):
            raise unread

    def _answered(self, notice: Notice) -> None:
        symbol = notice.symbol or (notice.result.symbol if notice.result else "")
        if not symbol and notice.success is False:
            self._link.drop(f"a subscription was refused: {notice.error}")
            return
        if notice.success is False and symbol in self._unanswered:
            self._tally.refused += 1
            log.warning("subscription refused", market=symbol, why=notice.error)
        self._unanswered.discard(symbol)
        if not self._unanswered:
            self._link.ready()

    def renew(self, symbol: str) -> None:
        """Ask for a market anew: its first message is a snapshot."""
        self._ask("unsubscribe", [symbol])
        self._ask("subscribe", [symbol])

    def _ask(self, method: str, symbols: Sequence[str]) -> None:
        params = self._params | {"symbol": list(symbols)}
        self._link.send(msgspec.json.encode({"method": method, "params": params}))


def pace(settings: StreamSettings) -> StreamSettings:
    """A renewal is two requests, which Kraken takes at once."""
    return replace(settings, request_gap_s=min(settings.request_gap_s, 0.05))

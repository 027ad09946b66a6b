"""The user stream: orders placed, updated, cancelled; trades matched, mined, confirmed or failed."""

from collections.abc import Callable
from typing import Any

import msgspec

from arbiter.venues.common.frames import UNREADABLE, BadFrame
from arbiter.venues.common.stream import Link
from arbiter.venues.polymarket.signing import Login

Row = dict[str, Any]


class UserTalk:
    """Signs in; the venue answers to a good log-in with nothing, and ends the connection to a bad one.

    So it is ready when it has answered a ping after that. Who takes rows says `BadFrame` of bad ones.
    """

    keepalive: bytes | None = b"PING"

    def __init__(
        self,
        link: Link,
        login: Login,
        on_order: Callable[[Row], None],
        on_trade: Callable[[Row], None],
    ) -> None:
        self._link = link
        self._login = login
        self._on_order = on_order
        self._on_trade = on_trade

    def opened(self) -> None:
        said = {
            "auth": {
                "apiKey": self._login.api_key,
                "secret": self._login.secret,
                "passphrase": self._login.passphrase,
            },
            "markets": [],
            "type": "user",
        }
        self._link.send(msgspec.json.encode(said))
        self._link.send(b"PING")

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        """Nothing is kept."""

    def hear(self, data: bytes) -> None:
        if data == b"PONG":
            self._link.aside()
            self._link.ready()
            return
        try:
            told = msgspec.json.decode(data)
        except UNREADABLE as error:
            raise BadFrame(f"no JSON: {error}") from None
        for row in told if isinstance(told, list) else [told]:
            if not isinstance(row, dict):
                raise BadFrame("no object")
            self._row(row)

    def _row(self, row: Row) -> None:
        kind = row.get("event_type") or ("trade" if row.get("type") == "TRADE" else "order")
        if kind == "trade":
            self._on_trade(row)
        elif kind == "order":
            self._on_order(row)

"""OKX's private stream: orders with their fills, and word that funding was settled."""

import base64
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from arbiter.model.ids import VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill
from arbiter.model.reports import Ended, Filled, ForcedReported, VenueReport
from arbiter.venues.common.frames import UNREADABLE, BadFrame
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.reports import Reports
from arbiter.venues.common.stream import Link
from arbiter.venues.okx.rows import execution, order_truth

_PONG = b"pong"


def login(keys: VenueKeys, at_s: int) -> dict[str, Any]:
    """Sign in at a time in whole seconds, by the venue's clock."""
    signed = hmac.new(
        keys.secret.encode(), f"{at_s}GET/users/self/verify".encode(), sha256
    ).digest()
    return {
        "op": "login",
        "args": [
            {
                "apiKey": keys.api_key,
                "passphrase": keys.password,
                "timestamp": str(at_s),
                "sign": base64.b64encode(signed).decode(),
            }
        ],
    }


class PrivateTalk:
    """Signs in, subscribes, and tells what is of this kind of instrument.

    An order's message carries its latest fill, if a fill is what it is about. Funding comes as
    bills over REST; `settled` is called when the stream says that there are new ones.
    """

    keepalive: bytes | None = b"ping"

    def __init__(
        self,
        link: Link,
        venue: VenueId,
        kind: str,
        keys: VenueKeys,
        markets: Mapping[str, Instrument],
        say: Callable[[VenueReport], None],
        offset_ms: Callable[[], int],
        settled: Callable[[], None] | None = None,
    ) -> None:
        self._link = link
        self._venue = venue
        self._keys = keys
        self._markets = markets
        self._reports = Reports(say)
        self._offset_ms = offset_ms
        self._settled = settled
        self._topics: Sequence[dict[str, str]] = [{"channel": "orders", "instType": kind}]
        if settled is not None:
            self._topics = [*self._topics, {"channel": "balance_and_position"}]
        self._awaited = {topic["channel"] for topic in self._topics}

    def opened(self) -> None:
        now_ms = int(time.time() * 1_000) + self._offset_ms()
        self._send(login(self._keys, now_ms // 1_000))

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        """Nothing is kept."""

    def hear(self, data: bytes) -> None:
        if data == _PONG:
            self._link.aside()
            return
        try:
            told = msgspec.json.decode(data)
        except UNREADABLE as error:
            raise BadFrame(f"no JSON: {error}") from None
        if not isinstance(told, dict):
            raise BadFrame("no object")
        with self._reports:
            if "event" in told:
                self._answered(told)
            else:
                self._told(told)

    def _answered(self, told: dict[str, Any]) -> None:
        self._link.aside()
        event = told["event"]
        if event == "login" and told.get("code", "0") == "0":
            self._send({"op": "subscribe", "args": self._topics})
        elif event == "subscribe":
            self._awaited.discard(told["arg"]["channel"])
            if not self._awaited:
                self._link.ready()
        elif event in ("login", "error", "notice"):
            self._link.drop(f"{event}: {told.get('code', '')} {told.get('msg', '')}")

    def _told(self, told: dict[str, Any]) -> None:
        channel = told["arg"]["channel"]
        for row in told["data"]:
            if channel == "orders":
                self._order(row)
            elif self._settled is not None and row.get("eventType") == "funding_fee":
                self._settled()

    def _order(self, row: Any) -> None:
        instrument = self._markets.get(row["instId"])
        if instrument is None:
            return
        if row.get("tradeId"):
            made = execution(row, self._venue, instrument)
            if not isinstance(made, Fill):
                self._reports.add(ForcedReported(venue=self._venue, at_ns=made.at_ns, forced=made))
                return
            self._reports.add(Filled(venue=self._venue, at_ns=made.at_ns, fill=made))
        truth = order_truth(row, self._venue, instrument)
        if truth.status.terminal:
            self._reports.add(
                Ended(
                    venue=self._venue,
                    at_ns=truth.at_ns,
                    client_order_id=truth.client_order_id,
                    status=truth.status,
                    filled_size=truth.filled_size,
                    reason=_reason(row),
                )
            )

    def _send(self, request: dict[str, Any]) -> None:
        self._link.send(msgspec.json.encode(request))


def _reason(row: Any) -> str:
    source = row.get("cancelSource") or ""
    return f"cancelled by the venue ({source})" if source not in ("", "1") else ""

"""Kalshi's private stream: own orders, fills and positions over one signed connection."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from arbiter.model.ids import ClientOrderId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.reports import Ended, Filled, VenueReport
from arbiter.venues.common.frames import UNREADABLE, BadFrame
from arbiter.venues.common.reports import Reports
from arbiter.venues.common.stream import Link
from arbiter.venues.kalshi.rows import fill_of, order_truth

CHANNELS = ("user_orders", "fill", "market_positions")


class PrivateTalk:
    """Tells fills and ends of orders; `settled` is called when a position became none."""

    keepalive: bytes | None = None

    def __init__(
        self,
        link: Link,
        venue: VenueId,
        markets: Mapping[str, Instrument],
        say: Callable[[VenueReport], None],
        named: Callable[[str], ClientOrderId],
        settled: Callable[[], None],
    ) -> None:
        self._link = link
        self._venue = venue
        self._markets = markets
        self._reports = Reports(say)
        self._named = named
        self._settled = settled
        self._wanted = set(CHANNELS)

    def opened(self) -> None:
        params = {"channels": list(CHANNELS)}
        self._link.send(msgspec.json.encode({"id": 1, "cmd": "subscribe", "params": params}))

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        """Nothing is kept."""

    def hear(self, data: bytes) -> None:
        try:
            told = msgspec.json.decode(data)
        except UNREADABLE as error:
            raise BadFrame(f"no JSON: {error}") from None
        if not isinstance(told, dict) or not isinstance(told.get("msg", {}), dict):
            raise BadFrame("no message")
        kind, row = told.get("type"), told.get("msg", {})
        with self._reports:
            if kind == "fill":
                self._filled(row)
            elif kind == "user_order":
                self._ordered(row)
            elif kind == "market_position":
                if not float(row["position_fp"]):
                    self._settled()
            else:
                self._answered(kind, row)

    def _filled(self, row: Any) -> None:
        instrument = self._markets.get(row["market_ticker"])
        if instrument is None:
            return
        fill = fill_of(row, self._venue, instrument, self._named(row["order_id"]))
        self._reports.add(Filled(venue=self._venue, at_ns=fill.at_ns, fill=fill))

    def _ordered(self, row: Any) -> None:
        instrument = self._markets.get(row["ticker"])
        if instrument is None:
            return
        truth = order_truth(row, self._venue, instrument)
        if truth.status.terminal:
            self._reports.add(
                Ended(
                    venue=self._venue,
                    at_ns=truth.at_ns,
                    client_order_id=truth.client_order_id,
                    status=truth.status,
                    filled_size=truth.filled_size,
                    reason=str(row.get("last_update_reason") or ""),
                )
            )

    def _answered(self, kind: Any, row: Any) -> None:
        self._link.aside()
        if kind == "subscribed":
            self._wanted.discard(str(row.get("channel")))
            if not self._wanted:
                self._link.ready()
        elif kind == "error":
            self._link.drop(f"refused: {row.get('code', '')} {row.get('msg', '')}")

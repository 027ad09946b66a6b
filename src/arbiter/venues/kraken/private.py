"""Kraken's private stream of executions, and its REST rows as the same records.

Amounts are exact: JSON numbers are read digit by digit, REST writes them as text. Times are cut to
milliseconds, so that a fill told by both is the same record.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

from arbiter.model.ids import Asset, ClientOrderId, VenueId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Liquidity, OrderStatus, Side
from arbiter.model.reports import Ended, Filled, OrderTruth, VenueReport
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.venues.common.account import status_from
from arbiter.venues.common.frames import BadFrame, Sequence, decoder
from arbiter.venues.common.reports import Reports
from arbiter.venues.common.stream import Link
from arbiter.venues.common.times import When, nanos
from arbiter.venues.kraken.addresses import asset_of
from arbiter.venues.kraken.decode import Kind, Notice, read_notice

_STATUS: Mapping[str, OrderStatus] = {
    "pending": OrderStatus.WORKING,
    "open": OrderStatus.WORKING,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
}
_ENDS: Mapping[str, OrderStatus] = {
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
}


class Fee(msgspec.Struct):
    asset: str
    qty: Decimal


class Execution(msgspec.Struct):
    order_id: str
    exec_type: str
    cl_ord_id: str | None = None
    exec_id: str | None = None
    symbol: str | None = None
    side: Literal["buy", "sell"] | None = None
    last_qty: Decimal | None = None
    last_price: Decimal | None = None
    liquidity_ind: Literal["m", "t"] | None = None
    fees: list[Fee] = []
    cum_qty: Decimal | None = None
    timestamp: When | None = None
    reason: str = ""


class ExecutionsMessage(msgspec.Struct):
    channel: Literal["executions"]
    type: Kind
    data: list[Execution]
    sequence: Sequence
    """Consecutive within one subscription."""


read_executions = decoder(ExecutionsMessage)


def cut(at_ns: int) -> int:
    return at_ns // NS_PER_MS * NS_PER_MS


def _seconds(told: Any) -> int:
    """Read a time in seconds with a fraction, as it was written."""
    return cut(int(Decimal(str(told)) * NS_PER_S))


def order_truth(
    number: str, row: Any, venue: VenueId, instrument: Instrument, name: ClientOrderId
) -> OrderTruth:
    status = status_from(_STATUS, row["status"])
    filled = Decimal(row["vol_exec"])
    if status is OrderStatus.WORKING and filled:
        status = OrderStatus.PARTIALLY_FILLED
    return OrderTruth(
        venue=venue,
        client_order_id=name,
        venue_order_id=VenueOrderId(number),
        instrument=instrument.id,
        status=status,
        size=Decimal(row["vol"]),
        filled_size=filled,
        at_ns=_seconds(row.get("closetm") or row["opentm"]),
    )


def trade_fill(
    number: str, row: Any, venue: VenueId, instrument: Instrument, name: ClientOrderId
) -> Fill:
    """Read a row of ``TradesHistory``; its fee is in the quote currency, as our orders ask."""
    return Fill(
        venue=venue,
        venue_trade_id=number,
        client_order_id=name,
        instrument=instrument.id,
        side=Side(row["type"].upper()),
        size=Decimal(row["vol"]),
        price=Decimal(row["price"]),
        fee=Decimal(row["fee"]),
        fee_asset=instrument.quote,
        liquidity=Liquidity.MAKER if row.get("maker") else Liquidity.TAKER,
        at_ns=_seconds(row["time"]),
    )


class PrivateTalk:
    """Subscribes to the executions with a token; a missing message ends the connection."""

    keepalive: bytes | None = b'{"method":"ping"}'

    def __init__(
        self,
        link: Link,
        venue: VenueId,
        token: str,
        markets: Mapping[str, Instrument],
        say: Callable[[VenueReport], None],
        name_of: Callable[[str, str | None], ClientOrderId],
        refused: Callable[[], None],
        now_ns: Callable[[], int],
    ) -> None:
        """`name_of` tells our id from the venue's number and its ``cl_ord_id``, where that is told."""
        self._link = link
        self._venue = venue
        self._token = token
        self._markets = markets
        self._reports = Reports(say)
        self._name_of = name_of
        self._refused = refused
        self._now_ns = now_ns
        self._last: int | None = None

    def opened(self) -> None:
        params = {"channel": "executions", "token": self._token, "snap_orders": True}
        self._link.send(msgspec.json.encode({"method": "subscribe", "params": params}))

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        """Nothing is kept."""

    def hear(self, data: bytes) -> None:
        try:
            told = read_executions(data)
        except BadFrame as unread:
            self._note(data, unread)
            return
        if self._last is not None and told.sequence <= self._last:
            return
        if self._last is not None and told.sequence != self._last + 1:
            # Not to be taken: an end heard before its fill would leave nobody asking for the fill.
            self._link.drop("a private message is missing")
            return
        self._last = told.sequence
        with self._reports:
            for row in told.data:
                name = self._name_of(row.order_id, row.cl_ord_id)
                if told.type == "update":
                    self._row(row, name)

    def _note(self, data: bytes, unread: BadFrame) -> None:
        self._link.aside()
        notice: Notice
        try:
            notice = read_notice(data)
        except BadFrame:
            raise unread from None
        if notice.method == "subscribe":
            if notice.success is False:
                self._refused()
                self._link.drop(f"the executions were refused: {notice.error}")
            else:
                self._link.ready()
        elif notice.method != "pong" and notice.channel not in ("heartbeat", "status"):
            raise unread

    def _row(self, row: Execution, name: ClientOrderId) -> None:
        at_ns = cut(self._now_ns() if row.timestamp is None else nanos(row.timestamp))
        ended = _ENDS.get(row.exec_type)
        if row.exec_type == "trade":
            fill = self._fill(row, name, at_ns)
            if fill is not None:
                self._reports.add(Filled(venue=self._venue, at_ns=at_ns, fill=fill))
        elif ended is not None and row.cum_qty is not None:
            self._reports.add(
                Ended(
                    venue=self._venue,
                    at_ns=at_ns,
                    client_order_id=name,
                    status=ended,
                    filled_size=row.cum_qty,
                    reason=row.reason,
                )
            )

    def _fill(self, row: Execution, name: ClientOrderId, at_ns: int) -> Fill | None:
        instrument = self._markets.get(row.symbol or "")
        if instrument is None:
            return None
        if row.exec_id is None or row.side is None:
            raise BadFrame(f"a trade of {row.order_id} without its id or side")
        if row.last_qty is None or row.last_price is None:
            raise BadFrame(f"a trade of {row.order_id} without size or price")
        paid = row.fees[0] if row.fees else None
        return Fill(
            venue=self._venue,
            venue_trade_id=row.exec_id,
            client_order_id=name,
            instrument=instrument.id,
            side=Side(row.side.upper()),
            size=row.last_qty,
            price=row.last_price,
            fee=sum((fee.qty for fee in row.fees if paid and fee.asset == paid.asset), ZERO),
            fee_asset=asset_of(paid.asset) if paid else Asset(instrument.quote),
            liquidity=Liquidity.MAKER if row.liquidity_ind == "m" else Liquidity.TAKER,
            at_ns=at_ns,
        )

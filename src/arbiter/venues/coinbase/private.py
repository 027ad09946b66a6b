"""Coinbase's user channel, and its REST rows as records.

The channel tells how far orders have come, and nothing of single fills: those are asked for.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

from arbiter.model.ids import ClientOrderId, VenueId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, quotient
from arbiter.model.orders import Fill, Liquidity, OrderStatus, Side
from arbiter.model.reports import OrderTruth
from arbiter.venues.coinbase.decode import Kind, Notice, read_notice
from arbiter.venues.coinbase.sequence import Counted, Step
from arbiter.venues.coinbase.talk import subscribe
from arbiter.venues.common.account import status_from
from arbiter.venues.common.frames import BadFrame, Sequence, decoder
from arbiter.venues.common.stream import Link
from arbiter.venues.common.times import When, nanos

STATUS: Mapping[str, OrderStatus] = {
    "PENDING": OrderStatus.WORKING,
    "OPEN": OrderStatus.WORKING,
    "QUEUED": OrderStatus.WORKING,
    "CANCEL_QUEUED": OrderStatus.WORKING,
    "EDIT_QUEUED": OrderStatus.WORKING,
    "FILLED": OrderStatus.FILLED,
    "CANCELLED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.EXPIRED,
    "FAILED": OrderStatus.REJECTED,
}


class UserOrder(msgspec.Struct, frozen=True):
    order_id: str
    client_order_id: str
    product_id: str
    status: str
    cumulative_quantity: Decimal = ZERO
    cancel_reason: str = ""
    reject_reason: str = ""


class UserEvent(msgspec.Struct):
    type: Kind
    orders: list[UserOrder] = []


class UserMessage(msgspec.Struct):
    channel: Literal["user"]
    timestamp: When
    sequence_num: Sequence
    events: list[UserEvent]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an order has come, as the channel tells it."""

    order: UserOrder
    status: OrderStatus
    at_ns: int

    @property
    def reason(self) -> str:
        return self.order.cancel_reason or self.order.reject_reason


read_user = decoder(UserMessage)


def when_ns(text: str) -> int:
    """Read a time of REST's. One that is none is a `ValueError`."""
    return nanos(msgspec.convert(text, When, strict=False))


def order_truth(row: Any, venue: VenueId, instrument: Instrument) -> OrderTruth:
    status = status_from(STATUS, row["status"])
    filled = Decimal(row.get("filled_size") or "0")
    if status is OrderStatus.WORKING and filled:
        status = OrderStatus.PARTIALLY_FILLED
    kinds: Mapping[str, Any] = row.get("order_configuration") or {}
    asked: Mapping[str, Any] = next(iter(kinds.values()), {})
    return OrderTruth(
        venue=venue,
        client_order_id=ClientOrderId(row["client_order_id"]),
        venue_order_id=VenueOrderId(row["order_id"]),
        instrument=instrument.id,
        status=status,
        size=Decimal(asked.get("base_size") or filled),
        filled_size=filled,
        at_ns=when_ns(row.get("last_fill_time") or row["created_time"]),
    )


def fill_of(row: Any, venue: VenueId, instrument: Instrument, name: ClientOrderId) -> Fill:
    """Read one fill; a market buy sized in quote tells its size so."""
    price, size = Decimal(row["price"]), Decimal(row["size"])
    if row.get("size_in_quote"):
        size = quotient(size, price)
    return Fill(
        venue=venue,
        venue_trade_id=row["trade_id"],
        client_order_id=name,
        instrument=instrument.id,
        side=Side(row["side"]),
        size=size,
        price=price,
        fee=Decimal(row["commission"]),
        fee_asset=instrument.quote,
        liquidity=Liquidity.MAKER if row["liquidity_indicator"] == "MAKER" else Liquidity.TAKER,
        at_ns=when_ns(row["trade_time"]),
    )


class PrivateTalk:
    """Subscribes with a token; a missing message ends the connection."""

    keepalive: bytes | None = None

    def __init__(
        self, link: Link, token: Callable[[], str], heard: Callable[[Progress], None]
    ) -> None:
        self._link = link
        self._token = token
        self._heard = heard
        self._counted = Counted()

    def opened(self) -> None:
        self._link.send(msgspec.json.encode({"type": "subscribe", "channel": "heartbeats"}))
        self._link.send(subscribe("user", [], jwt=self._token()))

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        """Nothing is kept."""

    def hear(self, data: bytes) -> None:
        try:
            told = read_user(data)
        except BadFrame as unread:
            self._note(data, unread)
            return
        if not self._next(told.sequence_num):
            return
        at_ns = nanos(told.timestamp)
        for event in told.events:
            for order in event.orders:
                status = STATUS.get(order.status)
                if status is not None:
                    self._heard(Progress(order=order, status=status, at_ns=at_ns))

    def _note(self, data: bytes, unread: BadFrame) -> None:
        self._link.aside()
        notice: Notice
        try:
            notice = read_notice(data)
        except BadFrame:
            raise unread from None
        if notice.type == "error":
            self._link.drop(f"the user channel was refused: {notice.message}")
            return
        if notice.channel not in ("subscriptions", "heartbeats") or notice.sequence_num is None:
            raise unread
        if self._next(notice.sequence_num) and any(
            "user" in event.subscriptions for event in notice.events
        ):
            self._link.ready()

    def _next(self, number: int) -> bool:
        step = self._counted.take(number)
        if step is Step.GAP:
            self._link.drop("a private message is missing")
        return step is Step.NEXT

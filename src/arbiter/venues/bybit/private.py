"""Bybit's private stream, and its rows as records; REST lists the same rows."""

import hmac
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import Asset, ClientOrderId, VenueId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill, Liquidity, OrderStatus, Side
from arbiter.model.perpetuals import ForcedCause, ForcedClose, FundingPayment
from arbiter.model.reports import (
    Ended,
    Filled,
    ForcedReported,
    FundingReported,
    OrderTruth,
    VenueReport,
)
from arbiter.model.time import NS_PER_MS
from arbiter.venues.common.frames import UNREADABLE, BadFrame
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.reports import Reports
from arbiter.venues.common.stream import Link

STATUS: Mapping[str, OrderStatus] = {
    "Created": OrderStatus.WORKING,
    "New": OrderStatus.WORKING,
    "Untriggered": OrderStatus.WORKING,
    "Triggered": OrderStatus.WORKING,
    "PartiallyFilled": OrderStatus.PARTIALLY_FILLED,
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELLED,
    "PartiallyFilledCanceled": OrderStatus.CANCELLED,
    "Rejected": OrderStatus.REJECTED,
    "Deactivated": OrderStatus.CANCELLED,
}
_FORCED = {"BustTrade": ForcedCause.LIQUIDATION, "AdlTrade": ForcedCause.ADL}
_LISTEN_MS = 10_000
_TOPICS = ("order", "execution")

Execution = Fill | FundingPayment | ForcedClose


def order_truth(row: Any, venue: VenueId, instrument: Instrument) -> OrderTruth:
    try:
        status = STATUS[row["orderStatus"]]
    except KeyError:
        raise OutcomeUnknown(f"an order in state {row.get('orderStatus')!r}") from None
    return OrderTruth(
        venue=venue,
        client_order_id=ClientOrderId(row["orderLinkId"] or row["orderId"]),
        venue_order_id=VenueOrderId(row["orderId"]),
        instrument=instrument.id,
        status=status,
        size=Decimal(row["qty"]),
        filled_size=Decimal(row["cumExecQty"] or "0"),
        at_ns=int(row["updatedTime"]) * NS_PER_MS,
    )


def execution(row: Any, venue: VenueId, instrument: Instrument) -> Execution | None:
    """Read one execution: a trade, a funding payment or a forced close."""
    at_ns = int(row["execTime"]) * NS_PER_MS
    side = Side(row["side"].upper())
    kind = row["execType"]
    if kind == "Funding":
        return FundingPayment(
            venue=venue,
            payment_id=row["execId"],
            instrument=instrument.id,
            amount=-Decimal(row["execFee"]),
            asset=instrument.settle,
            rate=Decimal(row["feeRate"] or "0"),
            mark=Decimal(row["execPrice"]),
            quantity=Decimal(row["execQty"]) * side.sign,
            settled_ns=at_ns,
            at_ns=at_ns,
        )
    if kind in _FORCED:
        return ForcedClose(
            venue=venue,
            venue_trade_id=row["execId"],
            instrument=instrument.id,
            side=side,
            size=Decimal(row["execQty"]),
            price=Decimal(row["execPrice"]),
            fee=Decimal(row["execFee"]),
            fee_asset=Asset(row.get("feeCurrency") or instrument.settle),
            cause=_FORCED[kind],
            at_ns=at_ns,
        )
    if kind != "Trade":
        return None
    return Fill(
        venue=venue,
        venue_trade_id=row["execId"],
        client_order_id=ClientOrderId(row["orderLinkId"] or row["orderId"]),
        instrument=instrument.id,
        side=side,
        size=Decimal(row["execQty"]),
        price=Decimal(row["execPrice"]),
        fee=Decimal(row["execFee"]),
        fee_asset=_fee_asset(row, side, instrument),
        liquidity=Liquidity.MAKER if row["isMaker"] else Liquidity.TAKER,
        at_ns=at_ns,
    )


def _fee_asset(row: Any, side: Side, instrument: Instrument) -> Asset:
    told = row.get("feeCurrency")
    if told:
        return Asset(told)
    if instrument.margin is not None:
        return instrument.settle
    return instrument.base if side is Side.BUY else instrument.quote


class PrivateTalk:
    """Signs in, subscribes, and tells what is of this category."""

    keepalive: bytes | None = b'{"op":"ping"}'

    def __init__(
        self,
        link: Link,
        venue: VenueId,
        category: str,
        keys: VenueKeys,
        markets: Mapping[str, Instrument],
        say: Callable[[VenueReport], None],
        offset_ms: Callable[[], int],
    ) -> None:
        self._link = link
        self._venue = venue
        self._category = category
        self._keys = keys
        self._markets = markets
        self._reports = Reports(say)
        self._offset_ms = offset_ms

    def opened(self) -> None:
        expires = str(int(time.time() * 1_000) + self._offset_ms() + _LISTEN_MS)
        made = hmac.new(
            self._keys.secret.encode(), f"GET/realtime{expires}".encode(), sha256
        ).hexdigest()
        self._send({"op": "auth", "args": [self._keys.api_key, expires, made]})

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        """Nothing is kept."""

    def hear(self, data: bytes) -> None:
        try:
            told = msgspec.json.decode(data)
        except UNREADABLE as error:
            raise BadFrame(f"no JSON: {error}") from None
        if not isinstance(told, dict):
            raise BadFrame("no object")
        topic = str(told.get("topic", "")).partition(".")[0]
        if not topic:
            self._answered(told)
            return
        with self._reports:
            for row in told["data"]:
                self._row(topic, row)

    def _answered(self, told: dict[str, Any]) -> None:
        self._link.aside()
        operation, refused = told.get("op"), told.get("success") is False
        if refused:
            self._link.drop(f"{operation} refused: {told.get('ret_msg') or told.get('retMsg')}")
        elif operation == "auth":
            self._send({"op": "subscribe", "args": list(_TOPICS)})
        elif operation == "subscribe":
            self._link.ready()

    def _row(self, topic: str, row: Any) -> None:
        if row.get("category") != self._category:
            return
        instrument = self._markets.get(row["symbol"])
        if instrument is None:
            return
        if topic == "execution":
            self._executed(row, instrument)
        elif topic == "order":
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

    def _executed(self, row: Any, instrument: Instrument) -> None:
        made = execution(row, self._venue, instrument)
        if isinstance(made, Fill):
            self._reports.add(Filled(venue=self._venue, at_ns=made.at_ns, fill=made))
        elif isinstance(made, FundingPayment):
            self._reports.add(FundingReported(venue=self._venue, at_ns=made.at_ns, payment=made))
        elif made is not None:
            self._reports.add(ForcedReported(venue=self._venue, at_ns=made.at_ns, forced=made))

    def _send(self, request: dict[str, Any]) -> None:
        self._link.send(msgspec.json.encode(request))


def _reason(row: Any) -> str:
    told = str(row.get("rejectReason", ""))
    return "" if told == "EC_NoError" else told

"""Orders as the CLOB tells them, and what we know of one that is under way."""

from decimal import Decimal
from typing import Any

import msgspec

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import ClientOrderId, InstrumentId
from arbiter.model.orders import OrderStatus, Side
from arbiter.venues.polymarket.markets import Markets
from arbiter.venues.polymarket.remembered import Remembered


class Put(msgspec.Struct, frozen=True, kw_only=True):
    """An order in the terms of its token."""

    name: ClientOrderId
    instrument: InstrumentId
    token: str
    side: Side
    price: Decimal
    size: Decimal
    kind: str
    """GTC, GTD, FOK or FAK."""
    hurried: bool = False
    """Rests only because it could not go as FAK: to be cancelled at once."""


def put_of(row: Any, known: Remembered, markets: Markets) -> Put:
    """What an order that works at the venue is, of ours or not."""
    token = str(row["asset_id"])
    return Put(
        name=known.name_of(str(row["id"])),
        instrument=markets.by_token[token].instrument.id,
        token=token,
        side=Side(str(row["side"]).upper()),
        price=Decimal(str(row["price"])),
        size=Decimal(str(row["original_size"])),
        kind=str(row.get("order_type") or "GTC"),
    )


def order_status(word: str, size: Decimal, filled: Decimal) -> OrderStatus:
    """Read ``LIVE``, ``ORDER_STATUS_MATCHED``, ``CANCELED_EXPIRED_ORDER`` … `OutcomeUnknown` if new."""
    text = word.upper().removeprefix("ORDER_STATUS_")
    if text in ("LIVE", "DELAYED"):
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.WORKING
    if text == "MATCHED":
        return OrderStatus.FILLED if filled >= size else OrderStatus.CANCELLED
    if text.startswith(("CANCELED", "CANCELLED", "UNMATCHED", "INVALID", "EXPIRED")):
        return OrderStatus.CANCELLED
    raise OutcomeUnknown(f"an order in state {word!r}")

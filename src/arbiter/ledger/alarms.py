"""Alarms: what the ledger booked and a person or the runtime should nevertheless know of."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbiter.model.ids import ClientOrderId
from arbiter.model.orders import Order, OrderStatus

_REFUSED = frozenset({OrderStatus.REJECTED, OrderStatus.DENIED, OrderStatus.ABANDONED})


class AlarmCode(StrEnum):
    OVER_FILLED = "OVER_FILLED"
    """More was executed than the order asked for."""
    FILLED_AFTER_REFUSAL = "FILLED_AFTER_REFUSAL"
    """A fill for an order that was rejected, denied or never sent."""
    REFUSED_AFTER_FILL = "REFUSED_AFTER_FILL"
    FEE_UNVALUED = "FEE_UNVALUED"
    """A fee in a third asset came without its value: it counts as zero in PnL, not in cash."""


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    code: AlarmCode
    client_order_id: ClientOrderId
    text: str
    at_ns: int


def alarm(code: AlarmCode, order: Order, text: str, at_ns: int) -> Alarm:
    return Alarm(code=code, client_order_id=order.client_order_id, text=text, at_ns=at_ns)


def of_fill(before: Order, after: Order, fee: Decimal | None, at_ns: int) -> list[Alarm]:
    """Say what is strange about a fill that made `after` of `before`; `fee` is in quote."""
    found: list[Alarm] = []
    if after.filled_size > after.size:
        text = f"filled {after.filled_size} of {after.size}"
        found.append(alarm(AlarmCode.OVER_FILLED, after, text, at_ns))
    if before.status in _REFUSED:
        text = f"filled although {before.status}"
        found.append(alarm(AlarmCode.FILLED_AFTER_REFUSAL, after, text, at_ns))
    if fee is None:
        found.append(alarm(AlarmCode.FEE_UNVALUED, after, "fee counted as zero in PnL", at_ns))
    return found

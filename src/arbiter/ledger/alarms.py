"""Alarms: what the ledger booked and a person or the runtime should nevertheless know of."""

from enum import StrEnum

import msgspec

from arbiter.model.ids import ClientOrderId


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

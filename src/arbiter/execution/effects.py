"""What a trade's state machine asks for; whoever runs it makes these happen, in order."""

from decimal import Decimal

import msgspec

from arbiter.model.ids import ClientOrderId, InstrumentId
from arbiter.model.orders import OrderType, Side
from arbiter.model.trades import TradeState


class Send(msgspec.Struct, frozen=True, gc=False):
    """Hand a durable intent to its venue."""

    order: ClientOrderId


class Cancel(msgspec.Struct, frozen=True, gc=False):
    order: ClientOrderId


class Ask(msgspec.Struct, frozen=True, gc=False):
    """Ask the venue about an order by our id; never repeat the order."""

    order: ClientOrderId


class Abandon(msgspec.Struct, frozen=True, gc=False):
    """Close a durable intent that will not be sent."""

    order: ClientOrderId
    reason: str


class AddOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Make one more intent durable, then send it."""

    role: str
    attempt: int
    instrument: InstrumentId
    side: Side
    type: OrderType
    size: Decimal
    price: Decimal | None
    planned_price: Decimal
    reduce_only: bool
    reason: str


class Advance(msgspec.Struct, frozen=True, gc=False):
    state: TradeState
    reason: str = ""


class WakeAt(msgspec.Struct, frozen=True, gc=False):
    """Call the machine again with `Stimulus.DEADLINE` at this monotonic time, ns."""

    at_ns: int


class Alert(msgspec.Struct, frozen=True, gc=False):
    severity: str
    code: str
    text: str


Effect = Send | Cancel | Ask | Abandon | AddOrder | Advance | WakeAt | Alert

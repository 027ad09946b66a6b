"""What a client asked for under an id of its own: asked again, it is the same order."""

from decimal import Decimal

import msgspec

from arbiter.model.ids import Actor, ClientOrderId, InstrumentId
from arbiter.model.orders import Side


class PlacedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The first request of an actor under a key, and the engine's order that came of it."""

    actor: Actor
    key: str
    """The client's own id of the order, unique per actor."""
    client_order_id: ClientOrderId
    instrument: InstrumentId
    side: Side
    size: Decimal
    price: Decimal | None
    """None for a market order."""
    at_ns: int

    def same_terms(self, other: "PlacedOrder") -> bool:
        """Whether both ask for the very same thing."""
        return (self.instrument, self.side, self.size, self.price) == (
            other.instrument,
            other.side,
            other.size,
            other.price,
        )

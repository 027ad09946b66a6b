"""Fills that are matched before they are final: what has to be remembered until they are.

A venue may match an order now and settle the match later, or never. Until then the books hold the
fill. To take one out again exactly, average costs and all, the rows as they stood before the oldest
fill that is not final are kept, with everything booked since: the books without a fill are those
rows and the other steps once more.
"""

from decimal import Decimal

import msgspec

from arbiter.model.copying import CopyPosition
from arbiter.model.holdings import Position
from arbiter.model.ids import Actor, ClientOrderId, InstrumentId, StrategyId, VenueId
from arbiter.model.money import ZERO
from arbiter.model.orders import Side
from arbiter.model.perpetuals import MarginPosition


class SettlingStep(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One execution, or a resolution: `side` None closes all there is at `price`."""

    venue_trade_id: str
    side: Side | None
    size: Decimal = ZERO
    price: Decimal
    fee: Decimal = ZERO
    """In the settlement currency."""
    client_order_id: ClientOrderId | None = None
    strategy: StrategyId | None = None
    actor: Actor | None = None
    """Whose order it was, where that matters; a venue does not know."""
    final: bool
    at_ns: int

    @property
    def contracts(self) -> Decimal:
        return ZERO if self.side is None else self.size * self.side.sign


class Settling(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument whose last fills are not all final; without steps there is none."""

    instrument: InstrumentId
    account: MarginPosition | None = None
    """All strategies together, before the steps; None for never held."""
    positions: tuple[Position, ...] = ()
    copies: tuple[CopyPosition, ...] = ()
    steps: tuple[SettlingStep, ...] = ()

    @property
    def unsettled(self) -> bool:
        return any(not step.final for step in self.steps)


class SettledFill(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A venue's last word on one fill."""

    venue: VenueId
    venue_trade_id: str
    instrument: InstrumentId
    ok: bool
    """False: the fill is void."""
    at_ns: int

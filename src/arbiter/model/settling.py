"""Fills that are matched before they are final: what has to be remembered until they are.

A venue may match an order now and settle the match later, or never. Until then the books hold the
fill. To take one out again exactly, average costs and all, the rows as they stood before the oldest
fill that is not final are kept, with everything booked since: the books without a fill are those
rows and the other steps once more.
"""

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from arbiter.model.copying import CopyPosition
from arbiter.model.holdings import Position
from arbiter.model.ids import Actor, Asset, ClientOrderId, InstrumentId, StrategyId, VenueId
from arbiter.model.money import ZERO
from arbiter.model.orders import Side
from arbiter.model.perpetuals import Contract, MarginPosition, executed


class SettlingStep(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One execution of an order, or a resolution."""

    venue_trade_id: str
    side: Side
    size: Decimal
    price: Decimal
    fee: Decimal = ZERO
    fee_asset: Asset | None = None
    """None: the settlement currency."""
    client_order_id: ClientOrderId | None = None
    strategy: StrategyId | None = None
    actor: Actor | None = None
    """Whose order it was, where that matters; a venue does not know."""
    resolution: bool = False
    """Closes what every strategy holds, whatever the account as a whole has to close."""
    payout: bool = False
    """Pays out one fill, of the same name, that was told after its market's resolution: the
    account was closed by that."""
    final: bool
    at_ns: int

    @property
    def contracts(self) -> Decimal:
        return self.size * self.side.sign


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

    def step(self, venue_trade_id: str) -> SettlingStep | None:
        """The step of that name, as long as it is not final."""
        for step in self.steps:
            if step.venue_trade_id == venue_trade_id and not step.final:
                return step
        return None

    def confirmed(self, venue_trade_id: str) -> "Settling":
        steps = [
            replace(step, final=True) if step.venue_trade_id == venue_trade_id else step
            for step in self.steps
        ]
        return replace(self, steps=tuple(steps))

    def without(self, venue_trade_id: str) -> "Settling":
        kept = [step for step in self.steps if step.venue_trade_id != venue_trade_id]
        return replace(self, steps=tuple(kept))


class SettledFill(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A venue's last word on one fill."""

    venue: VenueId
    venue_trade_id: str
    instrument: InstrumentId
    ok: bool
    """False: the fill is void."""
    at_ns: int


def account_after(row: Settling, contract: Contract) -> MarginPosition:
    """What the account holds after all steps."""
    account = row.account or MarginPosition(instrument=row.instrument)
    for step in row.steps:
        if step.contracts and not step.payout:
            account = executed(account, contract, step.contracts, step.price, step.at_ns)
    return account

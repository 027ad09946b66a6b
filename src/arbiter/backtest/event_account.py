"""What a recorded pair's trades cost, and what they are owed: legs held to the payout."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from arbiter.model.event_pairs import EventPairId
from arbiter.model.ids import Asset, InstrumentId, VenueId
from arbiter.model.money import ZERO
from arbiter.model.orders import Side
from arbiter.model.plans import Plan
from arbiter.opportunities.event_edge import cost_at
from arbiter.opportunities.event_pair import Opening


class EventFill(msgspec.Struct, frozen=True, kw_only=True):
    """Both legs of one trade, filled at the touch. Money in dollars."""

    at_ns: int
    sides: tuple[Side, Side]
    prices: tuple[Decimal, Decimal]
    """Of YES, on either venue."""
    size: Decimal
    cost: Decimal
    fees: Decimal
    capital: Decimal
    """What the locked capital would have earned elsewhere until the payout."""

    @property
    def spent(self) -> Decimal:
        return self.cost + self.fees

    @property
    def profit(self) -> Decimal:
        """At the payout, when both venues resolve alike: one contract pays 1."""
        return self.size - self.spent

    @property
    def net(self) -> Decimal:
        return self.profit - self.capital


class EventAccount:
    """Cash per venue, and what is open in the one pair; a `Purse` of the strategy."""

    def __init__(self, cash: Mapping[VenueId, Decimal]) -> None:
        self.cash = dict(cash)
        self.fills: list[EventFill] = []
        self.held: dict[InstrumentId, Decimal] = {}
        """Signed contracts: > 0 YES, < 0 NO."""

    def free(self, venue: VenueId, asset: Asset) -> Decimal:
        del asset  # one currency per venue
        return self.cash[venue]

    def pair_exposure(self, pair: EventPairId) -> Decimal:
        del pair
        return self.total_exposure()

    def total_exposure(self) -> Decimal:
        return sum((fill.spent for fill in self.fills), ZERO)

    def book(self, plan: Plan, opening: Opening, capital: Decimal, at_ns: int) -> EventFill:
        """Fill both legs at their touch; fees by the venues' own models, rounded per order."""
        costs, fees = ZERO, ZERO
        for leg, wanted in zip(opening.legs, plan.legs, strict=True):
            cost = wanted.size * cost_at(leg.side, leg.price)
            fee = leg.fee.of(wanted.size, leg.cost)
            self.cash[leg.instrument.venue] -= cost + fee
            held = self.held.get(leg.instrument.id, ZERO)
            self.held[leg.instrument.id] = held + leg.side.sign * wanted.size
            costs, fees = costs + cost, fees + fee
        fill = EventFill(
            at_ns=at_ns,
            sides=(opening.legs[0].side, opening.legs[1].side),
            prices=(opening.legs[0].price, opening.legs[1].price),
            size=plan.legs[0].size,
            cost=costs,
            fees=fees,
            capital=capital,
        )
        self.fills.append(fill)
        return fill

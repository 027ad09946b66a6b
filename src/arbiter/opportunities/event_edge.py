"""What two legs of an event pair earn, to the last digit.

A leg buys one outcome: YES at the ask, or NO at 1 − the YES bid, which is the same order as a sale
of YES at the bid. With costs c₁ and c₂ one contract of both pays 1 whatever happens, so n earn

    net(n) = n·(1 − c₁ − c₂) − fee₁(n) − fee₂(n) − (n·(c₁ + c₂) + fee₁(n) + fee₂(n)) · r · d / 365

with each order's fee rounded up by its venue, r what the capital would earn elsewhere in a year
and d the days until the later payout. Because of the rounding the edge of a contract depends on
how many there are.
"""

from decimal import Decimal

import msgspec

from arbiter.model.event_fees import EventFee
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, ceil_to, floor_to, quotient
from arbiter.model.orders import Side

_YEAR = Decimal(365)


def cost_at(side: Side, price: Decimal) -> Decimal:
    """What one contract of the bought outcome costs when YES trades at `price`."""
    return price if side is Side.BUY else ONE - price


class EventLeg(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One side of a pair as it could be taken now."""

    instrument: Instrument
    side: Side
    """BUY takes YES, SELL takes NO."""
    price: Decimal
    """Of YES: the ask for a buy, the bid for a sale."""
    depth: Decimal
    """Contracts shown there."""
    fee: EventFee

    @property
    def cost(self) -> Decimal:
        return cost_at(self.side, self.price)

    def limit(self, slippage: Decimal) -> Decimal:
        """Worst YES price of its order: at most `slippage` beyond the touch, on the tick, in (0, 1).

        Never short of the touch itself, so that the order can trade there.
        """
        tick = self.instrument.tick
        if self.side is Side.BUY:
            reach = floor_to(self.price + slippage, tick)
            return max(min(reach, ONE - tick), ceil_to(self.price, tick))
        reach = ceil_to(self.price - slippage, tick)
        return min(max(reach, tick), floor_to(self.price, tick))


EventLegs = tuple[EventLeg, EventLeg]


class Lockup(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How long capital is bound and what it would earn meanwhile."""

    days: Decimal
    rate: Decimal
    """A year, as a fraction."""

    def of(self, capital: Decimal) -> Decimal:
        return quotient(capital * self.rate * self.days, _YEAR)


class EventEdge(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What `size` contracts of both legs bring. Dollars for all of them together."""

    size: Decimal
    cost: Decimal
    """Of both legs, before fees."""
    fees: Decimal
    capital: Decimal
    """Cost of the locked capital."""

    @property
    def gross(self) -> Decimal:
        return self.size - self.cost

    @property
    def net(self) -> Decimal:
        return self.gross - self.fees - self.capital

    @property
    def per_contract(self) -> Decimal:
        return quotient(self.net, self.size)


def edge_of(legs: EventLegs, size: Decimal, lockup: Lockup) -> EventEdge:
    """Work out `size` > 0 contracts, both orders filled at their touch."""
    cost = size * sum((leg.cost for leg in legs), ZERO)
    fees = sum((leg.fee.of(size, leg.cost) for leg in legs), ZERO)
    return EventEdge(size=size, cost=cost, fees=fees, capital=lockup.of(cost + fees))


class Worst(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Both legs at the limits of their orders, each contract at the dearest its fee can be."""

    limits: tuple[Decimal, Decimal]
    unit_costs: tuple[Decimal, Decimal]
    """Of one contract of each leg, with its fee before rounding."""
    rounding: tuple[Decimal, Decimal]
    """Most that rounding up may add to each order's fee."""

    def spent(self, size: Decimal) -> Decimal:
        """Most that `size` contracts of both legs can cost, fees included."""
        return size * sum(self.unit_costs, ZERO) + sum(self.rounding, ZERO)


def worst_of(legs: EventLegs, slippage: Decimal) -> Worst:
    limits = legs[0].limit(slippage), legs[1].limit(slippage)
    units = [
        (cost := cost_at(leg.side, limit)) + leg.fee.worst_unit(leg.cost, cost)
        for leg, limit in zip(legs, limits, strict=True)
    ]
    return Worst(
        limits=limits,
        unit_costs=(units[0], units[1]),
        rounding=(legs[0].fee.step, legs[1].fee.step),
    )

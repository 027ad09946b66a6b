"""What a recorded pair's trades came to, read from the ledger: legs held to the payout."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from arbiter.model.ids import InstrumentId
from arbiter.model.money import ZERO, quotient
from arbiter.model.orders import Order, Side
from arbiter.model.trades import Trade
from arbiter.opportunities.event_edge import Lockup, cost_at


class EventFill(msgspec.Struct, frozen=True, kw_only=True):
    """One trade, with what became of its legs. Money in dollars."""

    at_ns: int
    sides: tuple[Side, Side]
    prices: tuple[Decimal, Decimal]
    """Of YES, on either venue; 0 where nothing was filled."""
    size: Decimal
    """Contracts of both legs that are held to the payout."""
    alone: Decimal
    """Contracts of one leg that the other lacks; they count as worth nothing."""
    cost: Decimal
    """Of what was bought, less what was sold again."""
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


class _Leg(msgspec.Struct, frozen=True):
    side: Side
    price: Decimal
    held: Decimal
    cost: Decimal


def fill_of(
    trade: Trade, orders: Sequence[Order], fees: Decimal, lockup: Lockup
) -> EventFill | None:
    """Sum up a trade of both legs; None for one that filled nothing."""
    if not any(order.filled_size for order in orders):
        return None
    one, other = (_leg(leg.instrument, leg.side, orders) for leg in trade.legs)
    cost = one.cost + other.cost
    size = min(one.held, other.held)
    return EventFill(
        at_ns=trade.started_ns,
        sides=(one.side, other.side),
        prices=(one.price, other.price),
        size=size,
        alone=max(one.held, other.held) - size,
        cost=cost,
        fees=fees,
        capital=lockup.of(cost + fees) if size else ZERO,
    )


def _leg(instrument: InstrumentId, side: Side, orders: Sequence[Order]) -> _Leg:
    bought = sold = cost = notional = ZERO
    for order in orders:
        if order.instrument != instrument or not order.filled_size:
            continue
        assert order.average_price is not None, "it was filled"
        worth = order.filled_size * cost_at(side, order.average_price)
        if order.side is side:
            bought += order.filled_size
            notional += order.filled_size * order.average_price
            cost += worth
        else:
            sold += order.filled_size
            cost -= worth
    return _Leg(side, quotient(notional, bought) if bought else ZERO, bought - sold, cost)

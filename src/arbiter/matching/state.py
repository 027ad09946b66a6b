"""What a simulated venue must remember: the state, and the steps that lead to it.

A `Step` carries absolute values, never differences: folding one twice changes nothing.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from arbiter.matching.orders import VenueOrder
from arbiter.model.ids import Asset, VenueId
from arbiter.model.orders import Fill
from arbiter.model.reports import VenueReport


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one arrival changed. `balances` are (total, locked) after it.

    `reports` are what the customer is going to be told, in order; `private_reports` counts all
    that went to the private stream up to and including this step.
    """

    venue: VenueId
    at_ns: int
    orders: tuple[VenueOrder, ...] = ()
    fills: tuple[Fill, ...] = ()
    balances: dict[Asset, tuple[Decimal, Decimal]] = {}
    reports: tuple[VenueReport, ...] = ()
    private_reports: int = 0
    next_order: int
    next_trade: int


class ExchangeState(msgspec.Struct, kw_only=True):
    """The whole of it, serialisable: orders in order of acceptance, fills in order of time."""

    venue: VenueId
    orders: list[VenueOrder] = []
    fills: list[Fill] = []
    balances: dict[Asset, tuple[Decimal, Decimal]] = {}
    private_reports: int = 0
    next_order: int = 1
    next_trade: int = 1


def fold(state: ExchangeState, steps: Iterable[Step]) -> ExchangeState:
    """Give the state after `steps`; steps the state already holds change nothing."""
    orders = {order.client_order_id: order for order in state.orders}
    fills = {fill.venue_trade_id: fill for fill in state.fills}
    balances = dict(state.balances)
    last: ExchangeState | Step = state
    for step in steps:
        orders.update((order.client_order_id, order) for order in step.orders)
        fills.update((fill.venue_trade_id, fill) for fill in step.fills)
        balances.update(step.balances)
        last = step
    return ExchangeState(
        venue=state.venue,
        orders=list(orders.values()),
        fills=list(fills.values()),
        balances=balances,
        private_reports=last.private_reports,
        next_order=last.next_order,
        next_trade=last.next_trade,
    )

"""What a simulated venue must remember: the state, and the steps that lead to it.

A `Step` carries absolute values, never differences: folding one twice changes nothing.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from arbiter.matching.orders import VenueOrder
from arbiter.model.ids import Asset, InstrumentId, VenueId
from arbiter.model.orders import Fill
from arbiter.model.perpetuals import ForcedClose, FundingPayment, MarginPosition
from arbiter.model.reports import FillSettled, VenueReport
from arbiter.model.settling import Settling


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
    positions: dict[InstrumentId, MarginPosition] = {}
    leverage: dict[InstrumentId, Decimal] = {}
    payments: tuple[FundingPayment, ...] = ()
    forced: tuple[ForcedClose, ...] = ()
    settling: dict[InstrumentId, Settling] = {}
    settled: tuple[FillSettled, ...] = ()
    """A fill that failed is no fill any more."""
    closed: frozenset[InstrumentId] | None = None
    """Markets that take no orders; None where that did not change."""
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
    positions: dict[InstrumentId, MarginPosition] = {}
    leverage: dict[InstrumentId, Decimal] = {}
    payments: list[FundingPayment] = []
    forced: list[ForcedClose] = []
    settling: dict[InstrumentId, Settling] = {}
    settled: list[FillSettled] = []
    closed: frozenset[InstrumentId] = frozenset()
    private_reports: int = 0
    next_order: int = 1
    next_trade: int = 1


def fold(state: ExchangeState, steps: Iterable[Step]) -> ExchangeState:
    """Give the state after `steps`; steps the state already holds change nothing."""
    orders = {order.client_order_id: order for order in state.orders}
    fills = {fill.venue_trade_id: fill for fill in state.fills}
    balances = dict(state.balances)
    positions, leverage = dict(state.positions), dict(state.leverage)
    payments = {payment.payment_id: payment for payment in state.payments}
    forced = {close.venue_trade_id: close for close in state.forced}
    settling, closed = dict(state.settling), state.closed
    settled = {told.venue_trade_id: told for told in state.settled}
    last: ExchangeState | Step = state
    for step in steps:
        orders.update((order.client_order_id, order) for order in step.orders)
        fills.update((fill.venue_trade_id, fill) for fill in step.fills)
        balances.update(step.balances)
        positions.update(step.positions)
        leverage.update(step.leverage)
        payments.update((payment.payment_id, payment) for payment in step.payments)
        forced.update((close.venue_trade_id, close) for close in step.forced)
        settling.update(step.settling)
        settled.update((told.venue_trade_id, told) for told in step.settled)
        closed = closed if step.closed is None else step.closed
        last = step
    void = {name for name, told in settled.items() if not told.ok}
    return ExchangeState(
        venue=state.venue,
        orders=list(orders.values()),
        fills=[fill for name, fill in fills.items() if name not in void],
        balances=balances,
        positions=positions,
        leverage=leverage,
        payments=list(payments.values()),
        forced=list(forced.values()),
        settling=settling,
        settled=list(settled.values()),
        closed=closed,
        private_reports=last.private_reports,
        next_order=last.next_order,
        next_trade=last.next_trade,
    )

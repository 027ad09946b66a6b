"""What a simulated venue must remember: the state, and the steps that lead to it.

A `Step` carries absolute values, never differences: folding one twice changes nothing.
"""

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

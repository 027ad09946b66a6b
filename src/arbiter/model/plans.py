"""Signals and plans: what an opportunity looks like, and what somebody wants done about it."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import (
    Actor,
    InstrumentId,
    SignalId,
    StrategyId,
    Symbol,
    VenueId,
)
from arbiter.model.money import ZERO
from arbiter.model.orders import OrderType, Side, TimeInForce


class Family(StrEnum):
    SPOT = "spot"
    FUNDING = "funding"
    EVENTS = "events"
    COPY = "copy"
    AGENTS = "agents"
    MANUAL = "manual"


class Signal(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An executable spread at one moment: buy at the ask of one venue, sell at the bid of another.

    Prices in quote per base. `edge` is net of both taker fees and the slippage tolerance, as a
    fraction of the buy price; `confidence` in 0..1.
    """

    id: SignalId
    seq: int
    strategy: StrategyId
    symbol: Symbol
    buy_instrument: InstrumentId
    sell_instrument: InstrumentId
    buy_venue: VenueId
    sell_venue: VenueId
    buy_price: Decimal
    sell_price: Decimal
    edge: Decimal
    confidence: Decimal
    detected_ns: int
    executed: bool = False
    verdict: str = ""
    """Why it was not executed: a denial as text, or the sizing limit that left nothing."""

    @property
    def gross(self) -> Decimal:
        """Profit per base unit before fees: sell price − buy price."""
        return self.sell_price - self.buy_price


class Leg(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One order a plan wants. `price` is the limit sent, `planned_price` what is expected."""

    instrument: InstrumentId
    side: Side
    size: Decimal
    price: Decimal | None
    planned_price: Decimal
    type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.IOC
    post_only: bool = False

    def __post_init__(self) -> None:
        if not self.size.is_finite() or self.size <= ZERO:
            raise InvalidValue(f"{self.instrument}: leg size must be positive, got {self.size}")
        price, planned = self.price, self.planned_price
        if price is not None and (not price.is_finite() or price <= ZERO):
            raise InvalidValue(f"{self.instrument}: price must be positive, got {price}")
        if not planned.is_finite() or planned <= ZERO:
            raise InvalidValue(f"{self.instrument}: planned_price must be positive, got {planned}")
        if price is None and self.type is OrderType.LIMIT:
            raise InvalidValue(f"{self.instrument}: a limit leg needs a price")


def expected_price(side: Side, limit: Decimal, touch: Decimal | None) -> Decimal:
    """Say where a limit order is thought to execute: at the touch, or at its limit if it waits."""
    if touch is None:
        return limit
    return min(limit, touch) if side is Side.BUY else max(limit, touch)


class Plan(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What one strategy wants done: 1..n legs that belong together."""

    strategy: StrategyId
    family: Family
    actor: Actor
    symbol: Symbol
    legs: tuple[Leg, ...]
    reduce_only: bool = False
    signal_id: SignalId | None = None
    signal_seq: int | None = None
    min_edge: Decimal = ZERO
    """Net edge (fraction) that must still stand at send time; 0 for plans without an edge."""
    created_ns: int

    def __post_init__(self) -> None:
        if not self.legs:
            raise InvalidValue("a plan needs at least one leg")

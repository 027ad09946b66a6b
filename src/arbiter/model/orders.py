"""Orders: what was intended, what the venue says of it, and what is still unknown.

Life of an order::

    CREATED ──► SUBMITTED ──► WORKING ──► PARTIALLY_FILLED ──► FILLED
       │            │            └────────────┴──► CANCELLED | EXPIRED
       │            └──► REJECTED                       (the venue said no)
       ├──► ABANDONED                                   (durable, then never sent)
    DENIED                                              (our gate said no; never sent)

`unknown_since_ns` is an axis of its own: a sent order without a valid answer keeps its status and
is asked for by client order id. Only a venue-confirmed answer makes it terminal.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import (
    Actor,
    Asset,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    Symbol,
    TradeId,
    VenueId,
    VenueOrderId,
)
from arbiter.model.money import ZERO, quotient


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    sign: int
    """+1 for a buy, −1 for a sell: position change = sign × size."""

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


Side.BUY.sign, Side.SELL.sign = 1, -1


class OrderType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"


_LIMIT = OrderType.LIMIT


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class OrderStatus(StrEnum):
    CREATED = "CREATED"
    SUBMITTED = "SUBMITTED"
    WORKING = "WORKING"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    DENIED = "DENIED"
    ABANDONED = "ABANDONED"

    terminal: bool
    """Nothing more is expected from the venue (a late fill is still booked)."""


for _status in OrderStatus:
    _status.terminal = _status in {
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
        OrderStatus.DENIED,
        OrderStatus.ABANDONED,
    }


LEG_ROLES = "abcdefgh"
"""Roles of a plan's legs, in their order; what an order does beside them has other letters."""


class Order(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One order of ours; a change is a new record.

    `size` in the instrument's size unit, `price` in quote per base (None for market).
    """

    client_order_id: ClientOrderId
    strategy: StrategyId
    actor: Actor
    trade_id: TradeId
    leg: str
    """Role within the trade: ``a``/``b`` the legs, ``u`` unwind, ``c`` chase, ``m`` manual."""
    instrument: InstrumentId
    venue: VenueId
    symbol: Symbol
    side: Side
    type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.IOC
    post_only: bool = False
    reduce_only: bool = False
    size: Decimal
    price: Decimal | None = None
    planned_price: Decimal
    """What the plan expected to pay or get, for slippage."""
    status: OrderStatus = OrderStatus.CREATED
    venue_order_id: VenueOrderId | None = None
    filled_size: Decimal = ZERO
    filled_value: Decimal = ZERO
    """Σ fill size × fill price, in quote per contract unit: average price × filled size."""
    reason: str | None = None
    """Why it was denied, rejected, cancelled or abandoned, in words with numbers."""
    unknown_since_ns: int | None = None
    lock_asset: Asset | None = None
    lock: Decimal = ZERO
    """Balance held at the venue when the order was booked; `ledger` says what is left of it."""
    reserve_asset: Asset | None = None
    reserve: Decimal = ZERO
    """Budget taken when the order was booked; `ledger` says what is left of it."""
    created_ns: int
    updated_ns: int

    def __post_init__(self) -> None:
        if not self.size.is_finite() or self.size <= ZERO:
            raise InvalidValue(f"{self.client_order_id}: size must be positive, got {self.size}")
        if self.type is _LIMIT and (self.price is None or self.price <= ZERO):
            raise InvalidValue(f"{self.client_order_id}: a limit order needs a positive price")

    @property
    def remaining(self) -> Decimal:
        return self.size - self.filled_size

    @property
    def average_price(self) -> Decimal | None:
        """Mean fill price to 18 places; None before the first fill."""
        return quotient(self.filled_value, self.filled_size) if self.filled_size else None

    @property
    def open(self) -> bool:
        return not self.status.terminal


class Liquidity(StrEnum):
    MAKER = "MAKER"
    TAKER = "TAKER"


class Fill(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One execution, keyed by (venue, venue_trade_id): booked once, whenever it arrives."""

    venue: VenueId
    venue_trade_id: str
    client_order_id: ClientOrderId
    instrument: InstrumentId
    side: Side
    size: Decimal
    price: Decimal
    fee: Decimal
    """In `fee_asset`; positive is paid, negative is a rebate received."""
    fee_asset: str
    liquidity: Liquidity
    at_ns: int
    """Venue's time of execution."""

    def __post_init__(self) -> None:
        if not self.size.is_finite() or self.size <= ZERO:
            raise InvalidValue(f"fill {self.venue_trade_id}: size must be positive")
        if not self.price.is_finite() or self.price <= ZERO:
            raise InvalidValue(f"fill {self.venue_trade_id}: price must be positive")
        if not self.fee.is_finite():
            raise InvalidValue(f"fill {self.venue_trade_id}: fee must be finite")

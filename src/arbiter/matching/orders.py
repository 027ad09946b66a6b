"""Orders as a venue holds them."""

from decimal import Decimal

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId, VenueOrderId
from arbiter.model.money import ZERO, remainder
from arbiter.model.orders import Order, OrderStatus, OrderType, Side, TimeInForce
from arbiter.model.reports import OrderTruth

# Looking a member up on its enum costs more than comparing with it.
_BUY = Side.BUY

_MARKET, _GTC = OrderType.MARKET, TimeInForce.GTC
_FINEST = Decimal("1e-18")


class OrderRequest(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a venue is told of an order: nothing of strategies or trades."""

    client_order_id: ClientOrderId
    instrument: InstrumentId
    side: Side
    type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    size: Decimal
    price: Decimal | None = None

    def __post_init__(self) -> None:
        if not self.client_order_id:
            raise InvalidValue("an order needs a client order id")
        if len(self.client_order_id) > 64:
            raise InvalidValue("a client order id has at most 64 characters")
        if not _sane(self.size):
            raise InvalidValue(f"{self.client_order_id}: size {self.size} is out of any range")
        if self.price is not None and not _sane(self.price):
            raise InvalidValue(f"{self.client_order_id}: price {self.price} is out of any range")

    @property
    def immediate(self) -> bool:
        """Whatever is not filled on arrival ends."""
        return self.time_in_force is not _GTC or self.type is _MARKET


def _sane(value: Decimal) -> bool:
    """Keep products of two such numbers exact: 18 places either side of the point."""
    return value.is_finite() and -18 <= value.adjusted() <= 18 and not remainder(value, _FINEST)


def request_of(order: Order, *, on_margin: bool = False) -> OrderRequest:
    """Say of our order what its venue needs to know.

    Reduce-only stays with us where a venue has no such order: spot venues sell only what is held.
    """
    return OrderRequest(
        client_order_id=order.client_order_id,
        instrument=order.instrument,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        reduce_only=order.reduce_only and on_margin,
        size=order.size,
        price=order.price,
    )


def marketable(request: OrderRequest, best: Decimal | None) -> bool:
    """Whether an order would trade at the best price of the other side."""
    if best is None:
        return False
    if request.type is OrderType.MARKET or request.price is None:
        return True
    return request.price >= best if request.side is _BUY else request.price <= best


class VenueOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One accepted order; a change is a new record. `locked` is in `lock_asset`."""

    request: OrderRequest
    number: int
    """Order of acceptance at the venue, from 1."""
    status: OrderStatus = OrderStatus.WORKING
    filled_size: Decimal = ZERO
    lock_asset: Asset
    lock_rate: Decimal
    """Locked per unit of size: the limit price with its fee on a buy, 1 on a sell."""
    fee_units: Decimal = ZERO
    """Σ of what its fills owe before a fee that is rounded once per order is rounded."""
    accepted_ns: int
    updated_ns: int

    @property
    def client_order_id(self) -> ClientOrderId:
        return self.request.client_order_id

    @property
    def venue_order_id(self) -> VenueOrderId:
        return VenueOrderId(str(self.number))

    @property
    def remaining(self) -> Decimal:
        return self.request.size - self.filled_size

    @property
    def locked(self) -> Decimal:
        if self.status.terminal:
            return ZERO
        return (self.request.size - self.filled_size) * self.lock_rate

    def changed(
        self,
        status: OrderStatus,
        filled_size: Decimal,
        updated_ns: int,
        fee_units: Decimal | None = None,
    ) -> "VenueOrder":
        return VenueOrder(
            request=self.request,
            number=self.number,
            status=status,
            filled_size=filled_size,
            lock_asset=self.lock_asset,
            lock_rate=self.lock_rate,
            fee_units=self.fee_units if fee_units is None else fee_units,
            accepted_ns=self.accepted_ns,
            updated_ns=updated_ns,
        )

    def voided(self, size: Decimal, at_ns: int) -> "VenueOrder":
        """The order without so much of what it filled; one that is over stays over."""
        left = self.filled_size - size
        status = self.status
        if status is OrderStatus.FILLED:
            status = OrderStatus.EXPIRED
        elif not status.terminal:
            status = OrderStatus.PARTIALLY_FILLED if left else OrderStatus.WORKING
        return self.changed(status, left, at_ns)

    def truth(self, venue: VenueId) -> OrderTruth:
        """Answer a query about this order."""
        return OrderTruth(
            venue=venue,
            client_order_id=self.client_order_id,
            venue_order_id=self.venue_order_id,
            instrument=self.request.instrument,
            status=self.status,
            size=self.request.size,
            filled_size=self.filled_size,
            at_ns=self.updated_ns,
        )

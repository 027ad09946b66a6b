"""One order as whoever asked for it sees it: with everything that was sent to work it."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from arbiter.model.ids import ClientOrderId
from arbiter.model.money import ZERO, quotient
from arbiter.model.orders import LEG_ROLES, Order, OrderStatus


class Worked(msgspec.Struct, frozen=True, kw_only=True):
    """`orders` are the one asked for and what followed it where a book was too thin, in order."""

    orders: tuple[Order, ...]

    @property
    def first(self) -> Order:
        return self.orders[0]

    @property
    def filled_size(self) -> Decimal:
        return sum((order.filled_size for order in self.orders), ZERO)

    @property
    def average_price(self) -> Decimal | None:
        """Mean over all fills, to 18 places; None before the first."""
        value = sum((order.filled_value for order in self.orders), ZERO)
        return quotient(value, self.filled_size) if self.filled_size else None

    @property
    def status(self) -> OrderStatus:
        done = self.filled_size
        if done >= self.first.size:
            return OrderStatus.FILLED
        open_ones = [order for order in self.orders if order.open]
        if open_ones and done:
            return OrderStatus.PARTIALLY_FILLED
        if open_ones:
            return open_ones[-1].status
        last = self.orders[-1].status
        if done and last in {OrderStatus.REJECTED, OrderStatus.ABANDONED}:
            return OrderStatus.CANCELLED  # what was left over of it
        return last

    @property
    def answered(self) -> bool:
        """The venue has spoken of it, or never will."""
        return any(not o.open or o.venue_order_id is not None for o in self.orders)

    @property
    def ended(self) -> bool:
        return all(not order.open for order in self.orders)

    @property
    def reason(self) -> str:
        return self.orders[-1].reason or ""

    @property
    def updated_ns(self) -> int:
        return max(order.updated_ns for order in self.orders)


def leads(order: Order) -> bool:
    """Whether an order was asked for itself, not to finish another."""
    return order.leg not in LEG_ROLES or order.client_order_id.endswith(f"-{order.leg}1")


def worked(first: Order, others: Iterable[Order]) -> Worked:
    """Put an order together with those of its trade that followed it."""
    if first.leg not in LEG_ROLES:
        return Worked(orders=(first,))
    followed = [
        order
        for order in others
        if order.leg == first.leg and order.client_order_id != first.client_order_id
    ]
    followed.sort(key=lambda order: (order.created_ns, _attempt(order.client_order_id)))
    return Worked(orders=(first, *followed))


def _attempt(order: ClientOrderId) -> int:
    return int(order.rpartition("-")[2].lstrip(LEG_ROLES) or 0)

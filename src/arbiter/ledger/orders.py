"""Our orders: what each report makes of them, in whatever order reports arrive.

A terminal status is the venue's last word and is kept; only fills still count afterwards, and one
that completes the size makes the order FILLED. What an order still holds of a balance or a budget
is a function of the order alone (`holds_left`): nothing to forget at a restart.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from arbiter.model.errors import LedgerError
from arbiter.model.ids import Asset, ClientOrderId, TradeId, VenueOrderId
from arbiter.model.money import ZERO, plain, quotient
from arbiter.model.orders import Fill, Order, OrderStatus
from arbiter.model.settling import SettlingStep

# Looking a member up on its enum costs more than comparing with it.
_CREATED, _SUBMITTED, _WORKING, _FILLED, _PARTIALLY_FILLED = (
    OrderStatus.CREATED,
    OrderStatus.SUBMITTED,
    OrderStatus.WORKING,
    OrderStatus.FILLED,
    OrderStatus.PARTIALLY_FILLED,
)

Hold = tuple[Asset | None, Decimal]
"""So much of an asset, or nothing of none."""

_NO_HOLD: Hold = (None, ZERO)
_UNANSWERED = (_CREATED, _SUBMITTED)


class Orders:
    """Orders in memory by client order id, and the order ids of each trade."""

    def __init__(self) -> None:
        self.by_id: Final[dict[ClientOrderId, Order]] = {}
        self.by_trade: dict[TradeId, tuple[ClientOrderId, ...]] = {}

    def get(self, client_order_id: ClientOrderId) -> Order:
        """Find an order; one that is not in memory is a `LedgerError`."""
        order = self.by_id.get(client_order_id)
        if order is None:
            raise LedgerError(f"no order {client_order_id} in the ledger")
        return order

    def add(self, trade_id: TradeId, orders: Iterable[Order]) -> None:
        keys = list(self.by_trade.get(trade_id, ()))
        for order in orders:
            self.by_id[order.client_order_id] = order
            keys.append(order.client_order_id)
        self.by_trade[trade_id] = tuple(keys)

    def any_open(self, trade_id: TradeId) -> bool:
        by_id = self.by_id
        return any(by_id[key].open for key in self.by_trade.get(trade_id, ()))

    def any_unknown(self, trade_id: TradeId) -> bool:
        by_id = self.by_id
        return any(
            by_id[key].unknown_since_ns is not None for key in self.by_trade.get(trade_id, ())
        )

    def forget(self, trade_id: TradeId) -> None:
        for key in self.by_trade.pop(trade_id, ()):
            del self.by_id[key]


def with_holds(
    orders: Sequence[Order],
    locks: Mapping[ClientOrderId, Hold],
    reserves: Mapping[ClientOrderId, Hold],
) -> list[Order]:
    """Write holds that were told apart from their orders into the orders' records."""
    unknown = (locks.keys() | reserves.keys()) - {order.client_order_id for order in orders}
    if unknown:
        raise LedgerError(f"holds for orders that are not there: {sorted(unknown)}")
    told = []
    for order in orders:
        lock_asset, lock = locks.get(order.client_order_id, _NO_HOLD)
        reserve_asset, reserve = reserves.get(order.client_order_id, _NO_HOLD)
        told.append(
            replace(
                order,
                lock_asset=lock_asset,
                lock=lock,
                reserve_asset=reserve_asset,
                reserve=reserve,
            )
        )
    return told


def holds_left(order: Order) -> tuple[Decimal, Decimal]:
    """Give what the order still holds of `lock_asset` at its venue, and of `reserve_asset`.

    The second is taken from its strategy's budget.
    """
    lock, reserve, filled = order.lock, order.reserve, order.filled_size
    if order.status.terminal or filled >= order.size:
        return ZERO, ZERO
    if not filled:
        return lock, reserve
    left, size = order.size - filled, order.size
    return (
        quotient(lock * left, size) if lock else ZERO,
        quotient(reserve * left, size) if reserve else ZERO,
    )


def holds_changed(before: Order, after: Order) -> tuple[Decimal, Decimal]:
    """Give by how much both holds of an order have changed, less being negative."""
    if not (before.lock or before.reserve):
        return ZERO, ZERO
    (lock, reserve), (locked, reserved) = holds_left(after), holds_left(before)
    return lock - locked, reserve - reserved


def sent(order: Order, at_ns: int) -> Order:
    if order.status is not _CREATED:
        return order
    return replace(order, status=_SUBMITTED, updated_ns=at_ns)


def accepted(order: Order, venue_order_id: VenueOrderId, at_ns: int) -> Order:
    """Take the venue's id; a fill or an end may have come first, and then the status stays."""
    return replace(
        order,
        venue_order_id=venue_order_id,
        status=_WORKING if order.status in _UNANSWERED else order.status,
        unknown_since_ns=None,
        updated_ns=at_ns,
    )


def rejected(order: Order, code: str, reason: str, at_ns: int) -> Order:
    """Refuse what has no fills; a refusal of something executed only ends it."""
    if order.status.terminal:
        return _answered(order, at_ns)
    return replace(
        order,
        status=OrderStatus.CANCELLED if order.filled_size else OrderStatus.REJECTED,
        reason=f"{code}: {reason}" if reason else code,
        unknown_since_ns=None,
        updated_ns=at_ns,
    )


def abandoned(order: Order, reason: str, at_ns: int) -> Order:
    if order.status is not _CREATED:
        raise LedgerError(
            f"{order.client_order_id} is {order.status}: only an unsent order can be abandoned"
        )
    return replace(order, status=OrderStatus.ABANDONED, reason=reason, updated_ns=at_ns)


def ended(order: Order, status: OrderStatus, reason: str, at_ns: int) -> Order:
    """Close with the venue's status; the first terminal status stays."""
    if not status.terminal:
        raise LedgerError(f"{order.client_order_id}: {status} ends no order")
    if order.status.terminal:
        return _answered(order, at_ns)
    return replace(
        order,
        status=status,
        reason=reason or order.reason,
        unknown_since_ns=None,
        updated_ns=at_ns,
    )


def unknown(order: Order, at_ns: int) -> Order:
    """Start asking; after a terminal status there is nothing left to ask."""
    if order.status.terminal or order.unknown_since_ns is not None:
        return order
    return replace(order, unknown_since_ns=at_ns, updated_ns=at_ns)


def known(order: Order, at_ns: int) -> Order:
    return _answered(order, at_ns)


def filled(order: Order, fill: Fill, at_ns: int) -> Order:
    """Add one execution; more than the order's size is booked all the same."""
    size = order.filled_size + fill.size
    if size >= order.size:
        status = _FILLED
    elif order.status.terminal:
        status = order.status
    else:
        status = _PARTIALLY_FILLED
    return replace(
        order,
        filled_size=size,
        filled_value=order.filled_value + fill.size * fill.price,
        status=status,
        unknown_since_ns=None if status.terminal else order.unknown_since_ns,
        updated_ns=at_ns,
    )


def voided(order: Order, fill: Fill | SettlingStep, at_ns: int) -> Order:
    """Take an execution out again; an order that is over stays over, and nothing is sent anew."""
    left = order.filled_size - fill.size
    status, reason = order.status, order.reason
    if status is _FILLED:
        status = OrderStatus.EXPIRED
        reason = f"fill {fill.venue_trade_id} of {plain(fill.size)} failed to settle"
    elif not status.terminal:
        status = _PARTIALLY_FILLED if left else _WORKING
    return replace(
        order,
        filled_size=left,
        filled_value=order.filled_value - fill.size * fill.price,
        status=status,
        reason=reason,
        updated_ns=at_ns,
    )


def check_fill(order: Order, fill: Fill) -> None:
    """Refuse a fill that names our order and is of something else."""
    if (fill.venue, fill.instrument, fill.side) != (order.venue, order.instrument, order.side):
        raise LedgerError(
            f"fill {fill.venue_trade_id} is {fill.side} {fill.instrument} on {fill.venue}, but "
            f"order {order.client_order_id} is {order.side} {order.instrument} on {order.venue}"
        )


def _answered(order: Order, at_ns: int) -> Order:
    if order.unknown_since_ns is None:
        return order
    return replace(order, unknown_since_ns=None, updated_ns=at_ns)

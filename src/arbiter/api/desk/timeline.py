"""A trade's life as a list of steps, each in words."""

from collections.abc import Iterable

from arbiter.api.desk import pages
from arbiter.api.desk.times import stamp
from arbiter.model import events as ev
from arbiter.model.ids import ClientOrderId
from arbiter.model.money import plain
from arbiter.model.orders import Order
from arbiter.model.time import NS_PER_MS
from arbiter.model.trades import Trade


def timeline(
    trade: Trade, orders: Iterable[Order], events: Iterable[ev.JournalEvent]
) -> list[pages.Step]:
    """Tell events in the order they were recorded."""
    legs = {order.client_order_id: order.leg for order in orders}
    steps = []
    for event in events:
        told = _told(event)
        if told is None:
            continue
        kind, order, text = told
        steps.append(
            pages.Step.model_construct(
                ts=stamp(event.at_ns),
                elapsed_ms=(event.at_ns - trade.started_ns) / NS_PER_MS,
                kind=kind,
                client_order_id=order,
                leg=None if order is None else legs.get(order),
                text=text,
            )
        )
    return steps


def _told(event: ev.JournalEvent) -> tuple[str, ClientOrderId | None, str] | None:
    match event:
        case ev.TradeOpened(orders=orders):
            return "planned", None, f"{len(orders)} orders made durable before anything is sent"
        case ev.OrdersAdded(orders=orders):
            return "added", None, "; ".join(_wish(order) for order in orders)
        case ev.OrderSent(client_order_id=order):
            return "sent", order, "Sent to the venue"
        case ev.OrderAccepted(client_order_id=order, venue_order_id=venue_order):
            return "accepted", order, f"Accepted as {venue_order}"
        case ev.OrderFilled(fill=fill):
            text = (
                f"{plain(fill.size)} at {plain(fill.price)}, fee {plain(fill.fee)} {fill.fee_asset}"
            )
            return "filled", fill.client_order_id, text
        case ev.OrderRejected(client_order_id=order, code=code, reason=reason):
            return "rejected", order, f"{code}: {reason}" if reason else code
        case ev.OrderEnded(client_order_id=order, status=status, reason=reason):
            return "ended", order, f"{status}: {reason}" if reason else str(status)
        case ev.OrderAbandoned(client_order_id=order, reason=reason):
            return "abandoned", order, reason
        case ev.OutcomeUnknown(client_order_id=order, why=why):
            return "unknown", order, f"No valid answer ({why}); the venue is asked"
        case ev.OutcomeKnown(client_order_id=order):
            return "known", order, "The venue answered what became of it"
        case ev.TradeAdvanced(state=state, reason=reason):
            return "state", None, f"{state}: {reason}" if reason else str(state)
    return None


def _wish(order: Order) -> str:
    price = "at market" if order.price is None else f"at {plain(order.price)}"
    return f"{order.side} {plain(order.size)} on {order.venue} {price} ({order.leg})"

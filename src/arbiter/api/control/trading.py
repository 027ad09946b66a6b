"""TradingService: orders by hand on every venue, through the engine's gate."""

from decimal import Decimal

import arbiter_pb2 as pb
from arbiter.api.control.convert import (
    Markets,
    amount,
    check_price,
    limit_of,
    order_id,
    order_shown,
    side_of,
    status_shown,
    statuses_of,
    text_of,
    venue_of,
    venues_of,
)
from arbiter.api.control.deps import ControlDeps
from arbiter.api.control.guard import Call
from arbiter.model.errors import NotFound
from arbiter.model.ids import VenueId
from arbiter.model.money import plain
from arbiter.model.orders import OrderStatus
from arbiter.runtime.manual_desk import Ticket
from arbiter.runtime.worked import Worked

ANSWER_S = 2.0
"""How long a venue's answer is waited for; without one an order is PENDING, a cancel not done."""

_SHOWN = Decimal("1e-8")
_REFUSED = frozenset({OrderStatus.DENIED, OrderStatus.REJECTED, OrderStatus.ABANDONED})


class TradingService:
    def __init__(self, deps: ControlDeps, markets: Markets) -> None:
        self._deps = deps
        self._markets = markets

    async def PlaceOrder(self, request: pb.PlaceOrderRequest, call: Call) -> pb.PlaceOrderResponse:
        side = side_of(request.side)
        size = amount(request.size, "size")
        price = amount(request.price, "price") if request.price else None
        instrument = self._markets.find(request.exchange, request.market_id)
        if price is not None:
            check_price(instrument, price)
        key = text_of(request.client_order_id, "client_order_id", needed=False)
        actor = call.caller.actor
        ticket = Ticket(
            actor=actor, instrument=instrument, side=side, size=size, price=price, key=key
        )
        placed = await self._deps.desk.place(ticket)
        done = _ended_and_named if price is None else _answered_and_named
        placed = await self._deps.desk.settled(placed, call.patience_s(ANSWER_S), done)
        return pb.PlaceOrderResponse(
            order_id=order_id(placed), status=status_shown(placed.status), message=_told(placed)
        )

    async def CancelOrder(
        self, request: pb.CancelOrderRequest, call: Call
    ) -> pb.CancelOrderResponse:
        order = await self._order(request.exchange, request.order_id, call)
        if order.ended:
            return _not_cancelled(f"nothing to cancel: {_told(order)}")
        await self._deps.desk.cancel(order, call.caller.actor)
        order = await self._deps.desk.settled(order, call.patience_s(ANSWER_S), _ended)
        if not order.ended:
            return _not_cancelled(
                "the cancel was sent and the venue has not confirmed it yet; ask GetOrder"
            )
        if order.status is OrderStatus.FILLED:
            return _not_cancelled("the order was filled before the cancel reached the venue")
        filled = plain(order.filled_size)
        return pb.CancelOrderResponse(success=True, message=f"cancelled; {filled} had been filled")

    async def GetOrder(self, request: pb.GetOrderRequest, call: Call) -> pb.OrderResponse:
        order = await self._order(request.exchange, request.order_id, call)
        return order_shown(order, self._markets)

    async def ListOrders(self, request: pb.ListOrdersRequest, call: Call) -> pb.ListOrdersResponse:
        found = await self._deps.desk.recent(
            venues=venues_of(request.exchange, self._markets.venues),
            statuses=statuses_of(request.status),
            limit=limit_of(request.limit, default=50, most=500),
        )
        return pb.ListOrdersResponse(orders=[order_shown(each, self._markets) for each in found])

    async def _order(self, exchange: int, name: str, call: Call) -> Worked:
        text_of(name, "order_id")
        venue: VenueId | None = None
        if exchange not in {pb.EXCHANGE_UNSPECIFIED, pb.EXCHANGE_OTHER}:
            venue = venue_of(exchange)
        found = await self._deps.desk.find(name, venue, call.caller.actor)
        if found is None:
            where = "" if venue is None else f" on {venue}"
            raise NotFound(f"there is no order {name!r}{where}; ListOrders gives the ids")
        return found


def _ended(order: Worked) -> bool:
    return order.ended


def _answered_and_named(order: Worked) -> bool:
    return order.answered and _named(order)


def _ended_and_named(order: Worked) -> bool:
    return order.ended and _named(order)


def _named(order: Worked) -> bool:
    """Whether the venue's own id is known; a fill may be told before the answer that brings it."""
    return not order.filled_size or order.first.venue_order_id is not None


def _told(order: Worked) -> str:
    """Say in words how an order stands; of a refusal the reason with its numbers."""
    status = order.status
    if status in _REFUSED:
        return order.reason or str(status)
    size, filled = plain(order.first.size), plain(order.filled_size)
    average = order.average_price
    at = "" if average is None else f" at {plain(average.quantize(_SHOWN))}"
    if status is OrderStatus.FILLED:
        return f"filled {size}{at}"
    if order.ended:
        return f"ended with {filled} of {size} filled{at}; {order.reason}".rstrip("; ")
    if not order.answered:
        return "sent; the venue has not answered yet: ask GetOrder with this order_id"
    return f"{filled} of {size} filled{at}" if order.filled_size else "accepted by the venue"


def _not_cancelled(message: str) -> pb.CancelOrderResponse:
    return pb.CancelOrderResponse(success=False, message=message)

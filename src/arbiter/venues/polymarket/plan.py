"""What goes to the venue for an order of ours: which token, which way, at what price of it."""

from collections.abc import Callable
from decimal import Decimal

from arbiter.model.errors import InvalidValue
from arbiter.model.money import ONE, ZERO, on_step
from arbiter.model.orders import Order, OrderType, Side, TimeInForce
from arbiter.venues.polymarket.listing import EventMarket
from arbiter.venues.polymarket.rows import Put

_CENT, _TEN_THOUSANDTH = Decimal("0.01"), Decimal("0.0001")
_KINDS = {TimeInForce.GTC: "GTC", TimeInForce.IOC: "FAK", TimeInForce.FOK: "FOK"}


def plan(order: Order, market: EventMarket, sellable: Callable[[str], Decimal]) -> Put:
    """`sellable` gives how many of a token are there to sell. InvalidValue for what cannot go."""
    tick = market.instrument.tick
    buys = order.side is Side.BUY
    price = order.price
    if order.type is OrderType.MARKET or price is None:
        price = ONE - tick if buys else tick
    if not ZERO < price < ONE:
        raise InvalidValue(f"a price of {price} is none of a contract")
    other = 1 if buys else 0
    if sellable(market.tokens[other]) >= order.size:
        outcome, side = other, Side.SELL
    else:
        outcome, side = 1 - other, Side.BUY
    own_price = price if outcome == 0 else ONE - price
    immediate = order.type is OrderType.MARKET
    kind = "FAK" if immediate else _KINDS[order.time_in_force]
    hurried = False
    if side is Side.BUY and kind != "GTC":
        cost = own_price * order.size
        exact = on_step(cost, _CENT) and on_step(order.size, _TEN_THOUSANDTH)
        if not exact and kind == "FOK":
            raise InvalidValue(f"FOK of {order.size} at {own_price} costs no whole cents")
        if not exact:
            kind, hurried = "GTC", True
    return Put(
        name=order.client_order_id,
        instrument=market.instrument.id,
        token=market.tokens[outcome],
        side=side,
        price=own_price,
        size=order.size,
        kind=kind,
        hurried=hurried,
    )

"""The rules a venue holds an order against before it exists there."""

from decimal import Decimal

from arbiter.matching.codes import Refusal
from arbiter.matching.orders import OrderRequest
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO, plain
from arbiter.model.orders import OrderType, TimeInForce

# Looking a member up on its enum costs more than comparing with it.
_LIMIT = OrderType.LIMIT
_BINARY = InstrumentKind.BINARY

Problem = tuple[Refusal, str]


def shape_problem(request: OrderRequest, instrument: Instrument) -> Problem | None:
    """Check what needs no market: the combination, price on the tick, size on the lot."""
    if request.reduce_only and instrument.kind is InstrumentKind.SPOT:
        return Refusal.UNSUPPORTED, "reduce-only has no meaning for spot"
    if request.type is _LIMIT:
        if request.price is None:
            return Refusal.UNSUPPORTED, "a limit order needs a price"
        if request.price <= ZERO or not instrument.on_tick(request.price):
            return (
                Refusal.TICK,
                f"price={plain(request.price)} tick={plain(instrument.price_step(request.price))}",
            )
        if instrument.kind is _BINARY and request.price >= ONE:
            return Refusal.TICK, f"price={plain(request.price)} of a contract that pays 1"
    elif request.price is not None:
        return Refusal.UNSUPPORTED, "a market order has no price"
    if request.post_only and request.immediate:
        return (
            Refusal.UNSUPPORTED,
            f"post-only cannot be {_tif(request)}",
        )
    return None


def size_problem(request: OrderRequest, instrument: Instrument, price: Decimal) -> Problem | None:
    """Check lot, minimum size and minimum notional at the price that counts."""
    which = instrument.size_problem(request.size, price)
    if which is None or (which == "min_notional" and request.reduce_only):
        return None
    size = plain(request.size)
    if which == "lot":
        return Refusal.LOT, f"size={size} lot={plain(instrument.lot)}"
    if which == "min_size":
        return Refusal.MIN_SIZE, f"size={size} min_size={plain(instrument.min_size)}"
    notional = plain(instrument.notional(request.size, price))
    return (
        Refusal.MIN_NOTIONAL,
        f"notional={notional} min_notional={plain(instrument.min_notional)}",
    )


def _tif(request: OrderRequest) -> str:
    return (
        "a market order"
        if request.type is OrderType.MARKET
        else str(TimeInForce(request.time_in_force))
    )

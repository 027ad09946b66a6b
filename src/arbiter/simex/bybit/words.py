"""How Bybit writes numbers, states and refusals. Texts and codes are those of production."""

from decimal import Decimal

from arbiter.matching.codes import Refusal
from arbiter.model.instruments import Instrument
from arbiter.model.money import plain
from arbiter.model.orders import OrderStatus
from arbiter.model.perpetuals import is_perpetual
from arbiter.simex.account import OrderView
from arbiter.simex.rest import VenueError

SPOT, LINEAR = "spot", "linear"

_SPOT: dict[Refusal, tuple[int, str]] = {
    Refusal.UNKNOWN_INSTRUMENT: (170121, "Invalid symbol."),
    Refusal.DUPLICATE_ID: (170141, "Duplicate clientOrderId."),
    Refusal.TICK: (170134, "Order price has too many decimals."),
    Refusal.LOT: (170137, "Order volume decimal too long."),
    Refusal.MIN_SIZE: (170136, "Order quantity below the lower limit."),
    Refusal.MIN_NOTIONAL: (170140, "Order value exceeded lower limit."),
    Refusal.BALANCE: (170131, "Insufficient balance."),
    Refusal.WOULD_TAKE: (170218, "The LIMIT-MAKER order is rejected due to invalid price."),
    Refusal.NO_MARKET: (170116, "Invalid orderType."),
    Refusal.UNSUPPORTED: (170115, "Invalid timeInForce."),
    Refusal.UNKNOWN_ORDER: (170213, "Order does not exist."),
    Refusal.ALREADY_ENDED: (170213, "Order does not exist."),
}
_LINEAR: dict[Refusal, tuple[int, str]] = {
    Refusal.UNKNOWN_INSTRUMENT: (10001, "params error: symbol invalid"),
    Refusal.DUPLICATE_ID: (110072, "OrderLinkedID is duplicate"),
    Refusal.TICK: (10001, "params error: order price tick is invalid"),
    Refusal.LOT: (10001, "Qty invalid"),
    Refusal.MIN_SIZE: (10001, "The number of contracts exceeds minimum limit allowed"),
    Refusal.MIN_NOTIONAL: (110094, "Order does not meet minimum order value 5USDT"),
    Refusal.BALANCE: (110007, "ab not enough for new order"),
    Refusal.WOULD_TAKE: (170218, "The LIMIT-MAKER order is rejected due to invalid price."),
    Refusal.NOT_REDUCING: (110017, "current position is zero, cannot fix reduce-only order qty"),
    Refusal.NO_MARKET: (110003, "Order price exceeds the allowable range."),
    Refusal.UNSUPPORTED: (10001, "params error: timeInForce invalid"),
    Refusal.UNKNOWN_ORDER: (110001, "order not exists or too late to cancel"),
    Refusal.ALREADY_ENDED: (110001, "order not exists or too late to cancel"),
}


def category_of(instrument: Instrument) -> str:
    return LINEAR if is_perpetual(instrument) else SPOT


def refusal_error(reason: str, category: str) -> VenueError:
    """Turn the exchange's refusal (``CODE: numbers``) into the venue's own."""
    refusal = Refusal(reason.partition(":")[0])
    code, text = (_SPOT if category == SPOT else _LINEAR)[refusal]
    return VenueError(code, text, 200)


def invalid(what: str) -> VenueError:
    return VenueError(10001, f"params error: {what}", 200)


def no_such_order(category: str) -> VenueError:
    return refusal_error(Refusal.UNKNOWN_ORDER, category)


def order_id(number: int, account: int) -> str:
    return f"{number:08x}-51b5-4ca9-8c2c-{account:012x}"


def order_number(text: str) -> int:
    try:
        return int(text.partition("-")[0], 16)
    except ValueError:
        return 0


def exec_id(trade: str, account: int) -> str:
    return f"{int(trade):08x}-0f18-5866-9415-{account:012x}"


def status_of(view: OrderView) -> str:
    order = view.order
    if order.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED):
        partly = order.filled_size > 0 and category_of(view.instrument) == SPOT
        return "PartiallyFilledCanceled" if partly else "Cancelled"
    return {
        OrderStatus.WORKING: "New",
        OrderStatus.PARTIALLY_FILLED: "PartiallyFilled",
        OrderStatus.FILLED: "Filled",
    }[order.status]


def number(value: Decimal) -> str:
    return plain(value)

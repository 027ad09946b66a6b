"""How Binance writes numbers, states and refusals. Texts and codes are those of production."""

from decimal import Decimal

from arbiter.matching.codes import Refusal
from arbiter.matching.orders import OrderRequest
from arbiter.model.money import plain
from arbiter.model.orders import OrderStatus, OrderType
from arbiter.simex.rest import VenueError

STATUS = {
    OrderStatus.WORKING: "NEW",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELLED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
}

DIGITS = 8


def fixed(value: Decimal) -> str:
    """Write with eight digits after the point, more where there are more."""
    text = format(value, "f")
    whole, _, part = text.partition(".")
    return f"{whole}.{part.rstrip('0').ljust(DIGITS, '0')}"


def short(value: Decimal) -> str:
    """Futures drop trailing zeros in most fields."""
    return plain(value)


def spot_type(request: OrderRequest) -> str:
    if request.type is OrderType.MARKET:
        return "MARKET"
    return "LIMIT_MAKER" if request.post_only else "LIMIT"


def futures_tif(request: OrderRequest) -> str:
    return "GTX" if request.post_only else request.time_in_force.value


_SPOT: dict[Refusal, tuple[int, str]] = {
    Refusal.UNKNOWN_INSTRUMENT: (-1121, "Invalid symbol."),
    Refusal.DUPLICATE_ID: (-2010, "Duplicate order sent."),
    Refusal.TICK: (-1013, "Filter failure: PRICE_FILTER"),
    Refusal.LOT: (-1013, "Filter failure: LOT_SIZE"),
    Refusal.MIN_SIZE: (-1013, "Filter failure: LOT_SIZE"),
    Refusal.MIN_NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    Refusal.BALANCE: (-2010, "Account has insufficient balance for requested action."),
    Refusal.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Refusal.NO_MARKET: (-1013, "Market is closed."),
    Refusal.UNSUPPORTED: (-1106, "Parameter 'timeInForce' sent when not required."),
    Refusal.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    Refusal.ALREADY_ENDED: (-2011, "Unknown order sent."),
}
_FUTURES: dict[Refusal, tuple[int, str]] = {
    Refusal.UNKNOWN_INSTRUMENT: (-1121, "Invalid symbol."),
    Refusal.DUPLICATE_ID: (-4116, "ClientOrderId is duplicated."),
    Refusal.TICK: (-4014, "Price not increased by tick size."),
    Refusal.LOT: (-1111, "Precision is over the maximum defined for this asset."),
    Refusal.MIN_SIZE: (-4003, "Quantity less than or equal to zero."),
    Refusal.MIN_NOTIONAL: (
        -4164,
        "Order's notional must be no smaller than 5 (unless you choose reduce only).",
    ),
    Refusal.BALANCE: (-2019, "Margin is insufficient."),
    Refusal.WOULD_TAKE: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history",
    ),
    Refusal.NO_MARKET: (
        -4131,
        "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    ),
    Refusal.NOT_REDUCING: (-2022, "ReduceOnly Order is rejected."),
    Refusal.UNSUPPORTED: (-1106, "Parameter 'timeInForce' sent when not required."),
    Refusal.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    Refusal.ALREADY_ENDED: (-2011, "Unknown order sent."),
}


def refusal_error(reason: str, *, futures: bool) -> VenueError:
    """Turn the exchange's refusal (``CODE: numbers``) into the venue's own."""
    refusal = Refusal(reason.partition(":")[0])
    code, text = (_FUTURES if futures else _SPOT)[refusal]
    return VenueError(code, text)


def missing(name: str) -> VenueError:
    return VenueError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


INVALID_SYMBOL = VenueError(-1121, "Invalid symbol.")
NO_SUCH_ORDER = VenueError(-2013, "Order does not exist.")
UNKNOWN_ORDER = VenueError(-2011, "Unknown order sent.")
BAD_KEY_FORMAT = VenueError(-2014, "API-key format invalid.", 401)
BAD_KEY = VenueError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
BAD_SIGNATURE = VenueError(-1022, "Signature for this request is not valid.")

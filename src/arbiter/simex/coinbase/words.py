"""How Coinbase writes ids, times, states and refusals. Codes and texts are those of production."""

from datetime import UTC, datetime

from arbiter.matching.codes import Refusal
from arbiter.model.orders import OrderStatus, TimeInForce
from arbiter.simex.rest import VenueError

STATUS = {
    OrderStatus.WORKING: "OPEN",
    OrderStatus.PARTIALLY_FILLED: "OPEN",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELLED: "CANCELLED",
    OrderStatus.EXPIRED: "CANCELLED",
}
TIMES = {
    TimeInForce.GTC: "GOOD_UNTIL_CANCELLED",
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
    TimeInForce.FOK: "FILL_OR_KILL",
}
_UNKNOWN = "UNKNOWN_FAILURE_REASON"
_NOT_MADE: dict[Refusal, tuple[str, str, str]] = {
    Refusal.UNKNOWN_INSTRUMENT: (
        "INVALID_PRODUCT_ID",
        "invalid product id",
        "PREVIEW_INVALID_PRODUCT_ID",
    ),
    Refusal.TICK: (
        "INVALID_PRICE_PRECISION",
        "Too many decimals in order price",
        "PREVIEW_INVALID_PRICE_PRECISION",
    ),
    Refusal.LOT: (
        "INVALID_SIZE_PRECISION",
        "Too many decimals in order amount",
        "PREVIEW_INVALID_SIZE_PRECISION",
    ),
    Refusal.MIN_SIZE: (_UNKNOWN, "", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
    Refusal.MIN_NOTIONAL: (_UNKNOWN, "", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
    Refusal.BALANCE: (
        "INSUFFICIENT_FUND",
        "Insufficient balance in source account",
        "PREVIEW_INSUFFICIENT_FUND",
    ),
    Refusal.WOULD_TAKE: (
        "INVALID_LIMIT_PRICE_POST_ONLY",
        "Post only order would have matched",
        "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
    ),
    Refusal.NO_MARKET: ("INVALID_NO_LIQUIDITY", "no liquidity", "PREVIEW_INVALID_NO_LIQUIDITY"),
    Refusal.UNSUPPORTED: (
        "UNSUPPORTED_ORDER_CONFIGURATION",
        "unsupported order configuration",
        "PREVIEW_INVALID_ORDER_CONFIG",
    ),
}


class NotMade(Exception):
    """An order that is not made: answered with 200 and ``success`` false."""

    def __init__(self, code: str, text: str, preview: str) -> None:
        super().__init__(text or preview)
        self.code = code
        self.text = text
        self.preview = preview


class Named(VenueError):
    """A refusal with a name instead of a number."""

    def __init__(self, name: str, text: str, status: int) -> None:
        super().__init__(0, text, status)
        self.name = name


def not_made(reason: str) -> NotMade:
    """Turn the exchange's refusal (``CODE: numbers``) into the venue's own."""
    return NotMade(*_NOT_MADE[Refusal(reason.partition(":")[0])])


def shut() -> NotMade:
    return NotMade(
        "ORDER_ENTRY_DISABLED", "order entry is disabled", "PREVIEW_NOT_ALLOWED_BY_MARKET_STATE"
    )


def invalid(what: str) -> Named:
    return Named("INVALID_ARGUMENT", what, 400)


def not_found(what: str) -> Named:
    return Named("NOT_FOUND", f"{what} not found", 404)


def order_id(number: int, account: int) -> str:
    return f"{number:08x}-9c2f-4d1e-8a37-{account:012x}"


def trade_id(number: str, account: int) -> str:
    return f"{int(number):08x}-57b0-4e6a-9d84-{account:012x}"


def order_number(text: str) -> int:
    try:
        return int(text.partition("-")[0], 16)
    except ValueError:
        return 0


def stamp(at_ns: int) -> str:
    """RFC 3339 in microseconds."""
    whole, part = divmod(at_ns // 1_000, 1_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{part:06d}Z"

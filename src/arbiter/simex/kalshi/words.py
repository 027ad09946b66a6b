"""How Kalshi writes numbers, times, ids and refusals. Codes are those of production."""

from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal

from arbiter.matching.codes import Refusal
from arbiter.simex.rest import VenueError

_MICRO = 1_000
_CENT = Decimal("0.01")

_REFUSALS: dict[Refusal, tuple[int, str, str]] = {
    Refusal.UNKNOWN_INSTRUMENT: (404, "not_found", "not found"),
    Refusal.DUPLICATE_ID: (409, "order_already_exists", "order already exists"),
    Refusal.TICK: (400, "invalid_price", "invalid price"),
    Refusal.LOT: (400, "invalid_order", "invalid count"),
    Refusal.MIN_SIZE: (400, "invalid_order", "invalid count"),
    Refusal.MIN_NOTIONAL: (400, "invalid_order", "invalid count"),
    Refusal.BALANCE: (400, "insufficient_balance", "insufficient balance"),
    Refusal.WOULD_TAKE: (400, "invalid_order", "invalid order"),
    Refusal.NO_MARKET: (409, "market_closed", "market closed"),
    Refusal.NOT_REDUCING: (400, "invalid_order", "invalid order"),
    Refusal.UNSUPPORTED: (400, "invalid_order", "invalid order"),
    Refusal.UNKNOWN_ORDER: (404, "not_found", "not found"),
    Refusal.ALREADY_ENDED: (404, "not_found", "not found"),
}
_DETAILS = {
    Refusal.WOULD_TAKE: "post only cross",
    Refusal.NOT_REDUCING: "reduce only",
    Refusal.UNSUPPORTED: "post only is good till canceled",
}


class Refused(VenueError):
    """``{"error": {"code", "message", "details"}}``; flat where a body could not be read."""

    def __init__(
        self, status: int, name: str, message: str, details: str = "", *, flat: bool = False
    ) -> None:
        super().__init__(0, message, status)
        self.name = name
        self.details = details
        self.flat = flat

    def body(self) -> dict[str, object]:
        told: dict[str, object] = {"code": self.name, "message": self.text}
        if self.details:
            told["details"] = self.details
        return told if self.flat else {"error": told}


def refused(reason: str) -> Refused:
    """Turn the exchange's refusal (``CODE: numbers``) into the venue's own."""
    refusal = Refusal(reason.partition(":")[0])
    return Refused(*_REFUSALS[refusal], _DETAILS.get(refusal, ""))


def not_found() -> Refused:
    return Refused(404, "not_found", "not found")


def invalid(details: str) -> Refused:
    return Refused(400, "invalid_order", "invalid order", details)


def retired() -> Refused:
    """What the order endpoints of before V2 answer."""
    return Refused(
        410,
        "deprecated_v1_order_endpoint",
        "this endpoint is deprecated, use /portfolio/events/orders",
    )


def unauthenticated(details: str) -> Refused:
    return Refused(401, "authentication_error", "authentication_error", details)


def order_id(number: int, account: int) -> str:
    return f"{number:08x}-4b5c-4dcf-b721-{account:012x}"


def order_number(text: str) -> int:
    try:
        return int(text.partition("-")[0], 16)
    except ValueError:
        return 0


def trade_id(trade: str, account: int) -> str:
    return f"{int(trade):08x}-ee49-470d-82d8-{account:012x}"


def dollars(value: Decimal) -> str:
    """Four places, six where money was rounded."""
    return f"{value:.4f}"


def exact(value: Decimal) -> str:
    return f"{value:.6f}"


def count(value: Decimal) -> str:
    return f"{value:.2f}"


def cents(value: Decimal) -> int:
    """Whole cents, what is less cut off."""
    return int((value / _CENT).to_integral_value(ROUND_DOWN))


def moment(at_ns: int) -> str:
    made = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC)
    return f"{made:%Y-%m-%dT%H:%M:%S}.{at_ns % 1_000_000_000 // _MICRO:06d}Z"

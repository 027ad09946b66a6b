"""How Hyperliquid writes numbers, states and refusals. Texts are those of production."""

from decimal import Decimal

from arbiter.matching.codes import Refusal
from arbiter.model.money import plain
from arbiter.model.orders import OrderStatus, Side
from arbiter.simex.account import OrderView
from arbiter.simex.rest import VenueError

SIDES = {Side.BUY: "B", Side.SELL: "A"}
NO_MATCH = "Order could not immediately match against any resting orders."
HALTED = "Trading is halted."
UPGRADING = "Only post-only orders are allowed immediately after a network upgrade"
NO_SUCH_ORDER = "Order was never placed, already canceled, or filled."
UNAPPROVED_BUILDER = "Builder fee has not been approved."
BAD_LEVERAGE = "Invalid leverage value"
HELD_LEVERAGE = (
    "Isolated position does not have sufficient margin available to decrease leverage. "
    "To decrease leverage, add margin to the position."
)
MALFORMED = VenueError(0, "Failed to deserialize the JSON body into the target type", 422)

_FIRST_ORDER, _FIRST_TRADE = 77_000_000_000, 118_906_000_000_000
_ACCOUNTS = 100
"""Numbers are the venue's, the simulated exchanges count by account."""

_REFUSALS = {
    Refusal.UNKNOWN_INSTRUMENT: "Order has invalid asset.",
    Refusal.DUPLICATE_ID: "Order has duplicate cloid.",
    Refusal.TICK: "Price must be divisible by tick size.",
    Refusal.LOT: "Order has invalid size.",
    Refusal.MIN_SIZE: "Order has invalid size.",
    Refusal.MIN_NOTIONAL: "Order must have minimum value of $10.",
    Refusal.BALANCE: "Insufficient margin to place order.",
    Refusal.WOULD_TAKE: "Post only order would have immediately matched, bbo was {bbo}.",
    Refusal.NOT_REDUCING: "Reduce only order would increase position.",
    Refusal.NO_MARKET: "No liquidity available for market order.",
    Refusal.UNSUPPORTED: "Order has invalid time in force.",
}


def refused(reason: str, asset: int, bbo: str) -> str:
    """Turn the exchange's refusal (``CODE: numbers``) into the venue's own text."""
    text = _REFUSALS[Refusal(reason.partition(":")[0])]
    return f"{text.format(bbo=bbo)} asset={asset}"


def number(value: Decimal) -> str:
    """Write with at least one digit after the point."""
    text = plain(value)
    return text if "." in text else f"{text}.0"


def short(text: str) -> str:
    """Drop the zeros that a fixed number of digits leaves."""
    return number(Decimal(text))


def order_number(number: int, account: int) -> int:
    return _FIRST_ORDER + number * _ACCOUNTS + account


def own_number(oid: int) -> int:
    """What the account counts, of an order's number."""
    return (oid - _FIRST_ORDER) // _ACCOUNTS


def trade_number(trade: str, account: int) -> int:
    return _FIRST_TRADE + int(trade) * _ACCOUNTS + account


def state_of(view: OrderView) -> str:
    status, order = view.order.status, view.order
    if status is OrderStatus.FILLED:
        return "filled"
    if not status.terminal:
        return "open"
    if order.request.immediate and not order.filled_size:
        return "iocCancelRejected"
    return "canceled"

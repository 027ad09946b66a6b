"""How OKX writes numbers, states and refusals. Texts and codes are those of production."""

from decimal import Decimal

from arbiter.matching.codes import Refusal
from arbiter.model.instruments import Instrument
from arbiter.model.money import plain
from arbiter.model.orders import OrderStatus, OrderType, TimeInForce
from arbiter.model.perpetuals import is_perpetual
from arbiter.simex.account import OrderView
from arbiter.simex.rest import VenueError

SPOT, SWAP = "SPOT", "SWAP"
KINDS = (SPOT, SWAP, "FUTURES", "OPTION", "MARGIN")

_FIRST_ORDER = 312_269_865_356_374_016
_PER_ACCOUNT = 10**12
_FIRST_BILL = 317_321_390_000_000_000
_FUNDING_BILLS = 5 * 10**11
"""Bills of an account from here on are of funding."""

_TEXTS: dict[Refusal, tuple[int, str]] = {
    Refusal.UNKNOWN_INSTRUMENT: (51001, "Instrument ID doesn't exist."),
    Refusal.DUPLICATE_ID: (51016, "Client order ID already exists."),
    Refusal.TICK: (51000, "Parameter px error"),
    Refusal.LOT: (51121, "Order quantity must be a multiple of the lot size."),
    Refusal.MIN_SIZE: (51020, "Your order should meet or exceed the minimum order amount."),
    Refusal.MIN_NOTIONAL: (51020, "Your order should meet or exceed the minimum order amount."),
    Refusal.BALANCE: (51008, "Order failed. Insufficient balance in account"),
    Refusal.NOT_REDUCING: (
        51169,
        "Order failed because you don't have any positions in this direction for this contract "
        "to reduce or close.",
    ),
    Refusal.NO_MARKET: (51009, "Order placement function is blocked by the platform."),
    Refusal.UNSUPPORTED: (51000, "Parameter ordType error"),
    Refusal.UNKNOWN_ORDER: (
        51400,
        "Order cancellation failed as the order has been filled, canceled or does not exist.",
    ),
    Refusal.ALREADY_ENDED: (
        51400,
        "Order cancellation failed as the order has been filled, canceled or does not exist.",
    ),
}


class OrderRefused(VenueError):
    """Said of one order, within an answer that is itself well."""


def kind_of(instrument: Instrument) -> str:
    return SWAP if is_perpetual(instrument) else SPOT


def refusal_error(reason: str) -> OrderRefused:
    """Turn the exchange's refusal (``CODE: numbers``) into the venue's own."""
    code, text = _TEXTS[Refusal(reason.partition(":")[0])]
    return OrderRefused(code, text, 200)


def invalid(name: str) -> VenueError:
    return VenueError(51000, f"Parameter {name} error", 400)


def order_id(number: int, account: int) -> str:
    return str(_FIRST_ORDER + account * _PER_ACCOUNT + number)


def order_number(text: str) -> int:
    return (int(text) - _FIRST_ORDER) % _PER_ACCOUNT if text.isdecimal() else 0


def bill_id(trade: str, account: int) -> str:
    return str(_FIRST_BILL + account * _PER_ACCOUNT + int(trade))


def funding_bill_id(count: int, account: int) -> str:
    return str(_FIRST_BILL + account * _PER_ACCOUNT + _FUNDING_BILLS + count)


def state_of(view: OrderView) -> str:
    return {
        OrderStatus.WORKING: "live",
        OrderStatus.PARTIALLY_FILLED: "partially_filled",
        OrderStatus.FILLED: "filled",
    }.get(view.order.status, "canceled")


def order_type_of(view: OrderView) -> str:
    request = view.request
    if request.type is OrderType.MARKET:
        return "market"
    if request.post_only:
        return "post_only"
    kinds = {TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}
    return kinds.get(request.time_in_force, "limit")


def number(value: Decimal) -> str:
    return plain(value)


def contracts(instrument: Instrument, size: Decimal) -> str:
    """A size as the venue counts it."""
    return plain(size / instrument.wire_unit)

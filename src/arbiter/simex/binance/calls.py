"""Parameters of a request: read, checked, refused in the venue's words."""

import hmac
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

import msgspec

from arbiter.matching.orders import OrderRequest
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import ClientOrderId
from arbiter.model.orders import OrderType, Side, TimeInForce
from arbiter.simex.account import Account, ApiKey
from arbiter.simex.binance import words
from arbiter.simex.rest import VenueError
from arbiter.simex.venue import Shown

_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_SIGNATURE = re.compile(r"(?:^|&)signature=[^&]*")
BROKER = "x-"
"""Client order ids of brokers begin with it."""

NONE, KEYED, SIGNED, TRADING = range(4)
"""What a call needs: nothing, a key, a signature, a signature by a key that may trade."""


class Context(msgspec.Struct, frozen=True):
    """A request that passed the door."""

    params: Mapping[str, str]
    account: Account
    """The first one where a call needs no key."""
    key: ApiKey | None

    def need(self, name: str) -> str:
        value = self.params.get(name, "")
        if not value:
            raise words.missing(name)
        return value

    def whole(self, name: str, default: int) -> int:
        text = self.params.get(name, "")
        if not text:
            return default
        if not text.isdigit():
            raise VenueError(
                -1100,
                f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.",
            )
        return int(text)

    def number(self, name: str) -> Decimal:
        text = self.need(name)
        if not _NUMBER.fullmatch(text):
            raise VenueError(
                -1100,
                f"Illegal characters found in parameter '{name}'; "
                "legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'.",
            )
        try:
            return Decimal(text)
        except InvalidOperation:
            raise words.missing(name) from None


Handler = Callable[[Context], Any]


class Route(msgspec.Struct, frozen=True):
    handler: Handler
    weight: int = 1
    security: int = NONE
    call: str | None = None
    """As faults know it."""


def signed_payload(query: str, body: str) -> str:
    """What a REST signature is made over: everything sent, without the signature itself."""
    return _SIGNATURE.sub("", query) + _SIGNATURE.sub("", body)


def matches(payload: str, secret: str, signature: str) -> bool:
    made = hmac.new(secret.encode(), payload.encode(), sha256).hexdigest()
    return hmac.compare_digest(made, signature.lower())


_SPOT_TYPES = ("LIMIT", "MARKET", "LIMIT_MAKER")
_FUTURES_TYPES = ("LIMIT", "MARKET")


def order_request(
    context: Context, shown: Shown, fresh_id: Callable[[], str], best: Decimal | None
) -> OrderRequest:
    """Read an order. `best` prices a market order that is given in quote."""
    futures = shown.perpetual
    side = context.need("side")
    if side not in ("BUY", "SELL"):
        raise VenueError(-1117, "Invalid side.")
    kind = context.need("type")
    if kind not in (_FUTURES_TYPES if futures else _SPOT_TYPES):
        raise VenueError(-1116, "Invalid orderType.")
    tif = context.params.get("timeInForce", "")
    if kind == "LIMIT" and not tif:
        raise words.missing("timeInForce")
    if tif and tif not in (("GTC", "IOC", "FOK", "GTX") if futures else ("GTC", "IOC", "FOK")):
        raise VenueError(-1115, "Invalid timeInForce.")
    if tif and kind == "LIMIT_MAKER":
        raise VenueError(-1106, "Parameter 'timeInForce' sent when not required.")
    market = kind == "MARKET"
    price = None if market else context.number("price")
    if market and not futures and "quoteOrderQty" in context.params and best:
        size = shown.instrument.floor_size(context.number("quoteOrderQty") / best)
    else:
        size = context.number("quantity")
    for name, value in (("quantity", size), ("price", price)):
        exponent = 0 if value is None else value.normalize().as_tuple().exponent
        if isinstance(exponent, int) and exponent < -words.DIGITS:
            raise VenueError(-1111, f"Parameter '{name}' has too much precision.")
    if size <= 0:
        if futures:
            raise VenueError(-4003, "Quantity less than or equal to zero.")
        raise VenueError(-1013, "Filter failure: LOT_SIZE")
    name = context.params.get("newClientOrderId", "") or fresh_id()
    if not _ID.fullmatch(name):
        raise VenueError(
            -1100,
            "Illegal characters found in parameter 'newClientOrderId'; "
            "legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
        )
    try:
        return OrderRequest(
            client_order_id=ClientOrderId(name),
            instrument=shown.instrument.id,
            side=Side(side),
            type=OrderType.MARKET if market else OrderType.LIMIT,
            time_in_force=TimeInForce(tif if tif in ("IOC", "FOK") else "GTC"),
            post_only=kind == "LIMIT_MAKER" or tif == "GTX",
            reduce_only=context.params.get("reduceOnly", "").lower() == "true",
            size=size,
            price=price,
        )
    except InvalidValue:
        raise VenueError(-1013, "Filter failure: LOT_SIZE") from None

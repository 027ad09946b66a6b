"""Kraken's names for assets and markets, its numbers, states and refusals, as production writes them."""

from decimal import Decimal

from arbiter.matching.codes import Refusal, venue_code
from arbiter.model.ids import Asset, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import OrderStatus
from arbiter.simex.rest import VenueError

_VENUE = VenueId("kraken")
_ALTNAMES = {"BTC": "XBT", "DOGE": "XDG"}
_X_NAMED = {"XBT", "ETH", "LTC", "XRP", "XDG", "ETC", "XLM", "ZEC", "XMR", "MLN", "REP"}
_Z_NAMED = {"USD", "EUR", "GBP", "CAD", "JPY", "AUD"}
_DIGITS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def altname(asset: str) -> str:
    return _ALTNAMES.get(asset, asset)


def asset_id(asset: Asset) -> str:
    """Old assets carry a letter before their name: XXBT, XETH, ZUSD; USDT has none."""
    name = altname(asset)
    return f"X{name}" if name in _X_NAMED else f"Z{name}" if name in _Z_NAMED else name


def pair_name(instrument: Instrument) -> str:
    """Give the altname, which is also the key of markets against USDT: ``XBTUSDT``."""
    return altname(instrument.base) + altname(instrument.quote)


def stream_name(instrument: Instrument) -> str:
    """WebSocket version 2 has normal names: ``BTC/USDT``."""
    return f"{instrument.base}/{instrument.quote}"


def order_id(number: int, account: int) -> str:
    return f"O{_code(account, 5)}-{_mixed(number)}"


def trade_id(number: str, account: int) -> str:
    return f"T{_code(account, 5)}-{_mixed(int(number))}"


def order_number(text: str) -> int:
    """Give the number within an order's id; 0 where there is none."""
    digits = text[7:].replace("-", "")
    if len(text) != 19 or not digits or set(digits) - set(_DIGITS):
        return 0
    value = 0
    for digit in digits:
        value = value * len(_DIGITS) + _DIGITS.index(digit)
    return value


def _mixed(number: int) -> str:
    text = _code(number, 11)
    return f"{text[:5]}-{text[5:]}"


def _code(number: int, length: int) -> str:
    text = ""
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text


def refusal_error(reason: str) -> VenueError:
    """Turn the exchange's refusal (``CODE: numbers``) into the venue's own."""
    return error(venue_code(_VENUE, Refusal(reason.partition(":")[0])))


def error(text: str) -> VenueError:
    """Kraken answers refusals with 200."""
    return VenueError(0, text, 200)


def invalid(what: str) -> VenueError:
    return error(f"EGeneral:Invalid arguments:{what}" if what else "EGeneral:Invalid arguments")


def no_such_order() -> VenueError:
    return error("EOrder:Unknown order")


STATUS = {
    OrderStatus.WORKING: "open",
    OrderStatus.PARTIALLY_FILLED: "open",
    OrderStatus.FILLED: "closed",
    OrderStatus.CANCELLED: "canceled",
    OrderStatus.EXPIRED: "canceled",
}


def decimals(step: Decimal) -> int:
    """Digits after the point that a step needs."""
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "a step is a number"
    return max(-exponent, 0)

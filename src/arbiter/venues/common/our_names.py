"""What our client order ids are made of, read back: `model.ids.client_order_id` makes them."""

import re

import msgspec

from arbiter.model.time import NS_PER_MS

_OURS = re.compile(r"([0-7][0-9abcdefghjkmnpqrstvwxyz]{25})-([a-z])([1-9][0-9]{0,8})")
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS = {digit: value for value, digit in enumerate(_CROCKFORD)}
_VERSION, _VARIANT = 7, 0b10


class OurName(msgspec.Struct, frozen=True):
    """`trade` is the trade's UUIDv7 as a number."""

    trade: int
    role: str
    attempt: int

    @property
    def made_ns(self) -> int:
        """When the trade was decided; UTC."""
        return (self.trade >> 80) * NS_PER_MS

    def text(self) -> str:
        digits = [_CROCKFORD[self.trade >> shift & 31] for shift in range(125, -1, -5)]
        return f"{''.join(digits)}-{self.role}{self.attempt}"


def our_name(name: str) -> OurName | None:
    """Read a client order id; None for one that is not of our making."""
    ours = _OURS.fullmatch(name)
    if ours is None:
        return None
    number = 0
    for digit in ours[1]:
        number = number << 5 | _DIGITS[digit]
    if number >> 76 & 0xF != _VERSION or number >> 62 & 0b11 != _VARIANT:
        return None
    return OurName(number, ours[2], int(ours[3]))

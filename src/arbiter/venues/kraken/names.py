"""Our client order ids within what Kraken takes: a UUID, or free text of at most 18 characters.

Ours (26 digits of a trade's UUIDv7, a role, an attempt) are longer than that. They are packed into
one UUID and can be read back without any memory: a version 7 UUID has six bits that say nothing,
and the upper six of its time stay empty until the year 2109. These twelve hold the role's letter
and the attempt, up to 127. Short names go as they are. Any other name becomes the UUID made from
its digest: found again by name, and told by name only as long as this process remembers it.
"""

import re
from uuid import UUID, uuid5

from arbiter.model.ids import ClientOrderId

_LONGEST = 18
_KEEP = 10_000
_OURS = re.compile(r"([0-7][0-9abcdefghjkmnpqrstvwxyz]{25})-([a-z])([1-9][0-9]{0,2})")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DIGITS = {digit: value for value, digit in enumerate("0123456789abcdefghjkmnpqrstvwxyz")}
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_NAMESPACE = UUID("1f0f7d0a-0f44-5b60-9d0c-8a4f0f6d3c52")
_LETTERS = 26
_ATTEMPTS = 128
_TIME_BITS = 42


class Names:
    """Both directions; `ours` knows again what `venues` has made."""

    def __init__(self) -> None:
        self._made: dict[str, ClientOrderId] = {}

    def venues(self, name: ClientOrderId) -> str:
        packed = _pack(name)
        if packed is not None:
            return packed
        if len(name) <= _LONGEST and name.isascii() and not _UUID.fullmatch(name):
            return name
        made = str(uuid5(_NAMESPACE, name))
        self._made[made] = name
        if len(self._made) > _KEEP:
            del self._made[next(iter(self._made))]
        return made

    def ours(self, text: str) -> ClientOrderId:
        known = self._made.get(text)
        if known is not None:
            return known
        return _unpack(text) or ClientOrderId(text)


def _pack(name: str) -> str | None:
    ours = _OURS.fullmatch(name)
    if ours is None or int(ours[3]) >= _ATTEMPTS:
        return None
    number = 0
    for digit in ours[1]:
        number = number << 5 | _DIGITS[digit]
    at_ms, version, a = number >> 80, number >> 76 & 0xF, number >> 64 & 0xFFF
    variant, b = number >> 62 & 0b11, number & (1 << 62) - 1
    if version != 7 or variant != 0b10 or at_ms >> _TIME_BITS:
        return None
    role = (ord(ours[2]) - ord("a")) << 7 | int(ours[3])
    return str(UUID(int=at_ms << 86 | role << 74 | a << 62 | b))


def _unpack(text: str) -> ClientOrderId | None:
    if not _UUID.fullmatch(text):
        return None
    number = UUID(text).int
    at_ms, role = number >> 86, number >> 74 & 0xFFF
    a, b = number >> 62 & 0xFFF, number & (1 << 62) - 1
    letter, attempt = role >> 7, role & 0x7F
    if letter >= _LETTERS or not attempt:
        return None
    whole = at_ms << 80 | 0x7 << 76 | a << 64 | 0b10 << 62 | b
    digits = "".join(_CROCKFORD[whole >> shift & 31] for shift in range(125, -1, -5))
    return ClientOrderId(f"{digits}-{chr(ord('a') + letter)}{attempt}")

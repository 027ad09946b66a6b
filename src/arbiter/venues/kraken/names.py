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
from arbiter.venues.common.our_names import OurName, our_name

_LONGEST = 18
_KEEP = 10_000
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
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
    ours = our_name(name)
    if ours is None or ours.attempt >= _ATTEMPTS:
        return None
    at_ms, a, b = ours.trade >> 80, ours.trade >> 64 & 0xFFF, ours.trade & (1 << 62) - 1
    if at_ms >> _TIME_BITS:
        return None
    role = (ord(ours.role) - ord("a")) << 7 | ours.attempt
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
    trade = at_ms << 80 | 0x7 << 76 | a << 64 | 0b10 << 62 | b
    return ClientOrderId(OurName(trade, chr(ord("a") + letter), attempt).text())

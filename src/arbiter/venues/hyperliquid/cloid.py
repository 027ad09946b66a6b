"""Hyperliquid's client order ids are 128-bit numbers; ours are a UUID, a role and an attempt.

The mapping is reversible where it matters: of a version 7 UUID, six bits are always the same and
the highest six of the time stay zero for another eighty years; the role (five bits) and the
attempt (seven) take their place. So an engine that lost its memory reads its own orders off the
venue. An id of any other shape becomes the beginning of its SHA-256 and is known again only while
it is remembered.
"""

import hashlib

from arbiter.model.ids import ClientOrderId
from arbiter.venues.common.our_names import OurName, our_name

_TIME_BITS, _A_BITS, _B_BITS, _ROLE_BITS, _ATTEMPT_BITS = 42, 12, 62, 5, 7
_VERSION, _VARIANT = 0x7, 0b10
_KEEP = 50_000


class Cloids:
    """Both ways; remembers the newest ids that cannot be read back."""

    def __init__(self) -> None:
        self._names: dict[str, ClientOrderId] = {}

    def of(self, name: ClientOrderId) -> str:
        """Give the venue's id: ``0x`` and 32 hex digits."""
        packed = pack(name)
        if packed is not None:
            return packed
        made = "0x" + hashlib.sha256(name.encode()).hexdigest()[:32]
        self._names[made] = name
        if len(self._names) > _KEEP:
            del self._names[next(iter(self._names))]
        return made

    def name(self, cloid: str) -> ClientOrderId:
        """Give ours; the venue's own where it is none of ours."""
        return self._names.get(cloid) or unpack(cloid) or ClientOrderId(cloid)


def pack(name: ClientOrderId) -> str | None:
    """Put an id of the engine's into 128 bits; None for one of any other shape."""
    ours = our_name(name)
    if ours is None or ours.trade >> 80 + _TIME_BITS or ours.attempt >> _ATTEMPT_BITS:
        return None
    packed = ours.trade >> 80
    for value, bits in (
        (ours.trade >> 64, _A_BITS),
        (ours.trade, _B_BITS),
        (ord(ours.role) - ord("a") + 1, _ROLE_BITS),
        (ours.attempt, _ATTEMPT_BITS),
    ):
        packed = packed << bits | value & (1 << bits) - 1
    return f"0x{packed:032x}"


def unpack(cloid: str) -> ClientOrderId | None:
    """Read an id of the engine's back; None for what cannot be one."""
    try:
        packed = int(cloid, 16)
    except ValueError:
        return None
    read = []
    for bits in (_ATTEMPT_BITS, _ROLE_BITS, _B_BITS, _A_BITS):
        read.append(packed & (1 << bits) - 1)
        packed >>= bits
    attempt, role, b, a = read
    if not attempt or not 1 <= role <= 26 or packed < 0 or packed >> _TIME_BITS:
        return None
    trade = packed << 80 | _VERSION << 76 | a << 64 | _VARIANT << 62 | b
    return ClientOrderId(OurName(trade, chr(ord("a") + role - 1), attempt).text())

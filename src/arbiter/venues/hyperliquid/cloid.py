"""Hyperliquid's client order ids are 128-bit numbers; ours are a UUID, a role and an attempt.

The mapping is reversible where it matters: of a version 7 UUID, six bits are always the same and
the highest six of the time stay zero for another eighty years; the role (five bits) and the
attempt (seven) take their place. So an engine that lost its memory reads its own orders off the
venue. An id of any other shape becomes the beginning of its SHA-256 and is known again only while
it is remembered.
"""

import hashlib
import re

from arbiter.model.ids import ClientOrderId

_SHAPE = re.compile(r"([0-9a-hjkmnp-tv-z]{26})-([a-z])([1-9][0-9]{0,2})")
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
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
    found = _SHAPE.fullmatch(name)
    if found is None:
        return None
    number = 0
    for digit in found[1]:
        number = number << 5 | _VALUES[digit]
    role, attempt = ord(found[2]) - ord("a") + 1, int(found[3])
    time, tail = number >> 80, number & (1 << 80) - 1
    version, a = tail >> 76, tail >> 64 & (1 << _A_BITS) - 1
    variant, b = tail >> 62 & 0b11, tail & (1 << _B_BITS) - 1
    if time >> _TIME_BITS or attempt >> _ATTEMPT_BITS or (version, variant) != (_VERSION, _VARIANT):
        return None
    packed = time
    for value, bits in ((a, _A_BITS), (b, _B_BITS), (role, _ROLE_BITS), (attempt, _ATTEMPT_BITS)):
        packed = packed << bits | value
    return f"0x{packed:032x}"


def unpack(cloid: str) -> ClientOrderId | None:
    """Read an id of the engine's back; None for what cannot be one."""
    try:
        packed = int(cloid, 16)
    except ValueError:
        return None
    attempt = packed & (1 << _ATTEMPT_BITS) - 1
    packed >>= _ATTEMPT_BITS
    role = packed & (1 << _ROLE_BITS) - 1
    packed >>= _ROLE_BITS
    b = packed & (1 << _B_BITS) - 1
    a = packed >> _B_BITS & (1 << _A_BITS) - 1
    time = packed >> _B_BITS + _A_BITS
    if not attempt or not 1 <= role <= 26 or packed < 0 or time >> _TIME_BITS:
        return None
    number = time << 80 | _VERSION << 76 | a << 64 | _VARIANT << 62 | b
    digits = "".join(_DIGITS[number >> shift & 31] for shift in range(125, -1, -5))
    return ClientOrderId(f"{digits}-{chr(ord('a') + role - 1)}{attempt}")

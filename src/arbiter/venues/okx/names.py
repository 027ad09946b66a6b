"""Client order ids as OKX takes them: up to 32 letters and digits, nothing else.

Ours have dashes and small letters. The way there is reversible, so that an order is found by our
id after any restart: ``-`` is written ``X``; a character that is neither a digit nor a letter, and
the letters ``X`` and ``Z`` themselves, are ``Z`` and two hexadecimal digits for each byte of it.
"""

import re

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import ClientOrderId

LONGEST = 32
_ODD = re.compile(rb"[^0-9a-zA-WY]")
_WRITTEN = re.compile(rb"X|Z([0-9a-f]{2})")


def to_okx(name: ClientOrderId) -> str:
    """Write an id of ours; `InvalidValue` when it does not fit."""
    made = _ODD.sub(_write, name.encode()).decode()
    if not 0 < len(made) <= LONGEST:
        raise InvalidValue(f"{name!r} makes no client order id of at most {LONGEST} characters")
    return made


def from_okx(text: str) -> ClientOrderId:
    """Read one. An id that was never ours comes out as something that is none of ours either."""
    return ClientOrderId(_WRITTEN.sub(_read, text.encode()).decode("utf-8", "replace"))


def _write(found: re.Match[bytes]) -> bytes:
    odd = found.group()
    return b"X" if odd == b"-" else b"Z%02x" % odd[0]


def _read(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found.group(1).decode()) if found.group(1) else b"-"

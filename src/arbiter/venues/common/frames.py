"""Messages as they come off a wire: refused in one way only, and counted.

A decoder gives a record or raises `BadFrame`; nothing else leaves it, whatever the bytes.
"""

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec

from arbiter.model.errors import InvalidValue

T = TypeVar("T")

Millis = Annotated[int, msgspec.Meta(ge=0, le=9_999_999_999_999)]
"""A venue's time, ms since the epoch."""

Sequence = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
"""A venue's update number."""

Levels = list[tuple[float, float]]
"""(price, size) of book levels, in the order sent."""

_SHOWN = 120


class BadFrame(InvalidValue):
    """A message that is not what the venue documents."""


def decoder(kind: type[T]) -> Callable[[bytes], T]:
    """Make a decoder from bytes; numbers within strings become floats."""
    decode = fast_decoder(kind)

    def read(data: bytes) -> T:
        try:
            return decode(data)
        except UNREADABLE as error:
            raise bad(data, str(error)) from None

    return read


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that a `fast_decoder` may raise."""


def fast_decoder(kind: type[T]) -> Callable[[bytes], T]:
    """Make a decoder for a hot path, which turns what is `UNREADABLE` into `BadFrame` itself."""
    return msgspec.json.Decoder(kind, strict=False).decode


def bad(data: bytes, why: str) -> BadFrame:
    """Say what was wrong, with the beginning of the message."""
    shown = data[:_SHOWN].decode("utf-8", "replace")
    return BadFrame(f"{why}: {shown!r}{'…' if len(data) > _SHOWN else ''}")


class FeedTally(msgspec.Struct):
    """What a feed went through since it was made."""

    messages: int = 0
    bad: int = 0
    """Could not be decoded, or named something that was not asked for."""
    stale: int = 0
    """Repeated or late: dropped by its sequence number."""
    gaps: int = 0
    """A message between was missing."""
    resyncs: int = 0
    """Books brought back into step."""
    slowest_resync_ns: int = 0
    reconnects: int = 0
    refused: int = 0
    """Subscriptions the venue would not take."""

    def resynced(self, took_ns: int) -> None:
        """Count a book brought back into step."""
        self.resyncs += 1
        self.slowest_resync_ns = max(self.slowest_resync_ns, took_ns)

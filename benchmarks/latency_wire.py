"""What the processes of the latency benchmark say to each other, and the market they share."""

import struct
from collections.abc import Iterator

import msgspec

from benchmarks.bench_quote_cost import VENUES, make_registry

SYMBOLS = 150
SLOTS = SYMBOLS * len(VENUES)
QUOTE = struct.Struct("<iddddq")
"""Slot, bid, ask, both sizes, venue time in ns."""

CALM = (99.99, 100.01)
WIDE = (102.0, 102.02)
"""Bid and ask of a quote that opens a spread of 2 % against every calm one."""
SIZE = 50.0


class OrderOnWire(msgspec.Struct):
    id: str
    instrument: str
    side: str
    size: str
    price: str


class FillOnWire(msgspec.Struct):
    """The venue's answer: accepted, and filled in full."""

    id: str


def slot_names() -> list[str]:
    """Give the name of the instrument in every slot."""
    registry = make_registry(SYMBOLS)
    return [instrument.id for slot in range(SLOTS) if (instrument := registry.instrument_at(slot))]


class Lines:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        yield from whole

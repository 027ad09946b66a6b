"""OKX's CRC32 over the best 25 levels of each side, as they were written on the wire.

Bid and ask in turn, ``price:size:price:size…``, a shorter side running out first; the sum is told
as a signed number. Since 2026 the venue tells 0 instead: then the sequence alone is verified.
Source: OKX API v5, "Order book channel", checksum.
"""

from collections.abc import Iterable
from zlib import crc32

LEVELS = 25
Row = tuple[str, str, str, str]
"""Price, size, a field no longer used, number of orders."""


class WrittenBook:
    """The levels of one book with their texts."""

    __slots__ = ("_asks", "_bids")

    def __init__(self) -> None:
        self._bids: dict[float, str] = {}
        self._asks: dict[float, str] = {}

    def replace(self, bids: Iterable[Row], asks: Iterable[Row]) -> None:
        self._bids.clear()
        self._asks.clear()
        self.change(bids, asks)

    def change(self, bids: Iterable[Row], asks: Iterable[Row]) -> None:
        for side, rows in ((self._bids, bids), (self._asks, asks)):
            for price, size, *_ in rows:
                if float(size):
                    side[float(price)] = f"{price}:{size}"
                else:
                    side.pop(float(price), None)

    def checksum(self) -> int:
        bids = [self._bids[price] for price in sorted(self._bids, reverse=True)[:LEVELS]]
        asks = [self._asks[price] for price in sorted(self._asks)[:LEVELS]]
        parts = []
        for place in range(max(len(bids), len(asks))):
            parts += bids[place : place + 1] + asks[place : place + 1]
        return signed(crc32(":".join(parts).encode()))


def signed(number: int) -> int:
    """Read 32 bits as a signed number."""
    return number - (1 << 32) if number >= 1 << 31 else number

"""A book as Kraken keeps it: so many levels a side, verified by a checksum.

Levels that fall out of the depth subscribed to are not taken back by a message: whoever keeps a
book cuts it. The checksum is the CRC32 of the ten best asks, then the ten best bids, each price and
size without its point and without leading zeros. Source: docs.kraken.com, "Book checksum (v2)".
"""

import math
from bisect import bisect_left, insort
from zlib import crc32

from arbiter.venues.common.frames import BadFrame
from arbiter.venues.kraken.decode import Book, Level

_CHECKED = 10
_INF = math.inf


class Side:
    """Levels of one side; `sign` is −1 for bids, whose best price is the highest."""

    __slots__ = ("_depth", "_keys", "_levels", "_sign")

    def __init__(self, sign: float, depth: int) -> None:
        self._sign = sign
        self._depth = depth
        self._keys: list[float] = []
        self._levels: dict[float, tuple[float, float, bytes]] = {}

    def replace(self, levels: list[Level]) -> None:
        self._keys = []
        self._levels = {}
        self.change(levels)

    def change(self, levels: list[Level]) -> None:
        """Set levels to absolute sizes; 0 removes. Raises `BadFrame` half-way: then start anew."""
        keys, known = self._keys, self._levels
        for level in levels:
            price_text, size_text = bytes(level.price), bytes(level.qty)
            try:
                price, size = float(price_text), float(size_text)
            except ValueError:
                raise BadFrame(f"a level of {price_text!r}, {size_text!r}") from None
            key = self._sign * price
            if size == 0.0:
                if known.pop(key, None) is not None:
                    del keys[bisect_left(keys, key)]
            elif 0.0 < size < _INF and 0.0 < price < _INF:
                if key not in known:
                    insort(keys, key)
                known[key] = (price, size, _digits(price_text) + _digits(size_text))
            else:
                raise BadFrame(f"a level of {price_text!r}, {size_text!r}")
        for key in keys[self._depth :]:
            del known[key]
        del keys[self._depth :]

    def top(self, levels: int) -> list[tuple[float, float]]:
        known = self._levels
        return [known[key][:2] for key in self._keys[:levels]]

    def best(self) -> float | None:
        return self._levels[self._keys[0]][0] if self._keys else None

    def digits(self) -> bytes:
        known = self._levels
        return b"".join([known[key][2] for key in self._keys[:_CHECKED]])


class CheckedBook:
    """Both sides of one market; `in_step` until a checksum or a level says otherwise."""

    __slots__ = ("_asks", "_bids", "in_step")

    def __init__(self, depth: int) -> None:
        self._bids = Side(-1.0, depth)
        self._asks = Side(1.0, depth)
        self.in_step = False

    def snapshot(self, told: Book) -> bool:
        """Start anew; False when the checksum says that this is not the venue's book."""
        self._bids.replace(told.bids)
        self._asks.replace(told.asks)
        self.in_step = self._whole(told.checksum)
        return self.in_step

    def update(self, told: Book) -> bool:
        """Change levels; False when something is missing. A level that cannot be is `BadFrame`."""
        try:
            if told.bids:
                self._bids.change(told.bids)
            if told.asks:
                self._asks.change(told.asks)
        except BadFrame:
            self.in_step = False
            raise
        self.in_step = self._whole(told.checksum)
        return self.in_step

    @property
    def best_bid(self) -> float:
        """0 when there is none."""
        return self._bids.best() or 0.0

    @property
    def best_ask(self) -> float:
        """Infinite when there is none."""
        return self._asks.best() or _INF

    def bids(self, levels: int) -> list[tuple[float, float]]:
        return self._bids.top(levels)

    def asks(self, levels: int) -> list[tuple[float, float]]:
        return self._asks.top(levels)

    def _whole(self, checksum: int) -> bool:
        found = crc32(self._asks.digits() + self._bids.digits())
        return found == checksum and self.best_bid < self.best_ask


def _digits(text: bytes) -> bytes:
    return text.replace(b".", b"").lstrip(b"0")

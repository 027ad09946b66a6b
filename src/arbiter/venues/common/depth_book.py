"""A book of price levels that is cheap to change and finds its best prices when asked.

Each side is a map from price to size and a heap of prices. A removed price leaves the map at once
and the heap when it comes to the top, so a change costs about a map access, whatever the depth.
"""

import math
from heapq import heapify, heappop, heappush, nsmallest

from arbiter.venues.common.frames import BadFrame, Levels

_INF = math.inf
_SLACK = 256
"""Dead heap entries allowed beyond the living ones before a heap is made anew."""


class Side:
    """Levels of one side; `sign` is −1 for bids, whose best price is the highest."""

    __slots__ = ("_heap", "_sign", "sizes")

    def __init__(self, sign: float) -> None:
        self._sign = sign
        self._heap: list[float] = []
        self.sizes: dict[float, float] = {}

    def replace(self, levels: Levels) -> None:
        self.sizes = {}
        self._heap = []
        self.change(levels)

    def change(self, levels: Levels) -> None:
        """Set levels to absolute sizes; 0 removes. Raises `BadFrame` half-way: then start anew."""
        sizes, heap, sign = self.sizes, self._heap, self._sign
        for price, size in levels:
            if 0.0 < size < _INF:
                if price not in sizes:
                    if not 0.0 < price < _INF:
                        raise BadFrame(f"a level at price {price}")
                    heappush(heap, sign * price)
                sizes[price] = size
            elif size == 0.0:
                sizes.pop(price, None)
            else:
                raise BadFrame(f"a level of size {size}")
        if len(heap) > 2 * len(sizes) + _SLACK:
            self._heap = [sign * price for price in sizes]
            heapify(self._heap)

    def best(self) -> float | None:
        sizes, heap, sign = self.sizes, self._heap, self._sign
        while heap:
            price = sign * heap[0]
            if price in sizes:
                return price
            heappop(heap)
        return None

    def top(self, levels: int) -> list[tuple[float, float]]:
        sign = self._sign
        prices = nsmallest(levels, self.sizes, key=lambda price: sign * price)
        return [(price, self.sizes[price]) for price in prices]


class DepthBook:
    """Both sides of one instrument's book."""

    __slots__ = ("_asks", "_bids")

    def __init__(self) -> None:
        self._bids = Side(-1.0)
        self._asks = Side(1.0)

    def replace(self, bids: Levels, asks: Levels) -> None:
        self._bids.replace(bids)
        self._asks.replace(asks)

    def change(self, bids: Levels, asks: Levels) -> bool:
        """Set levels; False when the book is crossed now."""
        if bids:
            self._bids.change(bids)
        if asks:
            self._asks.change(asks)
        return not self.crossed

    @property
    def best_bid(self) -> float:
        """0 when there is none."""
        return self._bids.best() or 0.0

    @property
    def best_ask(self) -> float:
        """Infinite when there is none."""
        return self._asks.best() or _INF

    @property
    def crossed(self) -> bool:
        """Bids at or above asks: the book has missed something."""
        bid, ask = self._bids.best(), self._asks.best()
        return bid is not None and ask is not None and bid >= ask

    def bids(self, levels: int) -> list[tuple[float, float]]:
        return self._bids.top(levels)

    def asks(self, levels: int) -> list[tuple[float, float]]:
        return self._asks.top(levels)

    def bid_size(self, price: float) -> float:
        """Size bid at a price; 0 where there is no level."""
        return self._bids.sizes.get(price, 0.0)

    def ask_size(self, price: float) -> float:
        return self._asks.sizes.get(price, 0.0)

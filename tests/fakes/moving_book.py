"""A book that moves by itself, with the numbers a venue would give its updates."""

import random
from dataclasses import dataclass

LEVELS = 20
TICK = 0.01
LOT = 0.001

Pairs = list[list[str]]


@dataclass(frozen=True)
class Change:
    """Updates `first`…`last` of a book; sizes are absolute, "0.000" removes a level."""

    before: int
    first: int
    last: int
    bids: Pairs
    asks: Pairs


class MovingBook:
    def __init__(self, symbol: str, rng: random.Random, mid_ticks: int = 2_745_000) -> None:
        self.symbol = symbol
        self._rng = rng
        self._mid = mid_ticks
        self.last = rng.randrange(1_000_000, 9_000_000)
        self._bids = {mid_ticks - n: rng.randrange(1, 5_000) for n in range(1, LEVELS + 1)}
        self._asks = {mid_ticks + n: rng.randrange(1, 5_000) for n in range(1, LEVELS + 1)}

    def step(self, *, numbers: int | None = None) -> Change:
        """Move on by some updates (a random few unless given)."""
        rng, before = self._rng, self.last
        self._mid += rng.choice((-1, 0, 0, 0, 1))
        bids = {p: 0 for p in self._bids if p >= self._mid or p < self._mid - LEVELS}
        asks = {p: 0 for p in self._asks if p <= self._mid or p > self._mid + LEVELS}
        for changed, side, sign in ((bids, self._bids, -1), (asks, self._asks, 1)):
            wanted = {1, rng.randrange(1, LEVELS + 1), rng.randrange(1, LEVELS + 1)}
            for distance in wanted:
                changed[self._mid + sign * distance] = rng.randrange(1, 5_000)
            for price, size in changed.items():
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        self.last += numbers if numbers is not None else rng.randrange(1, 6)
        return Change(before, before + 1, self.last, _pairs(bids), _pairs(asks))

    def bids(self, levels: int = LEVELS) -> Pairs:
        return _pairs(dict(sorted(self._bids.items(), reverse=True)[:levels]))

    def asks(self, levels: int = LEVELS) -> Pairs:
        return _pairs(dict(sorted(self._asks.items())[:levels]))


def _pairs(levels: dict[int, int]) -> Pairs:
    return [[f"{price * TICK:.2f}", f"{size * LOT:.3f}"] for price, size in levels.items()]

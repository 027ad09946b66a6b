"""Trades that were told already, known again by their number or their id."""

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

from arbiter.venues.common.frames import BadFrame, FeedTally

REMEMBERED = 5_000
"""Trades of one connection: what a reconnect may repeat."""


class Numbered(Protocol):
    """A public trade of a venue that numbers those of a market upwards."""

    name: str
    """Of its market."""
    number: int


Trade = TypeVar("Trade", bound=Numbered)
Place = TypeVar("Place")


class NumberedTrades:
    """The newest number of each market, beyond one connection."""

    def __init__(self, tally: FeedTally) -> None:
        self._tally = tally
        self._newest: dict[str, int] = {}

    def new(
        self, told: Iterable[Trade], places: Mapping[str, Place], *, snapshot: bool = False
    ) -> Iterator[tuple[Place, Trade]]:
        """Give what was not told yet, oldest first, with the place of its market.

        Of a market's first snapshot nothing: it is of before we came. A later one makes up for
        what a reconnect missed. A market without a place is `BadFrame`.
        """
        begun = frozenset(self._newest) if snapshot else frozenset()
        for trade in sorted(told, key=_number):
            name = trade.name
            place = places.get(name)
            if place is None:
                raise BadFrame(f"a trade in {name!r}, which was not asked for")
            if trade.number <= self._newest.get(name, -1):
                self._tally.stale += 1
                continue
            self._newest[name] = trade.number
            if not snapshot or name in begun:
                yield place, trade


def _number(trade: Numbered) -> int:
    return trade.number


class SeenTrades:
    """The newest ids, so many of them, where a venue gives no rising number."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._order: deque[Hashable] = deque()
        self._known: set[Hashable] = set()
        self._remembered = remembered

    def is_new(self, name: Hashable) -> bool:
        if name in self._known:
            return False
        self._known.add(name)
        self._order.append(name)
        if len(self._order) > self._remembered:
            self._known.discard(self._order.popleft())
        return True

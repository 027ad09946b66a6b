"""Refusals: a market or a venue that keeps refusing is left alone for a while.

Maintenance, post-only modes, a delisting or a permission that is gone all look alike from here:
orders come back refused. Every one of them may leave the other leg alone, so after two in a row
on a market, or three in a row on a venue, nothing new is opened there; the pause doubles with each
further refusal and ends at once when an order is accepted.
"""

from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.time import NS_PER_S

ON_MARKET = 2
ON_VENUE = 3
FIRST_PAUSE_NS = 15 * NS_PER_S
LONGEST_PAUSE_NS = 60 * NS_PER_S

Place = InstrumentId | VenueId


class Refusals:
    """Times are monotonic, ns."""

    def __init__(self) -> None:
        self._in_a_row: dict[Place, int] = {}
        self._until_ns: dict[Place, int] = {}

    @property
    def none(self) -> bool:
        """No market and no venue was closed, or all of them have accepted since."""
        return not self._until_ns

    def refused(self, instrument: InstrumentId, venue: VenueId, now_ns: int) -> bool:
        """Count one; True when it closed the market or the venue for a while."""
        closed = [
            self._count(instrument, ON_MARKET, now_ns),
            self._count(venue, ON_VENUE, now_ns),
        ]
        return any(closed)

    def accepted(self, instrument: InstrumentId, venue: VenueId) -> None:
        if self._in_a_row:
            for place in (instrument, venue):
                self._in_a_row.pop(place, None)
                self._until_ns.pop(place, None)

    def pause_ns(self, instrument: InstrumentId, venue: VenueId, now_ns: int) -> int:
        """Say for how long nothing new may be opened there; 0 when it may."""
        until = max(self._until_ns.get(instrument, now_ns), self._until_ns.get(venue, now_ns))
        return max(until - now_ns, 0)

    def _count(self, place: Place, allowed: int, now_ns: int) -> bool:
        count = self._in_a_row[place] = self._in_a_row.get(place, 0) + 1
        if count < allowed:
            return False
        pause = min(FIRST_PAUSE_NS << min(count - allowed, 10), LONGEST_PAUSE_NS)
        self._until_ns[place] = now_ns + pause
        return True

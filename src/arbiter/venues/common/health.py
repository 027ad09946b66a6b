"""A venue's health, of the connections that carry its quotes: all must be up."""

from collections.abc import Callable

from arbiter.model.ids import VenueId
from arbiter.ports.venue import QuoteSink


class VenueHealth:
    """Tells a sink when the first connection is lost and when the last is back."""

    def __init__(self, venue: VenueId, sink: QuoteSink, connections: int) -> None:
        self._venue = venue
        self._sink = sink
        self._down = set(range(connections))
        self._connected: bool | None = None

    def listener(self, number: int) -> Callable[[bool, str], None]:
        def on_state(connected: bool, why: str) -> None:
            (self._down.discard if connected else self._down.add)(number)
            self._tell(not self._down, why)

        return on_state

    def _tell(self, connected: bool, why: str) -> None:
        if connected == self._connected or (self._connected is None and not connected and not why):
            return
        self._connected = connected
        self._sink.on_venue_health(self._venue, connected=connected, reason=why)

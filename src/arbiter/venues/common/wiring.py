"""What every feed is given."""

import random
from collections.abc import Callable, Mapping, Sequence

import msgspec

from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.ports.clock import Clock
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.stream import StreamSettings


class FeedWiring(msgspec.Struct, frozen=True, kw_only=True):
    """What to follow on one venue, where, and the outside things a feed needs."""

    venue: VenueId
    instruments: Sequence[Instrument]
    """Of this venue alone."""
    slots: Mapping[InstrumentId, int]
    clock: Clock
    endpoints: Endpoints | None = None
    """None for the venue's own addresses."""
    keys: VenueKeys | None = None
    """For venues whose market data wants a key, too; None where there is none."""
    stream: StreamSettings = StreamSettings()
    draw: Callable[[], float] = random.random

    def slot_of(self) -> dict[str, int]:
        """Slots by the venue's own names."""
        return {told.market_id: self.slots[told.id] for told in self.instruments}

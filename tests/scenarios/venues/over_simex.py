"""Our feeds over the simulated exchanges, whose books obey their own market."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from arbiter.model.ids import VenueId
from arbiter.runtime.clock import SystemClock
from arbiter.simex.settings import SimexSettings
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.wiring import FeedWiring
from tests.fakes.wiring import HASTY
from tests.scenarios.simex.conftest import Served
from tests.scenarios.simex.stands import STANDS

T = TypeVar("T")
LIVELY = SimexSettings(
    symbols=3, quotes_per_second=2_000.0, dislocations_per_minute=0.0, time_scale=60.0
)


async def wiring_of(served: Served, venue: str) -> FeedWiring:
    """Follow all that a simulator lists as one venue, in slots 0, 1, 2 …"""
    server = STANDS[venue].server
    client = STANDS[venue].client(served)
    listed = await client.instruments()
    await client.aclose()
    line = served.lines[server]
    return FeedWiring(
        venue=VenueId(venue),
        instruments=listed,
        slots={told.id: number for number, told in enumerate(listed)},
        clock=SystemClock(),
        endpoints=Endpoints(stream=line["ws"], rest=line["rest"]),
        stream=msgspec.structs.replace(HASTY, silence_s=2.0),
    )


def made(make: Callable[[FeedWiring], T] | None, wiring: FeedWiring) -> T:
    assert make is not None
    return make(wiring)

"""Every feed of quotes of ours over a socket, against a venue in its own wire format."""

from collections.abc import AsyncIterator

import pytest

from arbiter.model.ids import VenueId
from tests.port_suites.feed import WireFeedSuite, WireStand
from tests.scenarios.venues.wired import SYMBOLS, WIRED


class TestQuotes(WireFeedSuite):
    @pytest.fixture(params=WIRED, ids=lambda row: row.venue)
    async def stand(self, request: pytest.FixtureRequest) -> AsyncIterator[WireStand]:
        row = request.param
        async with row.server(SYMBOLS) as server:
            yield WireStand(
                feed=row.connector.quotes(row.wiring(server)),
                slots=[10, 20, 30],
                venues=[VenueId(row.venue)],
                venue=server,
                symbols=SYMBOLS,
                unknown=row.unknown,
                numbered=row.numbered,
            )

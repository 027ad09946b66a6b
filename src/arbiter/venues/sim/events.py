"""The simulated event markets, as their venues tell of them."""

from collections.abc import Sequence

from arbiter.model.event_pairs import EventListing
from arbiter.venues.sim import wire
from arbiter.venues.sim.asking import SimAsking


class SimEventListings(SimAsking):
    async def listings(self) -> Sequence[EventListing]:
        """Every market as it reads now."""
        told = await self.ask(
            lambda number: wire.ListEvents(id=number, venue=self.venue),
            wire.EventList,
            "of its event markets",
        )
        return told.listings

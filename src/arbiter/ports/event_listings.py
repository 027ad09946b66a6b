"""What prediction markets tell of their own markets: titles, rule texts, ends."""

from collections.abc import Sequence
from typing import Protocol

from arbiter.model.event_pairs import EventListing


class EventListings(Protocol):
    """One venue, or several simulated ones."""

    async def listings(self) -> Sequence[EventListing]:
        """Give every open event market as it reads now; `TryAgain` when it cannot be asked."""
        ...

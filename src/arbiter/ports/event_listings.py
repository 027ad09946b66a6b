"""What prediction markets tell of their own markets: titles, rule texts, ends, outcomes."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import InstrumentId


class EventListings(Protocol):
    """One venue, or several simulated ones."""

    async def listings(self) -> Sequence[EventListing]:
        """Give every open event market as it reads now; `TryAgain` when it cannot be asked."""
        ...


@runtime_checkable
class EventOutcomes(Protocol):
    """A venue of event markets that also says what was decided."""

    async def listings(self) -> Sequence[EventListing]: ...

    async def outcomes(
        self, instruments: Collection[InstrumentId]
    ) -> Mapping[InstrumentId, Decimal]:
        """What a contract of YES pays, of those that are decided for good; errors as `listings`."""
        ...

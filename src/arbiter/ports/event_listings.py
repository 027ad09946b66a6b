"""What prediction markets tell of their own markets: titles, rule texts, ends, outcomes."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument


class EventListings(Protocol):
    """One venue, or several simulated ones."""

    async def listings(self) -> Sequence[EventListing]:
        """Give every open event market as it reads now.

        `TryAgain`, `OutcomeUnknown` or `VenueRefused` without an answer.
        """
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


@runtime_checkable
class EventFinder(EventOutcomes, Protocol):
    """One that can follow more than it did at the start."""

    async def find(self, names: Collection[str]) -> Sequence[Instrument]:
        """Give open markets that are not followed here, by the venue's own names or ids.

        `TryAgain`, `OutcomeUnknown` or `VenueRefused` without an answer.
        """
        ...

    def take_up(self, instruments: Sequence[Instrument]) -> None:
        """Follow what was found, from now on."""
        ...


class LateMarkets(Protocol):
    """One venue whose markets can be listed while the engine runs."""

    async def find(self, names: Collection[str]) -> Sequence[Instrument]:
        """Do as `EventFinder.find`; ids of ours are taken for names, too."""
        ...

    def follow(self, instruments: Sequence[Instrument], slots: Mapping[InstrumentId, int]) -> None:
        """Quote them and take orders there, now that the engine knows of them."""
        ...

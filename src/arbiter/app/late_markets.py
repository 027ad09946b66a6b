"""What a venue's order client, feeds and paper account do when markets are listed while running."""

from collections.abc import Callable, Collection, Mapping, Sequence

from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.ports.event_listings import EventFinder
from arbiter.venues.common.events import market_name

Follow = Callable[[Sequence[Instrument], Mapping[InstrumentId, int]], None]


class VenueLateMarkets:
    """Implements `ports.LateMarkets`; `parts` are told, in their order, of what is followed."""

    def __init__(
        self,
        venue: VenueId,
        account: EventFinder,
        parts: Sequence[Follow],
        as_listed: Callable[[Instrument], Instrument] = lambda instrument: instrument,
    ) -> None:
        """`as_listed` makes the engine's instrument of the venue's."""
        self._suffix = f".{venue.upper()}"
        self._account = account
        self._parts = parts
        self._as_listed = as_listed

    async def find(self, names: Collection[str]) -> Sequence[Instrument]:
        """Give those that were named: a name of an event stands for none of its markets."""
        asked = [self._theirs(name) for name in names]
        found = await self._account.find(asked)
        return [self._as_listed(i) for i in found if i.id in names or i.market_id in names]

    def follow(self, instruments: Sequence[Instrument], slots: Mapping[InstrumentId, int]) -> None:
        self._account.take_up(instruments)
        for part in self._parts:
            part(instruments, slots)

    def _theirs(self, name: str) -> str:
        return market_name(InstrumentId(name)) if name.endswith(self._suffix) else name

"""One connection to the simulated venues for public questions, made anew where it is gone."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from arbiter.model.errors import OutcomeUnknown, VenueUnreachable
from arbiter.model.ids import VenueId
from arbiter.venues.sim import wire
from arbiter.venues.sim.client import expect
from arbiter.venues.sim.link import SimLink

TIMEOUT_S = 3.0

Answer = TypeVar("Answer", bound=wire.Answer)


class SimAsking:
    """Asks one venue; whatever gets no answer is `VenueUnreachable`, as a question changes nothing."""

    def __init__(self, home: Path, venue: VenueId) -> None:
        self._home = home
        self._venue = venue
        self._link: SimLink | None = None

    @property
    def venue(self) -> VenueId:
        return self._venue

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    async def ask(
        self, make: Callable[[int], wire.AnyRequest], kind: type[Answer], what: str
    ) -> Answer:
        """Ask what `make` makes of a request's number."""
        if self._link is None or not self._link.up:
            self._link = await SimLink.connect(self._home)
        try:
            return expect(await self._link.ask(make(self._link.next_id()), TIMEOUT_S), kind)
        except OutcomeUnknown as error:
            self.close()
            raise VenueUnreachable(f"{self._venue} does not tell {what}: {error}") from error

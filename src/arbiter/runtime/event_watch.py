"""The event desk's clock: it ticks when due and at once after what moved a position."""

import asyncio
from collections.abc import Sequence

from arbiter.model.changes import Changes
from arbiter.model.events import Event
from arbiter.runtime.event_desk import EventDesk
from arbiter.runtime.supervisor import Supervisor

TICK_S = 1.0


class EventWatch:
    """Runs an `EventDesk` for as long as the engine does; `watch` is a listener of the hub."""

    def __init__(self, desk: EventDesk) -> None:
        self.desk = desk
        self._wake = asyncio.Event()

    def initialise(self, supervisor: Supervisor) -> None:
        """Start; after recovery, before trading."""
        self.desk.set_contracts()
        supervisor.spawn(self.run(), "event desk")

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        if self.desk.watch(events, changes):
            self._wake.set()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            self.desk.tick()
            try:
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

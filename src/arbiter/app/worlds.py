"""The world of each mode, and what has to be ended with it."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

import structlog

from arbiter.app.config import Settings
from arbiter.app.config_sections import Mode
from arbiter.app.event_needs import event_needs
from arbiter.app.real_world import RealVenues, connect_live, connect_paper
from arbiter.app.sim_world import World, connect_sim
from arbiter.app.venue_credentials import required_keys
from arbiter.ledger.reads import LedgerReads
from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId
from arbiter.ports.clock import Clock
from arbiter.venues.sim.settings import SimSettings
from arbiter.venues.sim.spawn import SimHandle, keep_running

log = structlog.get_logger(__name__)


def keep_apart(settings: Settings) -> None:
    """Hold a data folder to one mode: money that is not real never stands in real books."""
    mark, mode = settings.home.root / "mode", settings.engine.mode.value
    try:
        held = mark.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        held = ""
    if held and held != mode:
        raise BadConfig(
            f"the data folder {settings.home.root} holds the books of mode {held}; start {mode} "
            "with another one: --home DIR"
        )
    if not held:
        mark.write_text(f"{mode}\n", encoding="utf-8")


class Venues(Protocol):
    """The venues behind a world, as far as starting and ending them goes."""

    def upkeep(self) -> Coroutine[Any, Any, None] | None:
        """Work that keeps them up; returns only when cancelled."""
        ...

    async def end(self) -> None:
        """Let them go after an orderly stop."""
        ...

    async def abandon(self, *, ready: bool) -> None:
        """Let them go after any other end; `ready` where trading had begun before it."""
        ...


class SimVenues:
    def __init__(self, settings: SimSettings, handle: SimHandle) -> None:
        self._settings = settings
        self._handle = handle

    def upkeep(self) -> Coroutine[Any, Any, None]:
        return keep_running(self._handle.home, self._settings, self._handle)

    async def end(self) -> None:
        await asyncio.to_thread(self._handle.stop)

    async def abandon(self, *, ready: bool) -> None:
        """A start that was refused leaves nothing running that it started."""
        if not ready and not self._handle.adopted:
            await self.end()


class Connections:
    def __init__(self, real: RealVenues) -> None:
        self._real = real

    def upkeep(self) -> None:
        return None

    async def end(self) -> None:
        await self._real.aclose()

    async def abandon(self, *, ready: bool) -> None:
        del ready
        await self._real.aclose()


async def connect(
    settings: Settings,
    clock: Clock,
    environment: Mapping[str, str],
    on_ban: Callable[[VenueId, int], None],
    ledger: LedgerReads | None = None,
) -> tuple[World, Venues]:
    """Connect to the venues of the mode; `ledger` says which event markets are needed.

    `BadConfig` where live has no keys of the user's own.
    """
    keep_apart(settings)
    needs = event_needs(settings, ledger, clock.now_ns())
    if settings.engine.mode is Mode.LIVE:
        keys = required_keys(settings.venues.venues(), settings.home, environment)
        world, real = await connect_live(settings, keys, clock, on_ban, needs)
        log.warning("LIVE: orders go to real venues", venues=list(settings.venues.enabled))
        return world, Connections(real)
    if settings.engine.mode is Mode.PAPER:
        world, real = await connect_paper(settings, clock, on_ban, needs)
        return world, Connections(real)
    sim = settings.sim.record()
    world, handle = await connect_sim(settings.home.root, sim, clock, settings.rate.record, on_ban)
    return world, SimVenues(sim, handle)

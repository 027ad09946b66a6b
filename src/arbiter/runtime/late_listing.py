"""Markets that are listed while the engine runs: what a leader enters, what a pair is made of.

A market that is sought is asked for at once, then again after pauses that grow: it may not be
taking orders yet. From the step in which a venue tells of it, everything knows it: registry,
board, ledger, order client and feed.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import structlog

from arbiter.model.errors import NO_ANSWER, NotFound
from arbiter.model.event_pairs import Review
from arbiter.model.events import AlertRaised, ContractSet
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE
from arbiter.model.perpetuals import contract_of
from arbiter.model.time import NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.ports.event_listings import LateMarkets
from arbiter.runtime.core import TradingCore
from arbiter.runtime.newest import Newest

log = structlog.get_logger(__name__)

TICK_S = 1.0
FIRST_PAUSE_NS = 5 * NS_PER_S
LONGEST_PAUSE_NS = 900 * NS_PER_S
_MOST_DOUBLINGS = 16
_MOST = 40
"""Markets in one question."""
_FORGET_NS = 60 * NS_PER_S
"""What nobody has sought for so long is not looked for any more."""
_CLOSED = "no market there takes orders under this name now"
_NO_ROOM = "no more markets can be listed before the next start"

Sought = tuple[VenueId, str]
"""A market by its venue's name or id of it, or by our id."""


class _Search(msgspec.Struct):
    sought_ns: int
    """When it was last wanted, and …"""
    next_ns: int
    """… when to ask next; monotonic times."""
    tries: int = 0
    why: str = ""
    """Why it was not found; empty before the first answer."""


class LateListing:
    """Run `run` as a task; `seek` from anywhere, `find` for someone who waits."""

    def __init__(
        self, *, core: TradingCore, venues: Mapping[VenueId, LateMarkets], clock: Clock
    ) -> None:
        self._core = core
        self._venues = venues
        self._clock = clock
        self._searches: dict[Sought, _Search] = {}
        self._wake = asyncio.Event()
        self._asking = asyncio.Lock()
        self._heard: list[Callable[[], None]] = []
        self._flagged: Newest[str] = Newest()

    def when_listed(self, act: Callable[[], None]) -> None:
        """Call `act` after each step that listed something."""
        self._heard.append(act)

    def seek(self, venue: VenueId, market: str) -> str:
        """Have a market looked for; gives why it is not found, empty while that is not known."""
        if venue not in self._venues:
            return f"{market} is not listed here"
        now = self._clock.monotonic_ns()
        search = self._searches.get((venue, market))
        if search is None:
            search = self._searches[venue, market] = _Search(sought_ns=now, next_ns=now)
            self._wake.set()
        search.sought_ns = now
        return search.why

    async def find(self, names: Sequence[InstrumentId]) -> None:
        """List these now, as far as they are not; `NotFound` says why one cannot be.

        Raises `TryAgain`, `OutcomeUnknown` or `VenueRefused` where a venue gives no answer.
        """
        for name in names:
            venue = VenueId(name.rpartition(".")[2].lower())
            if self._core.registry.get(name) is not None:
                continue
            if venue not in self._venues:
                raise NotFound(f"{name} is of no venue of event markets that this engine follows")
            await self._ask(venue, [name])
            if self._core.registry.get(name) is None:
                why = _CLOSED if self._core.registry.room else _NO_ROOM
                raise NotFound(f"{name}: {why}")

    async def run(self) -> None:
        """Look for what is sought, until cancelled."""
        while True:
            self._wake.clear()
            await self.look()
            try:
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Ask once for all that is sought and due."""
        self._seek_pairs()
        for venue, names in self._due():
            try:
                await self._ask(venue, names)
            except NO_ANSWER as error:
                log.info("markets cannot be looked for", venue=venue, why=str(error))
                for name in names:
                    search = self._searches.get((venue, name))
                    if search is not None:  # else somebody who waits has found it meanwhile
                        self._rest(search)

    def _seek_pairs(self) -> None:
        """Pairs are looked for until they are over; one that may trade and cannot is told of."""
        now = self._clock.now_ns()
        for pair in self._core.ledger.event_pairs.values():
            if pair.state is Review.REJECTED or pair.simulated or pair.closes_ns <= now:
                continue
            for market in pair.markets:
                known = self._core.registry.get(market.instrument) is not None
                if known or market.venue not in self._venues:
                    continue
                why = self.seek(market.venue, market.instrument)
                if why and pair.approved:
                    self._alert("PAIR_UNLISTED", f"{pair.id} cannot be traded: {why}")

    def _due(self) -> Iterator[tuple[VenueId, list[str]]]:
        now = self._clock.monotonic_ns()
        self._searches = {
            key: search
            for key, search in self._searches.items()
            if now - search.sought_ns < _FORGET_NS
        }
        for venue in self._venues:
            due = [
                name
                for (where, name), search in self._searches.items()
                if where == venue and search.next_ns <= now
            ]
            for start in range(0, len(due), _MOST):
                yield venue, due[start : start + _MOST]

    async def _ask(self, venue: VenueId, names: Sequence[str]) -> None:
        async with self._asking:
            found = await self._venues[venue].find(names)
            registry = self._core.registry
            found = [i for i in found if registry.get(i.id) is None]
            fitting = found[: registry.room]
            if fitting:
                self._take(venue, fitting)
        if len(fitting) < len(found):
            self._alert("LISTING_FULL", f"{_NO_ROOM}: {found[len(fitting)].id} must wait")
        whys = {name: _NO_ROOM for i in found for name in (i.id, i.market_id)}
        whys |= {name: "" for i in fitting for name in (i.id, i.market_id)}
        for name in names:
            search = self._searches.get((venue, name))
            why = whys.get(name, _CLOSED)
            if search is not None and why:
                search.why = f"{name}: {why}"
                self._rest(search)
            else:
                self._searches.pop((venue, name), None)

    def _take(self, venue: VenueId, instruments: Sequence[Instrument]) -> None:
        """Let everything know of markets, in one step."""
        core = self._core
        core.registry.admit(instruments)
        core.board.admit(instruments)
        slots = {i.id: core.registry.slot(i.id) for i in instruments}
        self._venues[venue].follow(instruments, slots)
        now = self._clock.now_ns()
        contracts = [contract_of(instrument, ONE) for instrument in instruments]
        core.recorder.record(
            *(
                ContractSet(at_ns=now, contract=contract)
                for contract in contracts
                if core.ledger.contracts.get(contract.instrument) != contract
            )
        )
        log.info("listed while running", venue=venue, markets=[i.id for i in instruments])
        for act in self._heard:
            act()

    def _rest(self, search: _Search) -> None:
        pause = FIRST_PAUSE_NS * 2 ** min(search.tries, _MOST_DOUBLINGS)
        search.tries += 1
        search.next_ns = self._clock.monotonic_ns() + min(pause, LONGEST_PAUSE_NS)

    def _alert(self, code: str, text: str) -> None:
        """Tell a person, once: the newest alerts are remembered."""
        if text in self._flagged:
            return
        self._flagged.add(text)
        now = self._clock.now_ns()
        self._core.recorder.record(AlertRaised(at_ns=now, severity="warning", code=code, text=text))

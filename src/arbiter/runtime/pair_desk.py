"""Watching event pairs: rule texts that change, new pairs to propose, built-in ones to take in.

Whether a pair trades is a matter of the ledger's registry alone; this desk only moves it there.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import chain

import structlog

from arbiter.ledger.reads import LedgerReads
from arbiter.model.commands import ProposePair, ReviewPair
from arbiter.model.errors import NO_ANSWER, Conflict, NotFound
from arbiter.model.event_pairs import EventListing, EventPair, Polarity, Review
from arbiter.model.events import AlertRaised, JournalEvent
from arbiter.model.ids import ENGINE, Actor, InstrumentId, VenueId
from arbiter.model.time import NS_PER_S
from arbiter.opportunities.pair_entry import by_hand, enter, same_question
from arbiter.opportunities.pair_matcher import PairMatcher, Proposal
from arbiter.ports.clock import Clock
from arbiter.ports.embedder import Embedder, Vector
from arbiter.ports.event_listings import EventListings
from arbiter.runtime.pair_review import RULES_CHANGED, proposed, reviewed
from arbiter.runtime.pair_settings import PairDeskSettings
from arbiter.runtime.recorder import Recorder

log = structlog.get_logger(__name__)

BUILT_IN = Actor("built-in")
"""Approves the simulated markets' own pairs."""


class PairDesk:
    """One per engine; `run` it as a task."""

    def __init__(
        self,
        *,
        ledger: LedgerReads,
        recorder: Recorder,
        sources: Mapping[VenueId, EventListings],
        matcher: PairMatcher,
        settings: PairDeskSettings,
        clock: Clock,
        embedder: Embedder | None = None,
    ) -> None:
        self.settings = settings
        self.known: dict[InstrumentId, EventListing] = {}
        """Every market as it was last told."""
        self._ledger = ledger
        self._recorder = recorder
        self._sources = sources
        self._matcher = matcher
        self._clock = clock
        self._embedder = embedder
        self._scanned_ns: int | None = None
        self._silent: set[VenueId] = set()
        self._looked: list[Callable[[], None]] = []
        self._soon = asyncio.Event()

    def when_looked(self, act: Callable[[], None]) -> None:
        """Call `act` after each look at the texts: what may be traded can be another then."""
        self._looked.append(act)

    def look_soon(self) -> None:
        """Read the texts at once: there are new markets."""
        self._soon.set()

    def tradable(self) -> list[EventPair]:
        """Approved pairs both of whose texts were read in this run and are the approved ones.

        A text may have changed while no engine ran: before the first look there are none.
        """
        return [
            pair
            for pair in self._ledger.event_pairs.values()
            if pair.approved
            and all(name in self.known for name in pair.instruments)
            and not pair.changed_rules(self.known)
        ]

    async def run(self) -> None:
        while True:
            self._soon.clear()
            await self.poll()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.settings.poll_seconds):
                    await self._soon.wait()

    async def poll(self) -> None:
        """Read every market once; suspend approved pairs whose text is another one now."""
        told = await asyncio.gather(
            *(self._ask(venue, source) for venue, source in self._sources.items())
        )
        self.take(list(chain.from_iterable(told)))
        now = self._clock.now_ns()
        due = self._scanned_ns is None or now - self._scanned_ns >= self._scan_ns
        if due and any(not one.simulated for one in self.known.values()):
            self._scanned_ns = now
            await self.scan(ENGINE)

    def take(self, listings: Sequence[EventListing]) -> None:
        """Take in what venues tell now, in one synchronous step."""
        newest = {listing.instrument: listing for listing in listings}
        fresh = not newest.keys() <= self.known.keys()
        self.known.update(newest)
        now = self._clock.now_ns()
        self.known = {name: one for name, one in self.known.items() if one.closes_ns > now}
        for pair in list(self._ledger.event_pairs.values()):
            if pair.approved and (why := pair.changed_rules(newest)):
                self._suspend(pair, why, now)
        if fresh:
            self._take_in_built_in(now)
        for act in self._looked:
            act()

    async def scan(self, actor: Actor) -> list[EventPair]:
        """Propose what nothing speaks against and nobody has decided about yet.

        Thousands of texts are read meanwhile: not on the loop.
        """
        markets = list(self.known.values())
        proposals = await asyncio.to_thread(self._matcher.proposals, markets)
        if self._embedder is not None:
            proposals = await self._alike(proposals, self._embedder)
        now = self._clock.now_ns()
        entered = (self._enter(proposal, actor, now) for proposal in proposals)
        return [pair for pair in entered if pair is not None]

    def propose(
        self,
        first: InstrumentId,
        second: InstrumentId,
        polarity: Polarity,
        cap_usd: Decimal | None,
        actor: Actor,
    ) -> EventPair:
        """Make the record of a pair that a person names; it is not entered yet."""
        unknown = [name for name in (first, second) if name not in self.known]
        if unknown:
            raise NotFound(f"no venue lists an open event market {unknown[0]!r} now")
        proposal = by_hand(self.known[first], self.known[second], polarity)
        return enter(proposal, cap_usd or self.settings.cap_usd, actor, self._clock.now_ns())

    @property
    def _scan_ns(self) -> int:
        return int(self.settings.scan_seconds * NS_PER_S)

    async def _ask(self, venue: VenueId, source: EventListings) -> Sequence[EventListing]:
        try:
            listings = await source.listings()
        except NO_ANSWER as error:
            if venue not in self._silent:
                self._silent.add(venue)
                log.warning("event markets cannot be read", venue=venue, why=str(error))
            return ()
        self._silent.discard(venue)
        return listings

    async def _alike(self, proposals: list[Proposal], embedder: Embedder) -> list[Proposal]:
        """Drop what the embedding model finds unlike; it is never a reason to propose.

        While it cannot be asked there are no proposals.
        """
        if not proposals:
            return []
        sides = [side for proposal in proposals for side in (proposal.first, proposal.second)]
        vectors = await embedder.embed([f"{one.title} {one.outcome}\n{one.rules}" for one in sides])
        if isinstance(vectors, str):
            log.warning("no pairs are proposed without embeddings", why=vectors)
            return []
        found = zip(proposals, vectors[::2], vectors[1::2], strict=True)
        least = self.settings.min_likeness
        return [proposal for proposal, a, b in found if _cosine(a, b) >= least]

    def _suspend(self, pair: EventPair, why: str, now: int) -> None:
        command = ReviewPair(actor=ENGINE, pair_id=pair.id, state=Review.SUSPENDED, reason=why)
        text = f"{pair.id} is suspended: {why.removeprefix(f'{RULES_CHANGED}: ')} is another text"
        alert = AlertRaised(at_ns=now, severity="warning", code="PAIR_SUSPENDED", text=text)
        self._recorder.record(*reviewed(self._ledger, command, now), alert)
        log.warning("event pair suspended", pair=pair.id, why=why)

    def _take_in_built_in(self, now: int) -> None:
        """Enter the simulated markets' new pairs; approve those without a warning."""
        simulated = [one for one in self.known.values() if one.simulated]
        for proposal in self._matcher.proposals(simulated):
            pair = self._enter(proposal, BUILT_IN, now)
            if pair is not None and not pair.warnings:
                approve = ReviewPair(actor=BUILT_IN, pair_id=pair.id, state=Review.APPROVED)
                self._recorder.record(*reviewed(self._ledger, approve, now))

    def _enter(self, proposal: Proposal, actor: Actor, now: int) -> EventPair | None:
        """Record a proposal, unless its two markets are paired already or it is over.

        Another text than the one that was decided about is proposed when a person asks, and not
        before: a pair suspended for it shows as suspended until then.
        """
        pair = enter(proposal, self.settings.cap_usd, actor, now)
        anew = actor not in {ENGINE, BUILT_IN}
        if pair.closes_ns <= now or any(
            same_question(pair, other)
            or (not anew and set(other.instruments) == set(pair.instruments))
            for other in self._ledger.event_pairs.values()
        ):
            return None
        events: tuple[JournalEvent, ...]
        try:
            events = proposed(self._ledger, ProposePair(actor=actor, pair=pair), now)
        except Conflict:
            return None
        self._recorder.record(*events)
        return self._ledger.event_pairs[pair.id]


def _cosine(one: Vector, other: Vector) -> float:
    """Of two unit vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True))

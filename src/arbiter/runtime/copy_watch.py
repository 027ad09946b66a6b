"""The copy desk's legs in the world: every leader looked at in turn, ticks when due.

Each leader has a task of its own, so that one whose source is slow, rate limited or down keeps
nobody else waiting. A source's wait is honoured; other failures double the pause between looks.
"""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from arbiter.model.changes import Changes
from arbiter.model.copying import CopySubscription, LeaderHolding
from arbiter.model.errors import NO_ANSWER, RateLimited
from arbiter.model.events import (
    AlertRaised,
    CopyAdded,
    CopyRemoved,
    CopySwitched,
    Event,
    KillSwitchEngaged,
    PositionForced,
    TradeAdvanced,
)
from arbiter.model.ids import VenueId
from arbiter.model.perpetuals import ForcedCause, ForcedClose
from arbiter.model.time import NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.ports.leader import LeaderSource
from arbiter.runtime.copy_desk import CopyDesk, Leader
from arbiter.runtime.core import TradingCore
from arbiter.runtime.supervisor import Supervisor

log = structlog.get_logger(__name__)

TICK_S = 1.0
"""Between two ticks of the desk; news and a trade's end bring the next one at once."""
LOST_AFTER = 3
"""Failed looks in a row that are told to a person."""
MOST_BASE_TRIES = 5
"""Looks at what a very busy leader holds before one is taken as it is."""


class LeaderHealth(msgspec.Struct):
    """How looking at one leader goes."""

    failures: int = 0
    """In a row."""
    why: str = ""
    seen_ns: int = 0
    """Of the last look that was answered; 0 before the first."""
    next_deep_ns: int = 0
    base_tries: int = 0


class CopyWatch:
    """Runs a `CopyDesk` for as long as the engine does."""

    def __init__(
        self,
        *,
        core: TradingCore,
        desk: CopyDesk,
        sources: Mapping[VenueId, Sequence[LeaderSource]],
        clock: Clock,
    ) -> None:
        """`sources` of a venue are asked in their order; the first that follows a wallet is its."""
        self.desk = desk
        self.health: dict[Leader, LeaderHealth] = {}
        self._core = core
        self._sources = sources
        self._clock = clock
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self._following: set[Leader] = set()
        self._resolved: list[ForcedClose] = []
        """Markets that ended since the last tick."""

    def initialise(self, supervisor: Supervisor) -> None:
        """Start; after recovery, before trading."""
        if self.desk.enabled:
            supervisor.spawn(self._follow_all(supervisor), "copy leaders")
        supervisor.spawn(self._tick(), "copy desk")

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        """Look at new subscriptions and ended trades at once: a listener of the event hub."""
        del changes
        for event in events:
            if isinstance(event, CopyAdded | CopySwitched | CopyRemoved):
                self._changed.set()
                self._wake.set()
            elif isinstance(event, PositionForced):
                if event.forced.cause is ForcedCause.RESOLUTION:
                    self._resolved.append(event.forced)
                    self._wake.set()
            elif isinstance(event, KillSwitchEngaged) or (
                isinstance(event, TradeAdvanced) and event.state.terminal
            ):
                self._wake.set()

    def look(self) -> None:
        """Look at every market at once: there are new ones."""
        self._wake.set()

    def source_of(self, leader: Leader) -> LeaderSource | None:
        venue, wallet = leader
        return next((s for s in self._sources.get(venue, ()) if s.follows(wallet)), None)

    async def _follow_all(self, supervisor: Supervisor) -> None:
        while True:
            self._changed.clear()
            for leader in self.desk.followed():
                source = self.source_of(leader)
                if source is not None and leader not in self._following:
                    self._following.add(leader)
                    supervisor.spawn(self._follow(leader, source), f"leader {leader[1]}")
            await self._changed.wait()

    async def _follow(self, leader: Leader, source: LeaderSource) -> None:
        health = self.health.setdefault(leader, LeaderHealth())
        try:
            while leader in self.desk.followed():
                pause_s = self.desk.settings.poll_seconds
                try:
                    await self._look(leader, source, health)
                    self._answered(leader, health)
                except NO_ANSWER as error:
                    pause_s = self._failed(leader, health, error)
                await asyncio.sleep(pause_s)
        finally:
            self._following.discard(leader)
            self.health.pop(leader, None)

    async def _look(self, leader: Leader, source: LeaderSource, health: LeaderHealth) -> None:
        """Ask for what the leader did, and once per subscription for what he held before."""
        wallet = leader[1]
        now = self._clock.now_ns()
        deep = now >= health.next_deep_ns
        unbased = [s for s in self._subscriptions(leader) if not s.based]
        before: Sequence[LeaderHolding] = await source.holdings(wallet) if unbased else ()
        actions = await source.actions_since(wallet, self.desk.since_ns(leader, deep=deep))
        if deep:
            health.next_deep_ns = now + int(self.desk.settings.deep_every_seconds * NS_PER_S)
        news = self.desk.on_actions(leader, actions)
        if deep:
            self.desk.tidy(leader)
        if unbased:
            await self._base(source, unbased, before, health)
        if news or unbased:
            self._wake.set()

    async def _base(
        self,
        source: LeaderSource,
        unbased: Sequence[CopySubscription],
        before: Sequence[LeaderHolding],
        health: LeaderHealth,
    ) -> None:
        """Take the holdings if they stood still while the acts were read, else the next time."""
        after = await source.holdings(unbased[0].wallet)
        health.base_tries += 1
        if list(before) != list(after) and health.base_tries < MOST_BASE_TRIES:
            return
        health.base_tries = 0
        for subscription in unbased:
            self.desk.on_holdings(subscription, after)

    def _subscriptions(self, leader: Leader) -> list[CopySubscription]:
        return [s for s in self.desk.subscriptions() if (s.venue, s.wallet) == leader]

    def _answered(self, leader: Leader, health: LeaderHealth) -> None:
        if health.failures >= LOST_AFTER:
            self._alert("info", f"{leader[1]} on {leader[0]} can be seen again")
        health.failures, health.why = 0, ""
        health.seen_ns = self._clock.now_ns()

    def _failed(self, leader: Leader, health: LeaderHealth, error: Exception) -> float:
        """Note a look without an answer; gives the seconds to the next."""
        settings = self.desk.settings
        pause_s = min(
            max(settings.retry_seconds, settings.poll_seconds) * 2.0 ** min(health.failures, 16),
            settings.longest_retry_seconds,
        )
        health.failures += 1
        health.why = str(error)
        log.debug("a leader could not be seen", wallet=leader[1], why=health.why)
        if health.failures == LOST_AFTER:
            self._alert("warning", f"{leader[1]} on {leader[0]} cannot be seen: {health.why}")
        if isinstance(error, RateLimited):
            pause_s = max(pause_s, error.retry_after_ms / 1_000)
        return pause_s

    def _alert(self, severity: str, text: str) -> None:
        now = self._clock.now_ns()
        self._core.recorder.record(
            AlertRaised(at_ns=now, severity=severity, code="LEADER_FEED", text=text)
        )

    async def _tick(self) -> None:
        while True:
            self._wake.clear()
            ended, self._resolved = self._resolved, []
            for forced in ended:
                self.desk.on_resolved(forced.instrument, forced.at_ns)
            self.desk.tick()
            try:
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

"""The agents' book: their sessions and positions in memory, folded from fills, kept in the database.

What is durable first is written first; the rest follows, and what could not be written waits.
Positions can always be folded again from the fills of their session.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

import structlog
from msgspec.structs import replace

from arbiter.agents import accounts
from arbiter.agents.positions import filled, opened, protected
from arbiter.model.agents import (
    MANUAL_SESSION,
    AgentPosition,
    AgentSession,
    SessionMode,
    SessionState,
    session_of,
)
from arbiter.model.changes import Changes
from arbiter.model.errors import TryAgain
from arbiter.model.events import Event, OrderFilled
from arbiter.model.ids import InstrumentId, Symbol, TradeId, VenueId
from arbiter.model.money import ZERO, from_float
from arbiter.model.orders import Fill, Side
from arbiter.ports.agent_store import AgentStore
from arbiter.ports.clock import Clock
from arbiter.runtime.agent_news import NewsDesk, PositionNews
from arbiter.runtime.agent_steering import Steering
from arbiter.runtime.core import TradingCore

log = structlog.get_logger(__name__)

_RETRY_SAVE_S = 1.0
_REASONS_KEPT = 10_000


class AgentBook:
    def __init__(
        self,
        *,
        core: TradingCore,
        store: AgentStore,
        clock: Clock,
        venue: VenueId,
        steering: Steering,
        news: NewsDesk,
    ) -> None:
        self._core = core
        self._store = store
        self._clock = clock
        self._venue = venue
        self._steering = steering
        self._news = news
        self.sessions: dict[UUID, AgentSession] = {}
        """Those not stopped, the standing one among them."""
        self.reasons: dict[TradeId, str] = {}
        """Why orders of this run were given, the newest: entry and exit reasons."""
        self.exit_rounds: dict[UUID, set[UUID]] = {}
        """Votes that closed a position."""
        self._positions: dict[UUID, list[AgentPosition]] = {}
        self._unsaved_sessions: dict[UUID, AgentSession] = {}
        self._unsaved_positions: dict[UUID, AgentPosition] = {}
        self._outcomes: list[tuple[AgentPosition, set[UUID]]] = []
        self._to_save = asyncio.Event()
        self._writing = asyncio.Lock()
        """One session's record at a time: an older one must never land after a newer."""

    # Reading

    def session(self, session: UUID) -> AgentSession | None:
        """An active session; None once it has stopped."""
        return self.sessions.get(session)

    def positions(self, session: UUID) -> Sequence[AgentPosition]:
        """All positions of an active session, oldest first."""
        return self._positions.get(session, ())

    def open_positions(self) -> list[AgentPosition]:
        """Newest first."""
        found = [p for each in self._positions.values() for p in each if p.open]
        return sorted(found, key=lambda position: position.entry_ns, reverse=True)

    def mark(self, instrument: InstrumentId) -> Decimal | None:
        found = self._core.board.mark(instrument)
        return None if found is None else from_float(found)

    def marks(self, positions: Sequence[AgentPosition]) -> dict[InstrumentId, Decimal]:
        found = {position.instrument: self.mark(position.instrument) for position in positions}
        return {name: mark for name, mark in found.items() if mark is not None}

    # Starting up

    async def restore(self) -> None:
        """Take up the sessions that were not stopped, and fold what their fills say."""
        for session in await self._store.sessions(active=True):
            self.sessions[session.id] = session
        if MANUAL_SESSION not in self.sessions:
            now = self._clock.now_ns()
            await self.keep_session(self._manual_session(now))
        for session in tuple(self.sessions.values()):
            self._positions[session.id] = await self._folded(session)
            self._recount(session.id)

    def _manual_session(self, now: int) -> AgentSession:
        some = next(each for each in self._core.registry.instruments if each.venue == self._venue)
        return AgentSession(
            id=MANUAL_SESSION,
            mode=SessionMode.PAPER,
            state=SessionState.RUNNING,
            symbol=Symbol("*"),
            venue=self._venue,
            instrument=some.id,
            initial_capital=ZERO,
            started_ns=now,
            actor="engine",
            updated_ns=now,
        )

    async def _folded(self, session: AgentSession) -> list[AgentPosition]:
        """Closed positions as they were kept; what came after them anew from the fills."""
        kept = sorted(
            await self._store.positions(session=session.id), key=lambda each: each.entry_ns
        )
        closed = [position for position in kept if position.exit_ns is not None]
        known = {position.id: position for position in kept if position.open}
        since = max((position.exit_ns or 0 for position in closed), default=0)
        positions = closed
        self._positions[session.id] = positions
        for booked in await self._store.fills(session.strategy, since):
            self._fold(session, booked.fill, booked.trade_id, known)
        for position in known.values():
            if self._core.registry.get(position.instrument) is None:
                log.warning("a position is of no listed market", instrument=position.instrument)
                positions.append(position)  # as it was kept: nothing is traded there meanwhile
        return positions

    # Folding

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        """Fold fills of ours: a listener of the event hub."""
        del changes
        for event in events:
            if not isinstance(event, OrderFilled):
                continue
            order = event.order or self._core.ledger.orders.get(event.fill.client_order_id)
            owner = None if order is None else session_of(order.strategy)
            session = None if owner is None else self.sessions.get(owner)
            if order is None or session is None:
                continue
            position = self._fold(session, event.fill, order.trade_id, {})
            if position is None:
                continue
            self._unsaved_positions[position.id] = position
            self._to_save.set()
            self._news.tell(PositionNews(position=position, mark=self.mark(position.instrument)))
            if not position.open:
                self._closed(position)

    def _fold(
        self,
        session: AgentSession,
        fill: Fill,
        trade_id: TradeId,
        known: dict[UUID, AgentPosition],
    ) -> AgentPosition | None:
        positions = self._positions.setdefault(session.id, [])
        instrument = self._core.registry.get(fill.instrument)
        if instrument is None:
            return None
        place = next(
            (n for n, p in enumerate(positions) if p.open and p.instrument == fill.instrument), None
        )
        if place is None:
            if fill.side is Side.SELL:
                log.warning("a sale without a position", session=str(session.id))
                return None
            trade = self._core.ledger.trade(trade_id)
            round_id = None if trade is None or trade.signal_id is None else trade.signal_id
            fresh = opened(session.id, instrument, trade_id, round_id, fill.at_ns)
            before = known.get(fresh.id)
            fresh = replace(
                fresh,
                round_id=round_id if before is None else before.round_id,
                entry_reason=self.reasons.get(trade_id)
                or (before.entry_reason if before else None)
                or ("manual order" if round_id is None else None),
            )
            positions.append(fresh)
            place = len(positions) - 1
        after = filled(positions[place], fill, instrument)
        if fill.side is Side.BUY:
            kept = known.get(after.id)
            after = protected(after, self._steering.rules, instrument)
            if kept is not None and kept.size == after.size:
                after = replace(after, stop_loss=kept.stop_loss, take_profit=kept.take_profit)
        elif not after.open:
            after = replace(after, exit_reason=self.reasons.get(trade_id, "manual order"))
        positions[place] = after
        return after

    def _closed(self, position: AgentPosition) -> None:
        rounds = self.exit_rounds.pop(position.id, set())
        self._outcomes.append((position, rounds))
        self._recount(position.session_id)

    def _recount(self, session_id: UUID) -> None:
        session = self.sessions[session_id]
        closed = [each for each in self._positions[session_id] if not each.open]
        after = accounts.with_closed(session, closed, self._clock.now_ns())
        if replace(after, updated_ns=session.updated_ns) != session:
            self.note_session(after)

    def note_reason(self, trade: TradeId, reason: str) -> None:
        self.reasons[trade] = reason
        if len(self.reasons) > _REASONS_KEPT:
            del self.reasons[next(iter(self.reasons))]

    def note_equity(self, session_id: UUID, positions: Sequence[AgentPosition]) -> None:
        session = self.sessions.get(session_id)
        if session is None or session_id == MANUAL_SESSION or not positions:
            return
        now = accounts.equity(session, positions, self.marks([p for p in positions if p.open]))
        after = accounts.with_equity(session, now, self._clock.now_ns())
        if after is not session:
            self.note_session(after)

    # Keeping

    def note_session(self, session: AgentSession) -> None:
        """Keep in memory now, in the database soon."""
        self.sessions[session.id] = session
        self._unsaved_sessions[session.id] = session
        self._to_save.set()

    async def keep_session(self, session: AgentSession) -> None:
        """Keep in the database first."""
        async with self._writing:
            await self._store.save_session(session)
            self._unsaved_sessions.pop(session.id, None)
        self.sessions[session.id] = session

    async def save_forever(self) -> None:
        while True:
            await self._to_save.wait()
            self._to_save.clear()
            try:
                await self.save()
            except TryAgain as error:
                log.warning("agents wait for the database", why=str(error))
                await asyncio.sleep(_RETRY_SAVE_S)
                self._to_save.set()

    async def save(self) -> None:
        """Write what changed; what fails stays to be written."""
        for position in tuple(self._unsaved_positions.values()):
            await self._store.save_position(position)
            if self._unsaved_positions.get(position.id) is position:
                del self._unsaved_positions[position.id]
        for key in tuple(self._unsaved_sessions):
            async with self._writing:
                session = self._unsaved_sessions.get(key)
                if session is None:
                    continue
                await self._store.save_session(session)
                if self._unsaved_sessions.get(key) is session:
                    del self._unsaved_sessions[key]
        while self._outcomes:
            position, exits = self._outcomes[0]
            if position.round_id is not None:
                await self._store.settle([position.round_id], "BUY", position.realized_pnl)
            if exits:
                await self._store.settle(exits, "SELL", position.realized_pnl)
            self._outcomes.pop(0)

    def enter(self, session: AgentSession) -> None:
        """Take a new session, already kept, up."""
        self.sessions[session.id] = session
        self._positions[session.id] = []

    async def end(self, session: AgentSession) -> None:
        """Keep a stopped session, and know it no more."""
        async with self._writing:
            await self._store.save_session(session)
            self.sessions.pop(session.id, None)
            self._unsaved_sessions.pop(session.id, None)

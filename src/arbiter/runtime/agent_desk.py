"""The agents' desk: sessions, their orders and positions, and the exits that protect them.

A session is a strategy of its own: its orders, positions and budget (the capital it was started
with) are the engine's, kept by the ledger; what is kept here says whose they are. State is made
durable before it is acted on, and positions can always be folded again from their fills.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

import structlog
from msgspec.structs import replace

from arbiter.agents import accounts
from arbiter.agents.positions import sellable, triggered
from arbiter.model.agents import (
    MANUAL_SESSION,
    AgentPosition,
    AgentSession,
    SessionMode,
    SessionState,
)
from arbiter.model.denials import Denied
from arbiter.model.errors import Conflict, InvalidValue, NotFound, TryAgain
from arbiter.model.events import (
    Audited,
    BudgetRemoved,
    BudgetSet,
    JournalEvent,
    StrategySwitched,
    TradeOpened,
)
from arbiter.model.ids import Actor, SignalId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, plain
from arbiter.model.orders import OrderType, Side, TimeInForce
from arbiter.model.plans import Family, Leg, Plan, expected_price
from arbiter.model.time import NS_PER_S
from arbiter.model.trades import Trade
from arbiter.ports.agent_store import AgentStore
from arbiter.ports.clock import Clock, IdSource
from arbiter.runtime.agent_book import AgentBook
from arbiter.runtime.agent_news import ErrorNews, NewsDesk, SystemNews
from arbiter.runtime.agent_steering import Steering
from arbiter.runtime.agent_switches import AgentSwitches
from arbiter.runtime.core import TradingCore

log = structlog.get_logger(__name__)

AGENTS = Actor("agents")
WATCH_S = 0.2
"""Between two looks at the prices of open positions."""
_RETRY_EXIT_NS = 2 * NS_PER_S
_RETRY_SAVE_S = 1.0
STOP_PATIENCE_S = 20.0
"""How long a stop waits for its positions to be closed before it goes on by itself."""


class OrderTicket:
    """What a person or the vote wants bought or sold."""

    __slots__ = ("actor", "price", "reason", "round_id", "side", "size")

    def __init__(
        self,
        side: Side,
        size: Decimal,
        *,
        actor: Actor,
        price: Decimal | None = None,
        reason: str = "",
        round_id: UUID | None = None,
    ) -> None:
        self.side = side
        self.size = size
        self.price = price
        self.actor = actor
        self.reason = reason
        self.round_id = round_id


class AgentDesk:
    """`venue` is where PAPER sessions trade; LIVE ones need an engine in live mode."""

    def __init__(
        self,
        *,
        core: TradingCore,
        store: AgentStore,
        clock: Clock,
        ids: IdSource,
        venue: VenueId,
        steering: Steering,
        news: NewsDesk,
    ) -> None:
        self._core = core
        self._store = store
        self._clock = clock
        self._ids = ids
        self.venue = venue
        self.steering = steering
        self.news = news
        self.book = AgentBook(
            core=core, store=store, clock=clock, venue=venue, steering=steering, news=news
        )
        self.switches = AgentSwitches(
            core=core, book=self.book, clock=clock, tell=self._tell_session
        )
        self._next_exit: dict[UUID, int] = {}
        self._ending: set[UUID] = set()

    # Reading

    @property
    def sessions(self) -> Sequence[AgentSession]:
        """Active ones, the standing manual one not among them."""
        return [each for key, each in self.book.sessions.items() if key != MANUAL_SESSION]

    def under_way(self, session: UUID, *, side: Side | None = None) -> list[Trade]:
        """The session's orders that have not ended."""
        known = self.book.sessions.get(session)
        if known is None:
            return []
        return [
            trade
            for trade in self._core.ledger.open_trades()
            if trade.strategy == known.strategy and (side is None or trade.legs[0].side is side)
        ]

    def instrument_of(self, name: str) -> Instrument:
        """Find what the venue of the agents lists under a name; `UnknownSymbol` otherwise."""
        registry = self._core.registry
        symbol = registry.resolve_symbol(name)
        found = registry.find(self.venue, symbol)
        if found is None:
            raise InvalidValue(f"{self.venue} does not list {symbol}")
        return found

    # Sessions

    async def restore(self) -> None:
        """Take up what the last run left."""
        await self.book.restore()
        self.switches.settle()

    async def start(
        self, name: str, capital: Decimal, mode: SessionMode, actor: Actor
    ) -> AgentSession:
        """Start a session; it is durable when this returns."""
        instrument = self.instrument_of(name)
        if mode is SessionMode.LIVE and self._core.state.mode != "live":
            raise InvalidValue(
                f"LIVE sessions need an engine in live mode; this one runs in "
                f"{self._core.state.mode}"
            )
        now = self._clock.now_ns()
        session = AgentSession(
            id=self._ids.new_id(),
            mode=mode,
            state=SessionState.RUNNING,
            symbol=instrument.symbol,
            venue=instrument.venue,
            instrument=instrument.id,
            initial_capital=capital,
            started_ns=now,
            actor=actor,
            peak_equity=capital,
            updated_ns=now,
        )
        await self._store.save_session(session)
        await self._record(
            BudgetSet(
                at_ns=now,
                strategy=session.strategy,
                currency=instrument.quote,
                allocated=capital,
                actor=actor,
            ),
            self._audit(actor, "session.start", session.id, "", f"{session.symbol} {mode}"),
        )
        self.book.enter(session)
        self._tell_session("trading_started", "Trading session started", session)
        return session

    async def pause(self, session_id: UUID, actor: Actor) -> AgentSession:
        """Block new decisions and orders; protective exits stay alive."""
        return await self._switch(session_id, SessionState.PAUSED, "paused", actor)

    async def resume(self, session_id: UUID, actor: Actor) -> AgentSession:
        return await self._switch(session_id, SessionState.RUNNING, "resumed", actor)

    async def stop(self, session_id: UUID, final_capital: Decimal, actor: Actor) -> AgentSession:
        """Cancel its orders, close its positions, and end it.

        Raises `TryAgain` when the positions could not be closed in time: it goes on by itself.
        """
        session = self._active(session_id)
        if session.state is not SessionState.STOPPING:
            stopping = replace(session, state=SessionState.STOPPING, final_capital=final_capital)
            await self.book.keep_session(stopping)
            await self._record(
                self._audit(actor, "session.stop", session_id, str(session.state), "STOPPING")
            )
        try:
            async with asyncio.timeout(STOP_PATIENCE_S):
                while True:
                    ended = await self._end_if_flat(session_id)
                    if ended is not None:
                        return ended
                    await asyncio.sleep(WATCH_S)
        except TimeoutError:
            raise TryAgain(
                "the session is stopping: its positions are not closed yet; ask again"
            ) from None

    def _active(self, session_id: UUID) -> AgentSession:
        session = self.book.sessions.get(session_id)
        if session is None or session_id == MANUAL_SESSION:
            raise NotFound("session not found")
        return session

    async def _switch(
        self, session_id: UUID, state: SessionState, word: str, actor: Actor
    ) -> AgentSession:
        session = self._active(session_id)
        if session.state is SessionState.STOPPING:
            raise Conflict("the session is stopping")
        if session.state is state:
            return session
        switched = StrategySwitched(
            at_ns=self._clock.now_ns(),
            strategy=session.strategy,
            running=state is SessionState.RUNNING,
            actor=actor,
        )
        audit = self._audit(actor, f"session.{word}", session_id, session.state, state)
        await self._record(switched, audit)
        after = self._active(session_id)
        await self.book.keep_session(after)
        return after

    async def _end_if_flat(self, session_id: UUID) -> AgentSession | None:
        """Push a stopping session on; gives its last record once nothing is left of it."""
        session = self.book.sessions.get(session_id)
        if session is None:
            return await self._store.session(session_id)
        self._withdraw(session_id, "the session is stopping", keep_exits=True)
        still = [position for position in self.book.positions(session_id) if position.open]
        for position in still:
            self._close(position, "session stopped", AGENTS)
        if still or self.under_way(session_id) or session_id in self._ending:
            return None
        self._ending.add(session_id)
        try:
            return await self._end(session)
        finally:
            self._ending.discard(session_id)

    async def _end(self, session: AgentSession) -> AgentSession:
        now = self._clock.now_ns()
        positions = self.book.positions(session.id)
        made = accounts.equity(session, positions, {})
        said = session.final_capital if session.final_capital is not None else made
        ended = replace(
            accounts.with_closed(session, positions, now),
            state=SessionState.STOPPED,
            final_capital=said,
            total_pnl=said - session.initial_capital,
            stopped_ns=now,
            updated_ns=now,
        )
        await self.book.end(ended)
        events: list[JournalEvent] = [
            self._audit(AGENTS, "session.stopped", session.id, "STOPPING", f"capital {plain(said)}")
        ]
        events += [
            BudgetRemoved(at_ns=now, strategy=owner, currency=currency, actor=AGENTS)
            for owner, currency in self._core.ledger.budgets
            if owner == session.strategy
        ]
        if said != made:
            gap = f"told {plain(said)}, the engine's account says {plain(made)}"
            events.append(self._audit(AGENTS, "session.gap", session.id, plain(made), gap))
        await self._record(*events)
        self._tell_session("trading_stopped", "Trading session stopped", ended)
        return ended

    # Orders

    def session_for(self, instrument: Instrument) -> AgentSession:
        """The running session an order on this symbol belongs to, else the standing one."""
        running = [
            each
            for each in self.sessions
            if each.state is SessionState.RUNNING and each.instrument == instrument.id
        ]
        newest = max(running, key=lambda each: each.started_ns, default=None)
        return self.book.sessions[MANUAL_SESSION] if newest is None else newest

    def place(
        self, session: AgentSession, instrument: Instrument, ticket: OrderTicket
    ) -> TradeOpened | Denied:
        """Put an order before the engine's gate; a spot sale can only reduce."""
        selling = ticket.side is Side.SELL
        touch = self._core.touch(instrument.id, ticket.side) or self.book.mark(instrument.id)
        if touch is None and ticket.price is None:
            raise TryAgain(f"{instrument.id} has no quote yet")
        market = ticket.price is None
        planned = (
            touch if ticket.price is None else expected_price(ticket.side, ticket.price, touch)
        )
        leg = Leg(
            instrument=instrument.id,
            side=ticket.side,
            size=ticket.size,
            price=ticket.price,
            planned_price=planned or ZERO,
            type=OrderType.MARKET if market else OrderType.LIMIT,
            time_in_force=TimeInForce.IOC if market else TimeInForce.GTC,
        )
        plan = Plan(
            strategy=session.strategy,
            family=Family.AGENTS if ticket.actor == AGENTS else Family.MANUAL,
            actor=ticket.actor,
            symbol=instrument.symbol,
            legs=(leg,),
            reduce_only=selling,
            signal_id=None if ticket.round_id is None else SignalId(ticket.round_id),
            created_ns=self._clock.now_ns(),
        )
        decided = self._core.propose(plan)
        if isinstance(decided, Denied):
            details = f"{ticket.side} {plain(ticket.size)} {instrument.symbol}: {decided}"
            severity = "high" if selling else "medium"
            self.news.tell(
                ErrorNews(error="Failed to execute order", details=details, severity=severity)
            )
        elif ticket.reason:
            self.book.note_reason(decided.trade.id, ticket.reason)
        return decided

    def cancel(self, trade: Trade, actor: Actor) -> None:
        """Ask the venue to cancel what is left of an order."""
        self._core.floor.withdraw(trade.id, f"cancelled by {actor}")

    def close(
        self, position: AgentPosition, reason: str, round_id: UUID | None = None
    ) -> TradeOpened | Denied | None:
        """Sell a position at the market; None when that is under way or too small already."""
        if round_id is not None:
            self.book.exit_rounds.setdefault(position.id, set()).add(round_id)
        return self._close(position, reason, AGENTS)

    def _close(
        self, position: AgentPosition, reason: str, actor: Actor
    ) -> TradeOpened | Denied | None:
        now = self._clock.monotonic_ns()
        if now < self._next_exit.get(position.id, 0):
            return None
        session = self.book.sessions[position.session_id]
        selling = [
            trade
            for trade in self.under_way(session.id, side=Side.SELL)
            if trade.legs[0].instrument == position.instrument
        ]
        if selling:
            for trade in selling:
                if trade.legs[0].limit is not None:
                    self._core.floor.withdraw(trade.id, f"makes way: {reason}")
            return None
        instrument = self._core.registry.get(position.instrument)
        if instrument is None:
            return None
        bid = self._core.touch(position.instrument, Side.SELL) or self.book.mark(
            position.instrument
        )
        size = sellable(position, instrument, bid) if bid is not None else ZERO
        if not size:
            return None
        self._next_exit = {one: until for one, until in self._next_exit.items() if until > now}
        self._next_exit[position.id] = now + _RETRY_EXIT_NS
        ticket = OrderTicket(Side.SELL, size, actor=actor, reason=reason)
        return self.place(session, instrument, ticket)

    def _withdraw(self, session: UUID, reason: str, *, keep_exits: bool) -> None:
        for trade in self.under_way(session):
            leg = trade.legs[0]
            if not (keep_exits and leg.side is Side.SELL and leg.limit is None):
                self._core.floor.withdraw(trade.id, reason)

    # Work beside the loop

    async def run(self) -> None:
        """Protect positions, push stopping sessions on, and keep what changed; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._protect(), name="agents protect")
            group.create_task(self.book.save_forever(), name="agents save")

    async def _protect(self) -> None:
        while True:
            if self._core.state.started:
                self.look_after()
                for session in self.sessions:
                    if session.state is SessionState.STOPPING:
                        try:
                            await self._end_if_flat(session.id)
                        except TryAgain as error:
                            log.warning("a session waits to end", why=str(error))
            await asyncio.sleep(WATCH_S)

    def look_after(self) -> None:
        """Close what has reached its stop or its profit, whatever its session's state.

        Also everything, once the kill switch was engaged to flatten.
        """
        switch = self._core.ledger.kill_switch
        for session_id in tuple(self.book.sessions):
            positions = self.book.positions(session_id)
            for position in positions:
                if not position.open:
                    continue
                if switch.engaged and switch.flatten:
                    self._close(position, f"kill switch: {switch.reason}", AGENTS)
                    continue
                bid = self._core.touch(position.instrument, Side.SELL)
                hit = None if bid is None else triggered(position, bid)
                if hit is not None and bid is not None:
                    self._close(position, f"{hit} at {plain(bid)}", AGENTS)
            self.book.note_equity(session_id, positions)

    async def _record(self, *events: JournalEvent) -> None:
        """Put events into the journal; returns once they are durable."""
        durable = asyncio.Event()
        self._core.recorder.record(*events, then=durable.set)
        await durable.wait()

    def _audit(self, actor: Actor, action: str, session: UUID, before: str, after: str) -> Audited:
        return Audited(
            at_ns=self._clock.now_ns(),
            actor=actor,
            action=action,
            entity=f"session:{session}",
            before=before,
            after=after,
        )

    def _tell_session(self, status: str, message: str, session: AgentSession) -> None:
        self.news.tell(
            SystemNews(
                status=status,
                message=message,
                metadata={
                    "session_id": str(session.id),
                    "symbol": session.symbol,
                    "mode": str(session.mode),
                },
            )
        )

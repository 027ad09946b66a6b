"""Agent sessions as strategies: the one switch that every strategy has, whoever pulls it.

The ledger says whether a session's strategy runs, and its gate opens nothing where it does not.
What a session calls paused is that, shown in its own record.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from arbiter.model.agents import (
    MANUAL_SESSION,
    AgentSession,
    SessionState,
    session_of,
)
from arbiter.model.changes import Changes
from arbiter.model.errors import Conflict
from arbiter.model.events import Event, StrategySwitched
from arbiter.model.ids import StrategyId
from arbiter.model.plans import Family
from arbiter.ports.clock import Clock
from arbiter.runtime.agent_book import AgentBook
from arbiter.runtime.core import TradingCore
from arbiter.runtime.desk_view import StrategyFacts

_SWITCHED = (SessionState.RUNNING, SessionState.PAUSED)


class AgentSwitches:
    def __init__(
        self,
        *,
        core: TradingCore,
        book: AgentBook,
        clock: Clock,
        tell: Callable[[str, str, AgentSession], None],
    ) -> None:
        """`tell` is given status, message and session of each change."""
        self._core = core
        self._book = book
        self._clock = clock
        self._tell = tell

    def facts(self) -> list[StrategyFacts]:
        """Every session that has not ended, the standing one first."""

        def place(session: AgentSession) -> tuple[bool, int]:
            return session.id != MANUAL_SESSION, session.started_ns

        return [
            StrategyFacts(
                name=session.strategy,
                family=Family.AGENTS,
                running=self._runs(session),
                instruments=(session.instrument,),
            )
            for session in sorted(self._book.sessions.values(), key=place)
        ]

    def knows(self, strategy: StrategyId) -> bool:
        """Whether this is a session's, and may be commanded; `Conflict` for one that is ending."""
        session = self._session(strategy)
        if session is not None and session.state is SessionState.STOPPING:
            raise Conflict("the session is stopping")
        return session is not None

    def settle(self) -> None:
        """Let sessions that were taken up be as the ledger has their switches."""
        for session in tuple(self._book.sessions.values()):
            running = self._core.ledger.strategies.get(session.strategy)
            if running is not None:
                self._turn(session, running)

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        """Follow the switches: a listener of the event hub."""
        del changes
        for event in events:
            if isinstance(event, StrategySwitched):
                session = self._session(event.strategy)
                if session is not None and self._turn(session, event.running):
                    word = "resumed" if event.running else "paused"
                    after = self._book.sessions[session.id]
                    self._tell(f"trading_{word}", f"Trading session {word}", after)

    def _turn(self, session: AgentSession, running: bool) -> bool:
        """Put a session's own record right; gives whether it was another."""
        state = SessionState.RUNNING if running else SessionState.PAUSED
        standing = session.id == MANUAL_SESSION
        if standing or session.state not in _SWITCHED or session.state is state:
            return False
        self._book.note_session(replace(session, state=state, updated_ns=self._clock.now_ns()))
        return True

    def _runs(self, session: AgentSession) -> bool:
        switched_on = self._core.ledger.strategies.get(session.strategy, True)
        return switched_on and session.state is SessionState.RUNNING

    def _session(self, strategy: StrategyId) -> AgentSession | None:
        found = session_of(strategy)
        return None if found is None else self._book.sessions.get(found)

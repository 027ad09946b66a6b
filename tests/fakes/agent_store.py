"""An agent store in memory; `away` makes every call fail as without a database."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from msgspec.structs import replace

from arbiter.model.agents import AgentPosition, AgentSession, Decision, Outcome
from arbiter.model.errors import StorageUnavailable
from arbiter.model.ids import StrategyId, Symbol
from arbiter.model.money import ZERO
from arbiter.ports.agent_store import (
    BookedAgentFill,
    DecisionFilter,
    DecisionStats,
    SimilarDecision,
    Spending,
    WorkedOrder,
)


class FakeAgentStore:
    def __init__(self) -> None:
        self.away = False
        self.kept_sessions: dict[UUID, AgentSession] = {}
        self.kept_positions: dict[UUID, AgentPosition] = {}
        self.kept_decisions: dict[UUID, Decision] = {}
        self.booked: dict[StrategyId, list[BookedAgentFill]] = {}

    def _check(self) -> None:
        if self.away:
            raise StorageUnavailable("the database is away")

    async def save_session(self, session: AgentSession) -> None:
        self._check()
        self.kept_sessions[session.id] = session

    async def save_position(self, position: AgentPosition) -> None:
        self._check()
        self.kept_positions[position.id] = position

    async def save_decisions(self, decisions: Sequence[Decision]) -> None:
        self._check()
        self.kept_decisions.update({decision.id: decision for decision in decisions})

    async def forget_decisions(self, before_ns: int, most: int, *, idle: bool = False) -> int:
        self._check()
        old = [
            kept
            for kept in self._pending()
            if kept.created_ns < before_ns and not (idle and kept.round_id)
        ]
        return self._forget(old[:most])

    async def idle_decisions(self) -> Mapping[Symbol, int]:
        self._check()
        return Counter(kept.symbol for kept in self._pending() if not kept.round_id)

    async def forget_idle(self, symbol: Symbol, most: int) -> int:
        self._check()
        idle = [kept for kept in self._pending() if kept.symbol == symbol and not kept.round_id]
        return self._forget(idle[:most])

    def _pending(self) -> list[Decision]:
        kept = [k for k in self.kept_decisions.values() if k.outcome is Outcome.PENDING]
        return sorted(kept, key=lambda each: each.created_ns)

    def _forget(self, old: Sequence[Decision]) -> int:
        for each in old:
            del self.kept_decisions[each.id]
        return len(old)

    async def settle(self, rounds: Collection[UUID], decision: str, pnl: Decimal) -> None:
        self._check()
        outcome = Outcome.SUCCESS if pnl > ZERO else Outcome.FAILURE
        for key, kept in self.kept_decisions.items():
            if kept.round_id in rounds and kept.decision in {decision, "APPROVE"}:
                self.kept_decisions[key] = replace(kept, outcome=outcome, actual_pnl=pnl)

    async def sessions(self, *, active: bool) -> Sequence[AgentSession]:
        self._check()
        found = sorted(self.kept_sessions.values(), key=lambda each: -each.started_ns)
        return [each for each in found if each.active or not active]

    async def session(self, session: UUID) -> AgentSession | None:
        self._check()
        return self.kept_sessions.get(session)

    async def positions(
        self,
        *,
        session: UUID | None = None,
        symbol: Symbol | None = None,
        open_only: bool = False,
        limit: int | None = None,
    ) -> Sequence[AgentPosition]:
        self._check()
        found = [
            each
            for each in self.kept_positions.values()
            if session in {None, each.session_id}
            and symbol in {None, each.symbol}
            and (each.open or not open_only)
        ]
        return sorted(found, key=lambda each: (not each.open, -each.entry_ns))[:limit]

    async def fills(self, strategy: StrategyId, after_ns: int) -> Sequence[BookedAgentFill]:
        self._check()
        return [each for each in self.booked.get(strategy, []) if each.fill.at_ns > after_ns]

    async def orders(
        self, *, session: UUID | None = None, symbol: Symbol | None = None, limit: int = 100
    ) -> Sequence[WorkedOrder]:
        self._check()
        return []

    async def order(self, order: UUID) -> WorkedOrder | None:
        self._check()
        return None

    async def decisions(
        self, wanted: DecisionFilter, *, limit: int, offset: int
    ) -> Sequence[Decision]:
        self._check()
        _check_reach(wanted)
        since = wanted.since_ns or 0
        until = 2**63 if wanted.until_ns is None else wanted.until_ns
        found = sorted(self.kept_decisions.values(), key=lambda each: -each.created_ns)
        found = [each for each in found if since <= each.created_ns < until]
        return found[offset : offset + limit]

    async def decision(self, decision: UUID) -> Decision | None:
        self._check()
        return self.kept_decisions.get(decision)

    async def similar(self, decision: UUID, limit: int) -> Sequence[SimilarDecision] | None:
        self._check()
        return [] if decision in self.kept_decisions else None

    async def stats(self, wanted: DecisionFilter) -> DecisionStats:
        self._check()
        _check_reach(wanted)
        return DecisionStats(
            total=len(self.kept_decisions),
            by_outcome={outcome.value: 0 for outcome in Outcome},
            by_type={},
            by_model={},
            average_confidence=0.0,
            average_pnl=0.0,
            total_cost=ZERO,
            average_latency_ms=0.0,
        )

    async def spent_since(self, since_ns: int) -> Spending:
        self._check()
        return Spending(tokens=0, cost_usd=ZERO)

    async def ping(self) -> None:
        self._check()


def _check_reach(wanted: DecisionFilter) -> None:
    """Take no time that a database could not: its integers have 64 bits."""
    for at_ns in (wanted.since_ns, wanted.until_ns):
        if at_ns is not None:
            at_ns.to_bytes(8, signed=True)

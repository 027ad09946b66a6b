"""Where decisions, agent sessions and their positions are kept, and how they are found again."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Protocol
from uuid import UUID

import msgspec

from arbiter.model.agents import AgentPosition, AgentSession, Decision, DecisionType, Outcome
from arbiter.model.ids import StrategyId, Symbol, TradeId
from arbiter.model.orders import Fill, Order
from arbiter.model.trades import Trade


class DecisionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions hold; times bound `created_ns`, both ends included."""

    symbol: Symbol | None = None
    agent: str | None = None
    round_id: UUID | None = None
    decision_type: DecisionType | None = None
    outcome: Outcome | None = None
    model: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None


class SimilarDecision(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    symbol: Symbol
    decision: str
    confidence: float
    outcome: Outcome
    similarity: float
    """1 − cosine distance of the embeddings."""
    created_ns: int


class DecisionStats(msgspec.Struct, frozen=True, kw_only=True):
    total: int
    by_outcome: Mapping[str, int]
    by_type: Mapping[str, int]
    by_model: Mapping[str, int]
    average_confidence: float
    average_pnl: float
    """Over decisions with a known PnL; 0 without one."""
    total_cost: Decimal
    average_latency_ms: float


class WorkedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order as a person gave it: the venue orders that worked it, oldest first.

    `trade` is None for one that the gate denied.
    """

    id: UUID
    orders: tuple[Order, ...]
    trade: Trade | None


class BookedAgentFill(msgspec.Struct, frozen=True, kw_only=True):
    fill: Fill
    trade_id: TradeId


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    tokens: int
    cost_usd: Decimal


class AgentStore(Protocol):
    """Every call raises `StorageUnavailable` while the database is away."""

    async def save_session(self, session: AgentSession) -> None: ...

    async def save_position(self, position: AgentPosition) -> None: ...

    async def save_decisions(self, decisions: Sequence[Decision]) -> None:
        """Insert; a known id is overwritten."""
        ...

    async def forget_decisions(self, before_ns: int, most: int, *, idle: bool = False) -> int:
        """Delete the oldest made before then; gives how many.

        Those with an outcome, and those an open position rests on, stay. With `idle` only those by
        rules go that no order came of.
        """
        ...

    async def idle_decisions(self) -> Mapping[Symbol, int]:
        """Count the rules' decisions that no order came of."""
        ...

    async def forget_idle(self, symbol: Symbol, most: int) -> int:
        """Delete the symbol's oldest of them; gives how many."""
        ...

    async def settle(self, rounds: Collection[UUID], decision: str, pnl: Decimal) -> None:
        """Write the outcome into the rounds' decisions that wanted what was done."""
        ...

    async def sessions(self, *, active: bool) -> Sequence[AgentSession]:
        """Sessions by start, newest first; with `active` only those not stopped."""
        ...

    async def session(self, session: UUID) -> AgentSession | None: ...

    async def positions(
        self,
        *,
        session: UUID | None = None,
        symbol: Symbol | None = None,
        open_only: bool = False,
        limit: int | None = None,
    ) -> Sequence[AgentPosition]:
        """Open before closed, newest first."""
        ...

    async def fills(self, strategy: StrategyId, after_ns: int) -> Sequence[BookedAgentFill]:
        """A strategy's fills with venue time > `after_ns`, as they were booked."""
        ...

    async def orders(
        self,
        *,
        session: UUID | None = None,
        symbol: Symbol | None = None,
        limit: int = 100,
    ) -> Sequence[WorkedOrder]:
        """Orders of all agent sessions, newest first."""
        ...

    async def order(self, order: UUID) -> WorkedOrder | None: ...

    async def decisions(
        self, wanted: DecisionFilter, *, limit: int, offset: int
    ) -> Sequence[Decision]:
        """Newest first, without embeddings."""
        ...

    async def decision(self, decision: UUID) -> Decision | None: ...

    async def similar(self, decision: UUID, limit: int) -> Sequence[SimilarDecision] | None:
        """The nearest by context, itself excluded, nearest first; None when it is not known."""
        ...

    async def stats(self, wanted: DecisionFilter) -> DecisionStats: ...

    async def spent_since(self, since_ns: int) -> Spending:
        """What language models were paid since then."""
        ...

    async def ping(self) -> None:
        """Return when the database answers."""
        ...

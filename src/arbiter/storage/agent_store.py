"""Sessions, positions and decisions in PostgreSQL; the similar ones by pgvector."""

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from arbiter.model.agents import (
    STRATEGY_PREFIX,
    AgentPosition,
    AgentSession,
    Decision,
    Outcome,
    SessionState,
    session_strategy,
)
from arbiter.model.errors import StorageUnavailable
from arbiter.model.ids import StrategyId, Symbol
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Order
from arbiter.model.trades import Trade
from arbiter.ports.agent_store import (
    BookedAgentFill,
    DecisionFilter,
    DecisionStats,
    SimilarDecision,
    Spending,
    WorkedOrder,
)
from arbiter.storage import decision_rows, schema
from arbiter.storage.agents_schema import DECISIONS, POSITIONS, SESSIONS
from arbiter.storage.database import reading
from arbiter.storage.decision_rows import decision_of, rows_of
from arbiter.storage.rows import read, spread

EF_SEARCH = 100
"""Candidates the vector index looks at: recall against time."""

_LISTED = [c for c in DECISIONS.c if c.name not in {"embedding", "sketch", "seq"}]


class PgAgentStore:
    """Implements `ports.agent_store.AgentStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def save_session(self, session: AgentSession) -> None:
        async with self._transaction() as connection:
            await connection.execute(spread(SESSIONS, [session], keys=["id"]))

    async def save_position(self, position: AgentPosition) -> None:
        async with self._transaction() as connection:
            await connection.execute(spread(POSITIONS, [position], keys=["id"]))

    async def save_decisions(self, decisions: Sequence[Decision]) -> None:
        if decisions:
            async with self._transaction() as connection:
                await connection.execute(spread(DECISIONS, rows_of(decisions), keys=["id"]))

    async def forget_decisions(self, before_ns: int, most: int, *, idle: bool = False) -> int:
        which = decision_rows.idle() if idle else decision_rows.kept_open()
        return await self._forget(decision_rows.older(before_ns, most, which))

    async def idle_decisions(self) -> Mapping[Symbol, int]:
        async with self._reading() as connection:
            rows = await connection.execute(decision_rows.idle_counts())
            return {Symbol(symbol): count for symbol, count in rows}

    async def forget_idle(self, symbol: Symbol, most: int) -> int:
        return await self._forget(decision_rows.oldest_idle(symbol, most))

    async def _forget(self, old: Select[Any]) -> int:
        async with self._transaction() as connection:
            gone = delete(DECISIONS).where(DECISIONS.c.id.in_(old))
            return (await connection.execute(gone)).rowcount

    async def settle(self, rounds: Collection[UUID], decision: str, pnl: Decimal) -> None:
        outcome = Outcome.SUCCESS if pnl > ZERO else Outcome.FAILURE
        wanted = [decision, "APPROVE"]
        async with self._transaction() as connection:
            await connection.execute(
                update(DECISIONS)
                .where(DECISIONS.c.round_id.in_(list(rounds)), DECISIONS.c.decision.in_(wanted))
                .values(outcome=outcome.value, actual_pnl=pnl)
            )

    async def sessions(self, *, active: bool) -> Sequence[AgentSession]:
        query = select(SESSIONS).order_by(SESSIONS.c.started_ns.desc(), SESSIONS.c.id.desc())
        if active:
            query = query.where(SESSIONS.c.state != SessionState.STOPPED.value)
        async with self._reading() as connection:
            rows = (await connection.execute(query)).mappings()
            return [read(AgentSession, dict(row)) for row in rows]

    async def session(self, session: UUID) -> AgentSession | None:
        async with self._reading() as connection:
            rows = await connection.execute(select(SESSIONS).where(SESSIONS.c.id == session))
            row = rows.mappings().one_or_none()
            return None if row is None else read(AgentSession, dict(row))

    async def positions(
        self,
        *,
        session: UUID | None = None,
        symbol: Symbol | None = None,
        open_only: bool = False,
        limit: int | None = None,
    ) -> Sequence[AgentPosition]:
        table = POSITIONS
        is_open = table.c.exit_ns.is_(None)
        query = select(table).order_by(is_open.desc(), table.c.entry_ns.desc(), table.c.id.desc())
        if session is not None:
            query = query.where(table.c.session_id == session)
        if symbol is not None:
            query = query.where(table.c.symbol == symbol)
        if open_only:
            query = query.where(is_open)
        async with self._reading() as connection:
            rows = (await connection.execute(query.limit(limit))).mappings()
            return [read(AgentPosition, dict(row)) for row in rows]

    async def fills(self, strategy: StrategyId, after_ns: int) -> Sequence[BookedAgentFill]:
        table = schema.FILLS
        query = (
            select(table)
            .where(table.c.strategy == strategy, table.c.at_ns > after_ns)
            .order_by(table.c.seq)
        )
        async with self._reading() as connection:
            rows = (await connection.execute(query)).mappings()
            return [
                BookedAgentFill(fill=read(Fill, dict(row)), trade_id=_uuid(row["trade_id"]))
                for row in rows
            ]

    async def orders(
        self,
        *,
        session: UUID | None = None,
        symbol: Symbol | None = None,
        limit: int = 100,
    ) -> Sequence[WorkedOrder]:
        table = schema.ORDERS
        conditions = [_own(table.c.strategy, session)]
        if symbol is not None:
            conditions.append(table.c.symbol == symbol)
        newest = (
            select(table.c.trade_id, func.min(table.c.created_ns).label("at"))
            .where(*conditions)
            .group_by(table.c.trade_id)
            .order_by(text("at DESC"), table.c.trade_id.desc())
            .limit(limit)
        )
        async with self._reading() as connection:
            ids = [_uuid(row[0]) for row in await connection.execute(newest)]
            found = await _worked(connection, ids)
        return [found[key] for key in ids if key in found]

    async def order(self, order: UUID) -> WorkedOrder | None:
        async with self._reading() as connection:
            return (await _worked(connection, [order])).get(order)

    async def decisions(
        self, wanted: DecisionFilter, *, limit: int, offset: int
    ) -> Sequence[Decision]:
        query = (
            select(*_LISTED)
            .where(*_conditions(wanted))
            .order_by(DECISIONS.c.created_ns.desc(), DECISIONS.c.seq.desc())
            .limit(limit)
            .offset(offset)
        )
        async with self._reading() as connection:
            rows = (await connection.execute(query)).mappings()
            return [decision_of(dict(row)) for row in rows]

    async def decision(self, decision: UUID) -> Decision | None:
        query = select(
            *_LISTED,
            cast(DECISIONS.c.embedding, Text).label("vector"),
            cast(DECISIONS.c.sketch, Text).label("drawn"),
        ).where(DECISIONS.c.id == decision)
        async with self._reading() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else decision_of(dict(row))

    async def similar(self, decision: UUID, limit: int) -> Sequence[SimilarDecision] | None:
        async with self._reading() as connection:
            known = await connection.execute(
                text(_PREPARE), {"own": decision, "ef_search": str(EF_SEARCH)}
            )
            row = known.one_or_none()
            if row is None:
                return None
            if not row.sketched and not row.embedded:
                return []
            nearest = await connection.execute(
                text(_NEAREST_SKETCH if row.sketched else _NEAREST),
                {"own": decision, "limit": limit},
            )
            return [
                SimilarDecision(
                    id=_uuid(found.id),
                    symbol=found.symbol,
                    decision=found.decision,
                    confidence=found.confidence,
                    outcome=Outcome(found.outcome),
                    similarity=found.similarity,
                    created_ns=found.created_ns,
                )
                for found in nearest
            ]

    async def stats(self, wanted: DecisionFilter) -> DecisionStats:
        table = DECISIONS
        conditions = _conditions(wanted)
        groups = (table.c.outcome, table.c.decision_type, table.c.model)
        query = (
            select(
                *groups,
                func.count(),
                func.sum(table.c.confidence),
                func.sum(case((table.c.cached, 0), else_=table.c.cost_usd)),
                func.sum(table.c.latency_ms),
                func.sum(table.c.actual_pnl),
                func.count(table.c.actual_pnl),
            )
            .where(*conditions)
            .group_by(*groups)
        )
        async with self._reading() as connection:
            rows = (await connection.execute(query)).all()
        counts: tuple[dict[str, int], ...] = ({outcome.value: 0 for outcome in Outcome}, {}, {})
        for row in rows:
            for kind, key in zip(counts, row[:3], strict=True):
                kind[key] = kind.get(key, 0) + row[3]
        total = sum(row[3] for row in rows)
        known = sum(row[8] for row in rows)
        return DecisionStats(
            total=total,
            by_outcome=counts[0],
            by_type=counts[1],
            by_model=counts[2],
            average_confidence=sum(row[4] for row in rows) / total if total else 0.0,
            average_pnl=float(sum(row[7] or ZERO for row in rows)) / known if known else 0.0,
            total_cost=sum((row[5] for row in rows), ZERO),
            average_latency_ms=sum(row[6] for row in rows) / total if total else 0.0,
        )

    async def spent_since(self, since_ns: int) -> Spending:
        table = DECISIONS
        query = select(
            func.coalesce(func.sum(table.c.prompt_tokens + table.c.completion_tokens), 0),
            func.coalesce(func.sum(table.c.cost_usd), 0),
        ).where(table.c.created_ns >= since_ns, ~table.c.cached)
        async with self._reading() as connection:
            row = (await connection.execute(query)).one()
        return Spending(tokens=int(row[0]), cost_usd=Decimal(row[1]))

    async def ping(self) -> None:
        async with self._reading() as connection:
            await connection.execute(text("SELECT 1"))

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with reading(self._engine) as connection:
                yield connection
        except PoolTimeout as error:
            raise StorageUnavailable("every database connection is busy; try again") from error

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        async with self._reading() as connection:
            yield connection
            await connection.commit()


# Vectors lie outside their rows, which the planner does not count: a scan costs more than it says.
_PREPARE = """
SELECT embedding IS NOT NULL AS embedded, sketch IS NOT NULL AS sketched,
       set_config('hnsw.ef_search', :ef_search, true), set_config('enable_seqscan', 'off', true)
FROM agent_decisions WHERE id = :own
"""
_NEAREST = """
WITH own AS MATERIALIZED (
    SELECT embedding, embedding_model FROM agent_decisions WHERE id = :own
)
SELECT id, symbol, decision, confidence, outcome, created_ns,
       1 - (embedding <=> (SELECT embedding FROM own)) AS similarity
FROM agent_decisions
WHERE embedding IS NOT NULL AND id <> :own
  AND embedding_model = (SELECT embedding_model FROM own)
ORDER BY embedding <=> (SELECT embedding FROM own)
LIMIT :limit
"""
_NEAREST_SKETCH = re.sub(r"\bembedding\b", "sketch", _NEAREST)


def _conditions(wanted: DecisionFilter) -> list[ColumnElement[bool]]:
    table = DECISIONS
    conditions: list[ColumnElement[bool]] = [
        table.c[name] == str(value)
        for name in ("symbol", "decision_type", "outcome", "model")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.agent is not None:
        conditions.append(table.c.agent_name == wanted.agent)
    if wanted.round_id is not None:
        conditions.append(table.c.round_id == wanted.round_id)
    if wanted.since_ns is not None:
        conditions.append(table.c.created_ns >= wanted.since_ns)
    if wanted.until_ns is not None:
        conditions.append(table.c.created_ns <= wanted.until_ns)
    return conditions


def _own(strategy: ColumnElement[Any], session: UUID | None) -> ColumnElement[bool]:
    if session is not None:
        return strategy == session_strategy(session)
    return and_(strategy >= STRATEGY_PREFIX, strategy < STRATEGY_PREFIX[:-1] + ";")


async def _worked(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, WorkedOrder]:
    """Read orders of agents by the trade they belong to."""
    if not ids:
        return {}
    table, trades = schema.ORDERS, schema.TRADES
    orders = await connection.execute(
        select(table)
        .where(or_(table.c.trade_id.in_(ids)), _own(table.c.strategy, None))
        .order_by(table.c.created_ns, table.c.client_order_id)
    )
    grouped: dict[UUID, list[Order]] = {}
    for row in orders.mappings():
        order = read(Order, dict(row))
        grouped.setdefault(order.trade_id, []).append(order)
    rows = await connection.execute(select(trades).where(trades.c.id.in_(list(grouped))))
    known = {trade.id: trade for trade in (read(Trade, dict(row)) for row in rows.mappings())}
    return {
        key: WorkedOrder(id=key, orders=tuple(group), trade=known.get(group[0].trade_id))
        for key, group in grouped.items()
    }


def _uuid(value: UUID) -> Any:
    """Give asyncpg's own UUID class back as the standard one."""
    return value if type(value) is UUID else UUID(int=value.int)

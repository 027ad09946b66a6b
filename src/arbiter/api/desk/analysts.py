"""``/api/desk``: the agents, their sessions, and what they decided and why."""

import re
from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from arbiter.api.desk import agent_pages as pages
from arbiter.api.desk.answers import Offset, Text, answer, failures
from arbiter.api.desk.deps import DeskDeps
from arbiter.api.desk.markets import symbol_of
from arbiter.api.desk.rows import moment, number
from arbiter.api.desk.times import stamp
from arbiter.model.agents import AgentSession, Decision, DecisionType
from arbiter.model.errors import NotFound
from arbiter.ports.agent_store import DecisionFilter, SimilarDecision
from arbiter.runtime.agent_news import AgentStatus

_SIMILAR = 10
_ROUND = 50
_CAST = re.compile(r"(?P<action>[A-Z]+) (?P<confidence>[0-9.]+)")

DecisionLimit = Annotated[int, Query(ge=1, le=200, description="Most rows of the answer.")]


def analyst_routes(deps: DeskDeps) -> APIRouter:
    routes = APIRouter(prefix="/api/desk", tags=["agents"])

    @routes.get("/agents", response_model=pages.Agents, responses=failures())
    async def agents() -> Response:
        """Show who votes, how each is, and the sessions that trade on it."""
        return answer(agents_body(deps))

    @routes.get("/decisions", response_model=list[pages.Decision], responses=failures(404))
    async def decisions(
        agent: Text | None = None,
        symbol: Text | None = None,
        type: DecisionType | None = None,
        limit: DecisionLimit = 50,
        offset: Offset = 0,
    ) -> Response:
        """List decisions, HOLD included, the newest first."""
        if deps.agents is None:
            return answer([])
        wanted = DecisionFilter(
            agent=agent,
            symbol=None if symbol is None else symbol_of(deps, symbol),
            decision_type=type,
        )
        found = await deps.agents.store.decisions(wanted, limit=limit, offset=offset)
        return answer([_decision(each) for each in found])

    @routes.get(
        "/decisions/{decision_id}", response_model=pages.DecisionStory, responses=failures(404)
    )
    async def decision(decision_id: UUID) -> Response:
        """Tell one decision: what was seen, said and counted, and what was alike."""
        store = None if deps.agents is None else deps.agents.store
        found = None if store is None else await store.decision(decision_id)
        if store is None or found is None:
            raise NotFound(f"there is no decision {decision_id}")
        round_: list[Decision] = []
        if found.round_id is not None:
            wanted = DecisionFilter(round_id=found.round_id)
            round_ = list(await store.decisions(wanted, limit=_ROUND, offset=0))
        similar = await store.similar(decision_id, _SIMILAR) or ()
        return answer(_story(found, round_, similar))

    return routes


def agents_body(deps: DeskDeps) -> pages.Agents:
    if deps.agents is None:
        return pages.Agents.model_construct(enabled=False, venue=None, agents=[], sessions=[])
    desk = deps.agents.desk
    return pages.Agents.model_construct(
        enabled=True,
        venue=desk.venue,
        agents=[_agent(status) for status in deps.agents.records.statuses()],
        sessions=[
            _session(session)
            for session in sorted(desk.sessions, key=lambda each: -each.started_ns)
        ],
    )


def _agent(status: AgentStatus) -> pages.Agent:
    return pages.Agent.model_construct(
        name=status.name,
        type=status.type,
        status=status.status,
        healthy=status.healthy,
        model=status.model,
        note=status.note,
        signals=status.signals_generated,
        ts_last_signal=moment(status.last_signal_ns),
    )


def _session(session: AgentSession) -> pages.AgentSession:
    return pages.AgentSession.model_construct(
        id=session.id,
        symbol=session.symbol,
        venue=session.venue,
        mode=session.mode.value,
        state=session.state.value,
        actor=session.actor,
        initial_capital=float(session.initial_capital),
        total_pnl=float(session.total_pnl),
        total_trades=session.total_trades,
        winning_trades=session.winning_trades,
        losing_trades=session.losing_trades,
        max_drawdown=session.max_drawdown,
        ts_started=stamp(session.started_ns),
    )


def _decision(row: Decision) -> pages.Decision:
    return pages.Decision.model_construct(
        id=row.id,
        ts=stamp(row.created_ns),
        agent=row.agent_name,
        symbol=row.symbol,
        type=row.decision_type.value,
        decision=row.decision,
        confidence=row.confidence,
        reasoning=row.reasoning,
        model=row.model,
        outcome=row.outcome.value,
        pnl=number(row.actual_pnl),
        session_id=row.session_id,
        error=row.error,
    )


def _story(
    row: Decision, round_: Iterable[Decision], similar: Iterable[SimilarDecision]
) -> pages.DecisionStory:
    counted = next(
        (each for each in (row, *round_) if each.decision_type is DecisionType.CONSENSUS), None
    )
    return pages.DecisionStory.model_construct(
        decision=_decision(row),
        context=row.context,
        prompt=row.prompt,
        response=row.response,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cost_usd=float(row.cost_usd),
        latency_ms=row.latency_ms,
        cached=row.cached,
        embedding_model=row.embedding_model,
        votes=[] if counted is None else _votes(counted.context.get("opinions")),
        scores={} if counted is None else _scores(counted.context.get("scores")),
        round=[_decision(each) for each in round_ if each.id != row.id],
        similar=[_similar(each) for each in similar],
    )


def _votes(cast: object) -> list[pages.Vote]:
    """Read what a consensus keeps of the opinions it counted: ``BUY 0.80`` by agent."""
    if not isinstance(cast, dict):
        return []
    found = []
    for agent, said in cast.items():
        match = _CAST.match(str(said))
        if match is not None:
            found.append(
                pages.Vote.model_construct(
                    agent=str(agent),
                    action=match["action"],
                    confidence=float(match["confidence"]),
                )
            )
    return found


def _scores(scores: object) -> dict[str, float]:
    return {str(k): float(v) for k, v in scores.items()} if isinstance(scores, dict) else {}


def _similar(row: SimilarDecision) -> pages.SimilarDecision:
    return pages.SimilarDecision.model_construct(
        id=row.id,
        ts=stamp(row.created_ns),
        symbol=row.symbol,
        decision=row.decision,
        confidence=row.confidence,
        outcome=row.outcome.value,
        similarity=row.similarity,
    )

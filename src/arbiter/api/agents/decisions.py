"""Decisions: what the agents said and why, found again by filter and by likeness."""

from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from arbiter.api.agents import models
from arbiter.api.agents.answers import absent, answer, bad, moment, number, uuid_of
from arbiter.api.agents.deps import AgentsDeps
from arbiter.api.agents.rows import decision_detail, decision_row
from arbiter.model.agents import DecisionType, Outcome
from arbiter.model.errors import InvalidValue, UnknownSymbol
from arbiter.model.ids import Symbol
from arbiter.model.time import from_datetime, nearest_kept
from arbiter.ports.agent_store import DecisionFilter

_DEFAULT, _MOST = 50, 500
_BEYOND_NS = 2**63
_SIMILAR, _MOST_SIMILAR = 10, 50


def decision_routes(deps: AgentsDeps) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/decisions", tags=["decisions"])

    def symbol_of(name: str | None) -> Symbol | None:
        text = _words(name, "symbol")
        if text is None:
            return None
        try:
            return deps.core.registry.resolve_symbol(text)
        except (UnknownSymbol, InvalidValue):
            return Symbol(text)

    @routes.get("", response_model=models.Decisions, responses=models.failures())
    async def decisions(
        symbol: str | None = None,
        decision_type: str | None = None,
        outcome: str | None = None,
        model: str | None = None,
        from_date: str | None = None,
        to_date: str | None = None,
        limit: str | None = None,
        offset: str | None = None,
    ) -> Response:
        """List decisions, newest first."""
        wanted = DecisionFilter(
            symbol=symbol_of(symbol),
            decision_type=_type(decision_type),
            outcome=_outcome(outcome),
            model=_words(model, "model"),
            since_ns=_time(from_date, "from_date"),
            until_ns=_time(to_date, "to_date"),
        )
        count = min(_whole(limit, "limit", _DEFAULT, 1), _MOST)
        start = _whole(offset, "offset", 0, 0)
        found = await deps.store.decisions(wanted, limit=count, offset=start)
        given = {
            "symbol": symbol,
            "decision_type": decision_type,
            "outcome": outcome,
            "model": model,
            "from_date": from_date,
            "to_date": to_date,
        }
        echo: dict[str, object] = {k: v for k, v in given.items() if v is not None}
        return answer(
            {
                "decisions": [decision_row(each) for each in found],
                "count": len(found),
                "filter": echo | {"limit": count, "offset": start},
            }
        )

    @routes.get("/stats", response_model=models.Stats, responses=models.failures())
    async def stats(
        symbol: str | None = None,
        decision_type: str | None = None,
        from_date: str | None = None,
        to_date: str | None = None,
    ) -> Response:
        """Sum decisions up."""
        found = await deps.store.stats(
            DecisionFilter(
                symbol=symbol_of(symbol),
                decision_type=_type(decision_type),
                since_ns=_time(from_date, "from_date"),
                until_ns=_time(to_date, "to_date"),
            )
        )
        won, lost = found.by_outcome["SUCCESS"], found.by_outcome["FAILURE"]
        return answer(
            {
                "total_decisions": found.total,
                "by_outcome": found.by_outcome,
                "by_decision_type": found.by_type,
                "avg_confidence": found.average_confidence,
                "success_rate": won / (won + lost) if won + lost else 0.0,
                "avg_pnl": found.average_pnl,
                "by_model": found.by_model,
                "total_cost": number(found.total_cost),
                "avg_latency_ms": found.average_latency_ms,
            }
        )

    @routes.get(
        "/{decision_id}", response_model=models.DecisionDetail, responses=models.failures(404)
    )
    async def decision(decision_id: str) -> Response:
        """Give one decision with its prompt, response and embedding."""
        found = await deps.store.decision(uuid_of(decision_id, "decision_id"))
        if found is None:
            raise absent("decision not found", decision_id=decision_id)
        return answer(decision_detail(found))

    @routes.get(
        "/{decision_id}/similar", response_model=models.SimilarOnes, responses=models.failures(404)
    )
    async def similar(decision_id: str, limit: str | None = None) -> Response:
        """Find decisions made in a similar market."""
        key = uuid_of(decision_id, "decision_id")
        count = min(_whole(limit, "limit", _SIMILAR, 1), _MOST_SIMILAR)
        found = await deps.store.similar(key, count)
        if found is None:
            raise absent("decision not found", decision_id=decision_id)
        rows = [
            {
                "id": each.id,
                "symbol": each.symbol,
                "decision": each.decision,
                "confidence": each.confidence,
                "outcome": each.outcome,
                "similarity": each.similarity,
                "created_at": moment(each.created_ns),
            }
            for each in found
        ]
        return answer({"decision_id": key, "similar": rows, "count": len(rows)})

    return routes


def _words(text: str | None, name: str) -> str | None:
    """Take a filter's text; the database can hold no NUL to compare it with."""
    if text is not None and "\0" in text:
        raise bad(f"invalid {name}", details="it may not hold a NUL character")
    return text


def _type(text: str | None) -> DecisionType | None:
    if text is None:
        return None
    try:
        return DecisionType(text.lower())
    except ValueError:
        raise bad("invalid decision_type", details=f"use {', '.join(DecisionType)}") from None


def _outcome(text: str | None) -> Outcome | None:
    if text is None:
        return None
    try:
        return Outcome(text.upper())
    except ValueError:
        raise bad("invalid outcome", details=f"use {', '.join(Outcome)}") from None


def _time(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise bad(f"invalid {name} format", details="use RFC 3339, as 2025-01-15T00:00:00Z")
    try:
        at_ns = from_datetime(when)
    except OverflowError:  # in the year 1 or 9999, and beyond it in UTC
        at_ns = -_BEYOND_NS if when.year == 1 else _BEYOND_NS
    return nearest_kept(at_ns)


def _whole(text: str | None, name: str, default: int, least: int) -> int:
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value < 2**31:
        raise bad(f"invalid {name} parameter", details=f"a whole number from {least} on")
    return value

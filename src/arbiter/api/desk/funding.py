"""``/api/desk/funding``: funding collected, pair by pair."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from arbiter.api.desk import agent_pages as pages
from arbiter.api.desk.answers import answer, failures
from arbiter.api.desk.deps import DeskDeps
from arbiter.api.desk.rows import moment
from arbiter.api.desk.times import stamp
from arbiter.ports.desk_history import CollectedFunding

PAIRS = 50


def funding_routes(deps: DeskDeps) -> APIRouter:
    routes = APIRouter(prefix="/api/desk", tags=["funding"])

    @routes.get("/funding", response_model=pages.Funding, responses=failures())
    async def funding(limit: Annotated[int, Query(ge=1, le=500)] = PAIRS) -> Response:
        """Show what every pair has collected, and all of them together."""
        return answer(await funding_body(deps, limit))

    return routes


async def funding_body(deps: DeskDeps, limit: int = PAIRS) -> pages.Funding:
    found = await deps.history.funding(limit)
    return pages.Funding.model_construct(
        funding_collected=float(found.collected),
        payments=found.payments,
        pairs_total=found.pairs,
        pairs=[_pair(row) for row in found.rows],
    )


def _pair(row: CollectedFunding) -> pages.FundingPair:
    pair = row.pair
    return pages.FundingPair.model_construct(
        id=pair.id,
        symbol=pair.symbol,
        strategy_name=pair.strategy,
        long_instrument=pair.long_instrument,
        short_instrument=pair.short_instrument,
        state=pair.state.value,
        reason=pair.reason,
        quantity=float(pair.planned_units),
        notional=float(pair.notional),
        entry_spread_percent=float(pair.entry_spread * 100),
        funding_collected=float(pair.funding_collected),
        payments=pair.payments,
        cumulative=float(row.cumulative),
        ts_opened=stamp(pair.opened_ns),
        ts_closed=moment(pair.closed_ns),
    )

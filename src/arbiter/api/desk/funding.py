"""``/api/desk/funding``: funding collected, pair by pair."""

from typing import Annotated

from fastapi import APIRouter, Query, Security
from starlette.responses import Response

from arbiter.access.roles import Principal
from arbiter.api.common.admission import Ask
from arbiter.api.desk import agent_pages as pages
from arbiter.api.desk.answers import answer, failures
from arbiter.api.desk.commands import carry_out
from arbiter.api.desk.deps import DeskDeps
from arbiter.api.desk.rows import moment
from arbiter.api.desk.times import stamp
from arbiter.model.commands import ChangeSettings
from arbiter.ports.desk_history import CollectedFunding

PAIRS = 50
_SECTION = "funding"


def funding_routes(deps: DeskDeps, trader: Ask) -> APIRouter:
    routes = APIRouter(prefix="/api/desk", tags=["funding"])

    @routes.get("/funding", response_model=pages.Funding, responses=failures())
    async def funding(limit: Annotated[int, Query(ge=1, le=500)] = PAIRS) -> Response:
        """Show what every pair has collected, and all of them together."""
        await deps.written()
        return answer(await funding_body(deps, limit))

    @routes.get("/funding/settings", response_model=pages.Settings, responses=failures())
    async def settings() -> Response:
        """Show what the funding family decides by, as far as it may change now."""
        return answer(_settings(deps))

    @routes.put("/funding/settings", response_model=pages.Settings, responses=failures())
    async def change(
        asked: pages.ChangedSettings, caller: Annotated[Principal, Security(trader)]
    ) -> Response:
        """Change some of them, all or none, from the next look on; they outlive a restart."""
        changes = {f"{_SECTION}.{name}": value for name, value in asked.settings.items()}
        await carry_out(deps, ChangeSettings(actor=caller.actor, changes=changes))
        return answer(_settings(deps))

    return routes


def _settings(deps: DeskDeps) -> pages.Settings:
    tuner = deps.tuner
    found = {} if tuner is None else {path: tuner.value(path) for path in tuner.paths(_SECTION)}
    return pages.Settings.model_construct(
        settings={path.removeprefix(f"{_SECTION}."): value for path, value in found.items()}
    )


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

"""``/api/budget``: what each strategy may have in use in each currency.

The gate checks a plan against its budget and reserves in one step; here the caps are set.
"""

from difflib import get_close_matches
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Security
from starlette.responses import Response

from arbiter.access.roles import Principal
from arbiter.api.common.admission import Ask
from arbiter.api.desk import bodies, rows
from arbiter.api.desk.answers import answer, failures
from arbiter.api.desk.commands import carry_out
from arbiter.api.desk.deps import DeskDeps
from arbiter.model.commands import RemoveBudget, SetBudget
from arbiter.model.errors import Conflict, InvalidValue, NotFound
from arbiter.model.holdings import Budget
from arbiter.model.ids import Asset, StrategyId
from arbiter.model.money import plain

CurrencyPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9]{1,20}$")]
CurrencyQuery = Annotated[str, Query(pattern=r"^[A-Za-z0-9]{1,20}$")]


def budget_routes(deps: DeskDeps, trader: Ask) -> APIRouter:
    routes = APIRouter(prefix="/api/budget", tags=["budget"])
    view = deps.view

    @routes.get(
        "/registry",
        response_model=dict[UUID, dict[str, bodies.RegistryEntry]],
        responses=failures(),
    )
    async def registry() -> Response:
        """Show every budget by strategy and currency; without a limit, `allocated` is null."""
        return answer(rows.registry_body(view))

    @routes.get("/{strategy_id}", response_model=bodies.BudgetSummary, responses=failures(404))
    async def summary(strategy_id: UUID, currency: CurrencyQuery | None = None) -> Response:
        """Show a strategy's budget; `budgets` has those of all its currencies."""
        return answer(_summary(deps, _known(deps, strategy_id), currency))

    @routes.put(
        "/{strategy_id}/{currency}", response_model=bodies.BudgetSummary, responses=failures(404)
    )
    async def put(
        strategy_id: UUID,
        currency: CurrencyPath,
        asked: bodies.SetAllocated,
        caller: Annotated[Principal, Security(trader)],
    ) -> Response:
        """Set what may be in use; below what is reserved is allowed, then only reductions pass."""
        strategy, asset = _known(deps, strategy_id), _currency(deps, currency)
        await carry_out(
            deps,
            SetBudget(
                actor=caller.actor, strategy=strategy, currency=asset, allocated=asked.allocated
            ),
        )
        return answer(_summary(deps, strategy, asset))

    @routes.delete(
        "/{strategy_id}/{currency}",
        status_code=HTTPStatus.NO_CONTENT,
        response_class=Response,
        responses=failures(404, 409),
    )
    async def delete(
        strategy_id: UUID,
        currency: CurrencyPath,
        caller: Annotated[Principal, Security(trader)],
    ) -> Response:
        """Lift the limit; not while anything of it is reserved."""
        strategy = _known(deps, strategy_id)
        row = _limited(deps, strategy, currency)
        if row.reserved > 0:
            raise Conflict(
                f"{plain(row.reserved)} {row.currency} of the budget are in use; close or cancel "
                "what uses them first"
            )
        await carry_out(
            deps, RemoveBudget(actor=caller.actor, strategy=strategy, currency=row.currency)
        )
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @routes.get(
        "/{strategy_id}/pnl/realized", response_model=bodies.RealizedPnl, responses=failures(404)
    )
    async def realized(strategy_id: UUID) -> Response:
        """Tell what the strategy's fills made, by currency; commissions are beside it."""
        strategy = _known(deps, strategy_id)
        return answer(rows.realized_body(strategy, view.earned(strategy)))

    return routes


def _known(deps: DeskDeps, uuid: UUID) -> StrategyId:
    strategy = deps.view.strategy_of(uuid)
    if strategy is None:
        raise NotFound(f"no strategy has the id {uuid}; GET /api/trading/strategies lists them")
    return strategy


def _summary(deps: DeskDeps, strategy: StrategyId, currency: str | None) -> bodies.BudgetSummary:
    limited = [row for row in deps.view.budgets(strategy) if row.allocated is not None]
    if currency is not None:
        row = _limited(deps, strategy, currency)
    elif limited:
        row = limited[0]
    else:
        raise NotFound(f"{strategy} has no budget; PUT one to limit it")
    return rows.budget_summary(row, limited, deps.view.earned(strategy))


def _limited(deps: DeskDeps, strategy: StrategyId, currency: str) -> Budget:
    for row in deps.view.budgets(strategy):
        if row.allocated is not None and row.currency.upper() == currency.upper():
            return row
    raise NotFound(f"{strategy} has no budget in {currency}")


def _currency(deps: DeskDeps, name: str) -> Asset:
    """Take a currency in any case; one that nothing is paid in is refused: it would stop trading."""
    known = {asset.upper(): asset for asset in (*deps.settings.currencies, *deps.view.currencies)}
    found = known.get(name.upper())
    if found is None:
        near = get_close_matches(name.upper(), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(sorted(known))}"
        raise InvalidValue(f"{name} is no currency a budget can be in; {hint}")
    return found

"""``/api/desk``: the engine as a whole, its risk, its holdings, and the switches."""

import asyncio
import contextlib
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Security
from starlette.responses import Response

from arbiter.access.roles import Principal
from arbiter.api.common.admission import Ask
from arbiter.api.desk import bodies, page_rows, pages, rows
from arbiter.api.desk.answers import answer, failures
from arbiter.api.desk.commands import carry_out
from arbiter.api.desk.deps import DeskDeps
from arbiter.model.commands import EngageKillSwitch, StartStrategy, StopStrategy
from arbiter.model.errors import NotFound, StorageUnavailable
from arbiter.model.money import ZERO
from arbiter.model.plans import Family
from arbiter.model.time import NS_PER_DAY, NS_PER_S, day_start


class Period(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    ALL = "all"


_LENGTH = {
    Period.DAY: NS_PER_DAY,
    Period.WEEK: 7 * NS_PER_DAY,
    Period.MONTH: 30 * NS_PER_DAY,
    Period.YEAR: 365 * NS_PER_DAY,
}

_READ_EVERY_NS = 5 * NS_PER_S


class Families:
    """Today's PnL and trades by family, read from the database every few seconds at most.

    The sums are over the whole day, on the very server that commits intents.
    """

    def __init__(self, deps: DeskDeps) -> None:
        self._deps = deps
        self._read_ns: int | None = None
        self._day_ns = -1
        self._sums: page_rows.FamilySums = {}
        self._reading = asyncio.Lock()

    async def today(self) -> page_rows.FamilySums:
        now = self._deps.clock.now_ns()
        async with self._reading:  # who asks meanwhile has no figures of today yet, or old ones
            if self._day_ns != day_start(now):
                self._day_ns, self._read_ns, self._sums = day_start(now), None, {}
            if self._read_ns is None or not 0 <= now - self._read_ns < _READ_EVERY_NS:
                self._read_ns = now
                # While the database is away the last known figures stand.
                with contextlib.suppress(StorageUnavailable):
                    self._sums = await self._read(self._day_ns)
            return self._sums

    async def _read(self, since_ns: int) -> page_rows.FamilySums:
        history = self._deps.history
        trades = await history.trades_by_family(since_ns)
        made = dict.fromkeys(trades, ZERO)
        for strategy, pnl in (await history.pnl_by_strategy(since_ns)).items():
            family = self._deps.view.family_of(strategy) or Family.MANUAL
            made[family] = made.get(family, ZERO) + pnl
        return {family: (pnl, trades.get(family, 0)) for family, pnl in made.items()}


def overview_routes(deps: DeskDeps, trader: Ask, families: Families) -> APIRouter:
    routes = APIRouter(prefix="/api/desk", tags=["overview"])
    view = deps.view

    @routes.get("/overview", response_model=pages.Overview, responses=failures())
    async def overview() -> Response:
        """Show mode, uptime, venues, today's PnL, risk and alerts."""
        return answer(page_rows.overview_body(view.facts(), await families.today()))

    @routes.get("/equity", response_model=pages.Equity, responses=failures())
    async def equity(
        period: Period = Period.DAY,
        points: Annotated[int, Query(ge=2, le=2_000)] = 300,
    ) -> Response:
        """Show how trading PnL grew; the first point is the level before the period."""
        now = view.now_ns()
        since = None if period is Period.ALL else now - _LENGTH[period]
        await deps.written()
        found = await deps.history.equity(since, now + 1, points)
        return answer(
            pages.Equity.model_construct(
                period=period.value,
                capital_base=float(view.risk().limits.capital_base_usd),
                points=[page_rows.equity_point(point) for point in found],
            )
        )

    @routes.get("/risk", response_model=pages.Risk, responses=failures())
    async def risk() -> Response:
        """Show every limit and how much of it is used."""
        return answer(page_rows.risk_body(view.risk()))

    @routes.get("/alerts", response_model=list[pages.Alert], responses=failures())
    async def alerts() -> Response:
        """List the newest alerts of this run."""
        return answer([page_rows.alert_body(alert) for alert in view.facts().alerts])

    @routes.get("/balances", response_model=pages.Balances, responses=failures())
    async def balances() -> Response:
        """Show what is held at every venue, and how far it was drawn down."""
        return answer(page_rows.balances_body(view.holdings(), view.now_ns()))

    # Switches

    @routes.get("/kill-switch", response_model=pages.KillSwitch, responses=failures())
    async def kill_switch() -> Response:
        """Show the latch."""
        return answer(page_rows.kill_switch_body(view.ledger.kill_switch))

    @routes.post("/kill-switch", response_model=pages.KillReport, responses=failures())
    async def engage(
        asked: pages.Engage, caller: Annotated[Principal, Security(trader)]
    ) -> Response:
        """Cancel everything everywhere and stop until released; tells what each venue proved."""
        report = await deps.kill_switch.engage(
            EngageKillSwitch(actor=caller.actor, reason=asked.reason, flatten=asked.flatten)
        )
        return answer(page_rows.kill_report(report, view.ledger.kill_switch))

    @routes.delete("/kill-switch", response_model=pages.KillSwitch, responses=failures())
    async def release(caller: Annotated[Principal, Security(trader)]) -> Response:
        """Release the latch: trading may go on."""
        await deps.release_kill_switch(caller.actor)
        return answer(page_rows.kill_switch_body(view.ledger.kill_switch))

    @routes.put(
        "/strategies/{strategy_id}", response_model=bodies.Strategy, responses=failures(404)
    )
    async def switch(
        strategy_id: UUID, asked: pages.Switch, caller: Annotated[Principal, Security(trader)]
    ) -> Response:
        """Start or stop a strategy; a stopped one finishes its legs and opens nothing."""
        name = view.strategy_of(strategy_id)
        if name is None:
            raise NotFound(f"no strategy has the id {strategy_id}")
        await carry_out(
            deps,
            StartStrategy(actor=caller.actor, strategy=name)
            if asked.running
            else StopStrategy(actor=caller.actor, strategy=name, reason=asked.reason),
        )
        return answer(rows.strategy_body(view.strategy(name)))

    return routes

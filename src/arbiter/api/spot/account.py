"""The account: balances with their dollar value, and performance."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from arbiter.api.spot import bodies
from arbiter.api.spot.answers import FAILURES, answer, check_order, day, end_of, start_of
from arbiter.api.spot.deps import SpotDeps
from arbiter.api.spot.performance import day_row, metrics, period_start, total_value
from arbiter.model.ids import Asset
from arbiter.model.instruments import InstrumentKind
from arbiter.model.money import from_float
from arbiter.model.time import epoch_seconds, utc_date

_Date = Annotated[str | None, Query(max_length=32, description="YYYY-MM-DD, UTC, included")]


def account_routes(deps: SpotDeps) -> APIRouter:
    routes = APIRouter(tags=["account"])
    ledger = deps.core.ledger

    @routes.get("/balances", response_model=bodies.Balances, responses=FAILURES)
    async def balances() -> Response:
        shown: dict[str, dict[str, dict[str, float]]] = {}
        for (venue, asset), row in sorted(ledger.balances.items()):
            shown.setdefault(venue, {})[asset] = {
                "free": float(row.free),
                "locked": float(row.locked),
                "total": float(row.total),
            }
        held = {key: row.total for key, row in ledger.balances.items()}
        value, unpriced = total_value(held, usd_marks(deps))
        return answer(
            bodies.Balances.model_validate(
                {
                    "timestamp": epoch_seconds(deps.clock.now_ns()),
                    "balances": shown,
                    "total_value_usd": float(value),
                    "unpriced": unpriced,
                }
            )
        )

    @routes.get("/performance", response_model=bodies.PerformanceReport, responses=FAILURES)
    async def performance(
        period: bodies.Period = "month",
        start_date: _Date = None,
        end_date: _Date = None,
    ) -> Response:
        """Figures of the trades that ended in the period and filled something.

        The calendar period to date; a date given overrides it, and the period is then `custom`.
        """
        first, last = _span(deps, period, start_date, end_date)
        since, until = start_of(first), end_of(last)
        capital = deps.core.gate.limits.capital_base_usd
        result = await deps.history.result(since, until, capital)
        days = await deps.history.days(since, until)
        passed = min(until, end_of(utc_date(deps.clock.now_ns())))
        custom = start_date is not None or end_date is not None
        return answer(
            bodies.PerformanceReport(
                period="custom" if custom else period,
                start_date=first.isoformat(),
                end_date=last.isoformat(),
                metrics=metrics(result, days, passed),
                daily_breakdown=[day_row(each) for each in days],
            )
        )

    return routes


def usd_marks(deps: SpotDeps) -> dict[Asset, Decimal]:
    """Dollar prices: of currencies by their rate, of what they buy by the mean mid of the venues."""
    core = deps.core
    marks: dict[Asset, Decimal] = {}
    seen: dict[Asset, list[Decimal]] = {}
    for instrument in core.registry.instruments:
        rate = deps.usd_rate(instrument.quote)
        if rate is None or instrument.kind is not InstrumentKind.SPOT:
            continue
        marks[instrument.quote] = rate
        mid = core.board.mark(instrument.id)
        if mid is not None:
            seen.setdefault(instrument.base, []).append(from_float(mid) * rate)
    for asset, mids in seen.items():
        marks.setdefault(asset, sum(mids, start=Decimal(0)) / len(mids))
    for _, asset in core.ledger.balances:
        rate = deps.usd_rate(asset)
        if rate is not None:
            marks[asset] = rate
    return marks


def _span(
    deps: SpotDeps, period: str, start_date: str | None, end_date: str | None
) -> tuple[date, date]:
    today = utc_date(deps.clock.now_ns())
    last = today if end_date is None else day(end_date, "end_date")
    first = (
        period_start(period, min(last, today))
        if start_date is None
        else day(start_date, "start_date")
    )
    if end_date is not None or first <= last:
        check_order(first, last, ("start_date", "end_date"))
        return first, last
    return first, first

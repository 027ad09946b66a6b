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
from arbiter.api.spot.shown import holdings, shown
from arbiter.model.ids import Asset, VenueId
from arbiter.model.time import epoch_seconds, utc_date

_Date = Annotated[str | None, Query(max_length=32, description="YYYY-MM-DD, UTC, included")]


def account_routes(deps: SpotDeps) -> APIRouter:
    routes = APIRouter(tags=["account"])

    @routes.get("/balances", response_model=bodies.Balances, responses=FAILURES)
    async def balances() -> Response:
        by_venue: dict[str, dict[str, dict[str, float]]] = {}
        held: dict[tuple[VenueId, Asset], Decimal] = {}
        now, rows, marks = holdings(deps)
        for row in rows:
            held[row.venue, row.asset] = row.total
            by_venue.setdefault(row.venue, {})[row.asset] = {
                "free": float(row.free),
                "locked": float(row.locked),
                "total": float(row.total),
            }
        value, unpriced = total_value(held, marks)
        return answer(
            bodies.Balances.model_validate(
                {
                    "timestamp": epoch_seconds(now),
                    "balances": by_venue,
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
        view = shown(deps)
        today = utc_date(view.now_ns)
        first, last = _span(today, period, start_date, end_date)
        since, until = start_of(first), end_of(last)
        result = await view.history.result(since, until, view.capital)
        days = await view.history.days(since, until)
        passed = min(until, end_of(today))
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


def _span(
    today: date, period: str, start_date: str | None, end_date: str | None
) -> tuple[date, date]:
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

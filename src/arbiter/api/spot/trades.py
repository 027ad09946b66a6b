"""The past: trades and signals, page by page."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from arbiter.api.common.apps import json_response
from arbiter.api.spot import bodies
from arbiter.api.spot.answers import (
    FAILURES,
    answer,
    check_order,
    day,
    end_of,
    in_turns,
    moment_ns,
    start_of,
)
from arbiter.api.spot.deps import SpotDeps
from arbiter.api.spot.errors import invalid, not_found, resolve_symbol
from arbiter.api.spot.rows import STATES, signal_row, trade_detail, trade_row
from arbiter.api.spot.shown import shown
from arbiter.ledger.spot_account import SpotStatus
from arbiter.model.plans import Family
from arbiter.model.time import NS_PER_US
from arbiter.model.trades import Trade
from arbiter.ports.past import Page, SignalsWanted, TradesWanted

MOST_ROWS = 1_000
_FARTHEST = 2**53

_Symbol = Annotated[str | None, Query(max_length=64)]
_Date = Annotated[str | None, Query(max_length=32, description="YYYY-MM-DD, UTC, included")]
_Time = Annotated[str | None, Query(max_length=64, description="Epoch seconds or RFC 3339")]
_Limit = Annotated[int, Query(ge=1, description=f"More than {MOST_ROWS} gives {MOST_ROWS}")]


def history_routes(deps: SpotDeps) -> APIRouter:
    routes = APIRouter(tags=["trades"])

    @routes.get("/trades", response_model=bodies.TradeList, responses=FAILURES)
    async def trades(
        start_date: _Date = None,
        end_date: _Date = None,
        symbol: _Symbol = None,
        status: Annotated[str | None, Query(max_length=32)] = None,
        limit: _Limit = 100,
        offset: Annotated[int, Query(ge=0, le=_FARTHEST)] = 0,
    ) -> Response:
        """Trades by the day they started, newest first; all filters hold together."""
        first = None if start_date is None else day(start_date, "start_date")
        last = None if end_date is None else day(end_date, "end_date")
        check_order(first, last, ("start_date", "end_date"))
        states, filled = (None, None) if status is None else STATES[_status(status)]
        view = shown(deps)
        wanted = TradesWanted(
            symbol=None if symbol is None else resolve_symbol(view.registry, symbol),
            states=states,
            any_filled=filled,
            since_ns=None if first is None else start_of(first),
            until_ns=None if last is None else end_of(last),
        )
        page = Page(limit=min(limit, MOST_ROWS), offset=offset)
        found = await view.history.trades(wanted, page)
        return json_response(
            {
                "trades": await in_turns(found.rows, lambda trade: trade_row(view.registry, trade)),
                "total_count": found.total,
                "pagination": {
                    "limit": page.limit,
                    "offset": offset,
                    "has_more": offset + len(found.rows) < found.total,
                },
            }
        )

    @routes.get("/trades/{trade_id}", response_model=bodies.TradeDetail, responses=FAILURES)
    async def trade(trade_id: Annotated[int, Path(ge=1)]) -> Response:
        view = shown(deps)
        found = recent(deps, trade_id) if view.own else None
        found = found or await view.history.trade(trade_id)
        if found is None:
            raise not_found("Trade not found", trade_id=trade_id)
        return answer(trade_detail(view.registry, found))

    @routes.get("/signals", response_model=bodies.SignalList, responses=FAILURES)
    async def signals(
        start_time: _Time = None,
        end_time: _Time = None,
        symbol: _Symbol = None,
        executed: bool | None = None,
        limit: _Limit = 100,
    ) -> Response:
        """Signals by the time of detection, both ends included, newest first."""
        since = None if start_time is None else moment_ns(start_time, "start_time")
        until = None if end_time is None else moment_ns(end_time, "end_time")
        check_order(since, until, ("start_time", "end_time"))
        view = shown(deps)
        found = await view.history.signals(
            SignalsWanted(
                symbol=None if symbol is None else resolve_symbol(view.registry, symbol),
                executed=executed,
                since_ns=since,
                # A row's own timestamp, told to the microsecond, must find it.
                until_ns=None if until is None else until + NS_PER_US,
            ),
            Page(limit=min(limit, MOST_ROWS)),
        )
        return answer(
            bodies.SignalList(
                signals=await in_turns(
                    found.rows, lambda signal: signal_row(view.registry, signal)
                ),
                total_count=found.total,
            )
        )

    return routes


def recent(deps: SpotDeps, seq: int) -> Trade | None:
    """Find a trade in memory: newer than what the database may have committed."""
    ledger = deps.core.ledger
    for trades in (ledger.trades, ledger.closed_trades):
        for trade in trades.values():
            if trade.seq == seq and trade.family is Family.SPOT:
                return trade
    return None


def _status(word: str) -> SpotStatus:
    try:
        return SpotStatus(word.strip().lower())
    except ValueError:
        raise invalid(
            f"status '{word[:32]}' is none of {', '.join(SpotStatus)}",
            fields=["status"],
            valid_statuses=list(SpotStatus),
        ) from None

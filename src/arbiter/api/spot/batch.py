"""Batches of trading operations, and questions about the past by symbol."""

import time
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from arbiter.access.roles import Principal, Role
from arbiter.api.common.auth import Door
from arbiter.api.spot import bodies
from arbiter.api.spot.answers import FAILURES, answer, check_order, day, end_of, start_of
from arbiter.api.spot.deps import SpotDeps
from arbiter.api.spot.door import needs
from arbiter.api.spot.errors import (
    INSUFFICIENT_BALANCE,
    INVALID_REQUEST,
    NOT_FOUND,
    TRADING_DISABLED,
    invalid,
    resolve_symbol,
)
from arbiter.api.spot.performance import win_rate
from arbiter.api.spot.shown import shown
from arbiter.api.spot.trades import recent
from arbiter.api.spot.trading import refuse_while_killed
from arbiter.model.denials import DenialCode
from arbiter.model.errors import TradingDisabled
from arbiter.model.ids import Actor
from arbiter.model.money import from_float
from arbiter.model.time import utc_date
from arbiter.ports.spot_history import SymbolResult
from arbiter.runtime.spot_desk import Refusal, SpotDesk

QUERY_TYPES = ("symbol_performance",)
_ALL_METRICS: tuple[bodies.Metric, ...] = ("profit", "win_rate", "volume")
_FUNDS = {DenialCode.BALANCE, DenialCode.BUDGET_EXCEEDED, DenialCode.BUDGET_MISSING}
_OFF = {DenialCode.KILL_SWITCH, DenialCode.STRATEGY_STOPPED}


def batch_routes(deps: SpotDeps, door: Door) -> APIRouter:
    routes = APIRouter(tags=["advanced"])
    desk = SpotDesk(deps.core)
    trader = Annotated[Principal, Depends(needs(door, Role.TRADER))]

    @routes.post(
        "/batch/trades",
        response_model=bodies.BatchResults,
        response_model_exclude_none=True,
        responses=FAILURES,
    )
    async def batch(caller: trader, wanted: bodies.BatchRequest) -> Response:
        """Carry out operations in their order, each on its own; `operation` counts from 1."""
        if deps.backtests.chosen is not None:
            raise TradingDisabled("A backtest is shown, which nobody can trade in or cancel from")
        if any(isinstance(each, bodies.ExecuteSignal) for each in wanted.operations):
            refuse_while_killed(deps)
            strategy = deps.core.spot.settings.strategy
            if not deps.core.ledger.strategies.get(strategy, True):
                raise TradingDisabled("Trading is stopped; start it: POST /api/v1/trading/start")
        results = []
        for position, operation in enumerate(wanted.operations, start=1):
            if isinstance(operation, bodies.ExecuteSignal):
                results.append(await _execute(deps, desk, position, operation, caller.actor))
            else:
                results.append(await _cancel(deps, desk, position, operation, caller.actor))
        body = bodies.BatchResults(results=results)
        return Response(body.model_dump_json(exclude_none=True), media_type="application/json")

    @routes.post("/analytics/query", response_model=bodies.AnalyticsAnswer, responses=FAILURES)
    async def analytics(
        caller: Annotated[Principal, Depends(needs(door, Role.VIEWER))],
        wanted: bodies.AnalyticsRequest,
    ) -> Response:
        """Profit (net, in quote), win rate (percent) and volume (base bought) by symbol."""
        began = time.perf_counter_ns()
        if wanted.query_type not in QUERY_TYPES:
            raise invalid(
                f"query_type '{wanted.query_type}' is none of {', '.join(QUERY_TYPES)}",
                fields=["query_type"],
                valid_query_types=list(QUERY_TYPES),
            )
        await deps.written()
        results = await _by_symbol(deps, wanted.parameters)
        took_ms = (time.perf_counter_ns() - began) // 1_000_000
        return answer(
            bodies.AnalyticsAnswer(
                query_type=wanted.query_type, results=results, execution_time_ms=took_ms
            )
        )

    return routes


async def _execute(
    deps: SpotDeps, desk: SpotDesk, position: int, wanted: bodies.ExecuteSignal, actor: Actor
) -> bodies.BatchResult:
    await deps.written()
    signal = await deps.history.signal(wanted.signal_id)
    if signal is None:
        return _failed(position, "Signal not found", NOT_FOUND)
    quantity: Decimal | None = None if wanted.quantity is None else from_float(wanted.quantity)
    done = await desk.execute(signal, quantity, actor)
    if isinstance(done, Refusal):
        code = INVALID_REQUEST
        if done.denied is not None and done.denied.code in _FUNDS:
            code = INSUFFICIENT_BALANCE
        elif done.denied is not None and done.denied.code in _OFF:
            code = TRADING_DISABLED
        return _failed(position, done.reason, code)
    return bodies.BatchResult(operation=position, success=True, trade_id=done.seq)


async def _cancel(
    deps: SpotDeps, desk: SpotDesk, position: int, wanted: bodies.CancelTrade, actor: Actor
) -> bodies.BatchResult:
    trade = recent(deps, wanted.trade_id) or await deps.history.trade(wanted.trade_id)
    if trade is None:
        return _failed(position, "Trade not found", NOT_FOUND)
    refusal = desk.cancel(trade, actor)
    if refusal is not None:
        return _failed(position, refusal.reason, INVALID_REQUEST)
    return bodies.BatchResult(operation=position, success=True, trade_id=trade.seq)


def _failed(position: int, why: str, code: str) -> bodies.BatchResult:
    return bodies.BatchResult(operation=position, success=False, error=why, code=code)


async def _by_symbol(
    deps: SpotDeps, wanted: bodies.AnalyticsParameters
) -> dict[str, dict[str, float]]:
    view = shown(deps)
    registry = view.registry
    first = None if wanted.start_date is None else day(wanted.start_date, "start_date")
    last = utc_date(view.now_ns) if wanted.end_date is None else day(wanted.end_date, "end_date")
    check_order(first, last, ("start_date", "end_date"))
    symbols = (
        view.symbols
        if wanted.symbols is None
        else tuple(dict.fromkeys(resolve_symbol(registry, name) for name in wanted.symbols))
    )
    since = 0 if first is None else start_of(first)
    found = {row.symbol: row for row in await view.history.by_symbol(since, end_of(last), symbols)}
    asked = wanted.metrics or _ALL_METRICS
    return {
        registry.compact_name(symbol): {
            metric: _figure(found.get(symbol), metric) for metric in asked
        }
        for symbol in symbols
        if wanted.symbols is not None or symbol in found
    }


def _figure(row: SymbolResult | None, metric: bodies.Metric) -> float:
    if row is None:
        return 0.0
    match metric:
        case "profit":
            return float(row.net)
        case "win_rate":
            return win_rate(row.successful, row.trades)
        case "volume":
            return float(row.bought)

"""``/api/desk``: trades with their legs, signals with their verdicts, and listings to take away."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from arbiter.api.desk import bodies, page_rows, pages, rows
from arbiter.api.desk.answers import Limit, Offset, Text, answer, failures, page
from arbiter.api.desk.deps import DeskDeps
from arbiter.api.desk.markets import symbol_of
from arbiter.api.desk.timeline import timeline
from arbiter.api.desk.words import explain, statuses_of
from arbiter.model.errors import NotFound
from arbiter.model.ids import InstrumentId, StrategyId, TradeId
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.plans import Family
from arbiter.model.trades import TradeState
from arbiter.ports.past import (
    FillsWanted,
    Found,
    OrdersWanted,
    Page,
    SignalsWanted,
    StoredFill,
    TradesWanted,
)

_CHUNK = 500
_EXPORTED = 50_000
ExportLimit = Annotated[int, Query(ge=1, le=_EXPORTED)]
TradeNumber = Annotated[int, Path(ge=1, le=2**62)]


class StateName(StrEnum):
    """A trade's state, or a group of them: open, ended."""

    OPEN = "open"
    ENDED = "ended"
    PLANNED = "planned"
    WORKING = "working"
    HEDGED = "hedged"
    UNWINDING = "unwinding"
    COMPLETED = "completed"
    UNWOUND = "unwound"
    FAILED = "failed"
    ABANDONED = "abandoned"
    HELD = "held"


def story_routes(deps: DeskDeps) -> APIRouter:
    routes = APIRouter(prefix="/api/desk", tags=["trades"])
    history = deps.history

    @routes.get("/trades", response_model=list[pages.Trade], responses=failures(404))
    async def trades(
        symbol: Text | None = None,
        strategy_id: UUID | None = None,
        family: Family | None = None,
        state: StateName | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Response:
        """List trades with planned and actual prices, the newest first."""
        strategy = strategy_of(deps, strategy_id)
        wanted = TradesWanted(
            strategy=strategy,
            symbol=None if symbol is None else symbol_of(deps, symbol),
            family=family,
            states=None if state is None else _states(state),
        )
        found = await history.trades(wanted, page(limit, offset))
        orders: dict[TradeId, list[Order]] = {}
        for order in await history.orders_of([trade.id for trade in found.rows]):
            orders.setdefault(order.trade_id, []).append(order)
        shown = [page_rows.trade_body(trade, orders.get(trade.id, [])) for trade in found.rows]
        return answer(shown, total=found.total)

    @routes.get("/trades/{trade_id}", response_model=pages.TradeStory, responses=failures(404))
    async def trade(trade_id: TradeNumber) -> Response:
        """Tell one trade from its signal to its last report."""
        found = await history.trade(trade_id)
        if found is None:
            raise NotFound(f"there is no trade {trade_id}")
        one = found.trade
        return answer(
            pages.TradeStory.model_construct(
                trade=page_rows.trade_body(one, found.orders),
                signal=None if found.signal is None else page_rows.signal_body(found.signal),
                orders=[rows.order_body(order) for order in found.orders],
                fills=[
                    rows.fill_body(StoredFill(fill=fill, strategy=one.strategy, trade_id=one.id))
                    for fill in found.fills
                ],
                timeline=timeline(one, found.orders, found.events),
            )
        )

    @routes.get("/signals", response_model=list[pages.Signal], responses=failures(404))
    async def signals(
        symbol: Text | None = None,
        strategy_id: UUID | None = None,
        executed: bool | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Response:
        """List signals, executed or not and why not, the newest first."""
        wanted = SignalsWanted(
            strategy=strategy_of(deps, strategy_id),
            symbol=None if symbol is None else symbol_of(deps, symbol),
            executed=executed,
        )
        found = await history.signals(wanted, page(limit, offset))
        return answer([page_rows.signal_body(signal) for signal in found.rows], total=found.total)

    @routes.get("/orders.csv", response_class=StreamingResponse, responses=failures(404))
    async def orders_csv(
        strategy_id: UUID | None = None,
        strategy_name: Text | None = None,
        instrument_id: Text | None = None,
        status: Text | None = None,
        limit: ExportLimit = 10_000,
    ) -> Response:
        """Take orders away as CSV, with refusals in words."""
        wanted = OrdersWanted(
            strategy=strategy_of(deps, strategy_id),
            strategy_part=strategy_name,
            instrument=None if instrument_id is None else InstrumentId(instrument_id),
            statuses=None if status is None else statuses_of(status),
            until_ns=deps.view.now_ns(),
        )

        async def chunk(part: Page) -> Found[dict[str, object]]:
            found = await history.orders(wanted, part)
            lines = [_order_line(order) for order in found.rows]
            return Found(rows=lines, total=found.total)

        return _csv("orders", [*bodies.Order.model_fields, "explanation"], chunk, limit)

    @routes.get("/fills.csv", response_class=StreamingResponse, responses=failures(404))
    async def fills_csv(
        instrument_id: Text | None = None,
        strategy_id: UUID | None = None,
        strategy_name: Text | None = None,
        side: Side | None = None,
        limit: ExportLimit = 10_000,
    ) -> Response:
        """Take fills away as CSV."""
        wanted = FillsWanted(
            strategy=strategy_of(deps, strategy_id),
            strategy_part=strategy_name,
            instrument=None if instrument_id is None else InstrumentId(instrument_id),
            side=side,
            until_ns=deps.view.now_ns(),
        )

        async def chunk(part: Page) -> Found[dict[str, object]]:
            found = await history.fills(wanted, part)
            lines = [_line(rows.fill_body(row)) for row in found.rows]
            return Found(rows=lines, total=found.total)

        return _csv("fills", list(bodies.Fill.model_fields), chunk, limit)

    return routes


def strategy_of(deps: DeskDeps, uuid: UUID | None) -> StrategyId | None:
    if uuid is None:
        return None
    found = deps.view.strategy_of(uuid)
    if found is None:
        raise NotFound(f"no strategy has the id {uuid}")
    return found


def _states(name: StateName) -> Collection[TradeState]:
    if name is StateName.OPEN:
        return [state for state in TradeState if not state.terminal]
    if name is StateName.ENDED:
        return [state for state in TradeState if state.terminal]
    return [TradeState(name.value.upper())]


def _order_line(order: Order) -> dict[str, object]:
    refused = order.status in {OrderStatus.DENIED, OrderStatus.REJECTED} and order.reason
    return _line(rows.order_body(order)) | {
        "explanation": explain(order.reason or "") if refused else ""
    }


def _line(body: BaseModel) -> dict[str, object]:
    return {name: _safe(value) for name, value in body.__dict__.items()}


def _safe(value: object) -> object:
    """A text that a spreadsheet would take for a formula is not one."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@"}:
        return f"'{value}"
    return "" if value is None else value


def _csv(
    name: str,
    columns: Sequence[str],
    chunk: Callable[[Page], Awaitable[Found[dict[str, object]]]],
    limit: int,
) -> Response:
    async def lines() -> AsyncIterator[str]:
        sent = 0
        text = io.StringIO()
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        while sent < limit:
            found = await chunk(Page(limit=min(_CHUNK, limit - sent), offset=sent))
            writer.writerows(found.rows)
            yield text.getvalue()
            text.seek(0)
            text.truncate()
            sent += len(found.rows)
            if len(found.rows) < _CHUNK:
                return
        return

    return StreamingResponse(
        lines(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )

"""``/api/trading``: strategies, orders, fills, positions and the audit log."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from arbiter.api.desk import bodies, rows
from arbiter.api.desk.answers import Limit, Offset, Text, answer, failures, page
from arbiter.api.desk.deps import DeskDeps
from arbiter.api.desk.words import statuses_of
from arbiter.model.errors import InvalidValue, NotFound
from arbiter.model.ids import Actor, Asset, ClientOrderId, InstrumentId, StrategyId
from arbiter.model.money import ONE
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.time import from_datetime
from arbiter.ports.past import AuditWanted, ClosedWanted, FillsWanted, OrdersWanted

OrderId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[\u0021-\u007e]+$")]

_LATEST_NS = 2**63 - 1
_REFUSED = (OrderStatus.DENIED, OrderStatus.REJECTED)


class PositionStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


def trading_routes(deps: DeskDeps) -> APIRouter:
    routes = APIRouter(prefix="/api/trading", tags=["trading"])
    view, history = deps.view, deps.history

    @routes.get("/strategies", response_model=list[bodies.Strategy], responses=failures())
    async def strategies() -> Response:
        """List all strategies."""
        return answer([rows.strategy_body(facts) for facts in view.strategies()])

    # Orders

    @routes.get("/orders", response_model=list[bodies.Order], responses=failures())
    async def orders(
        strategy_id: UUID | None = None,
        strategy_name: Text | None = None,
        instrument_id: Text | None = None,
        status: Text | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Response:
        """List orders, the newest first.

        `strategy_name` matches a part in any case; `status` is a status or a group of them:
        PENDING, OPEN, CLOSED.
        """
        statuses = statuses_of(status) if status is not None else None
        strategy, known = _strategy(deps, strategy_id)
        if not known:
            return answer([], total=0)
        wanted = OrdersWanted(
            strategy=strategy,
            strategy_part=strategy_name,
            instrument=_instrument(instrument_id),
            statuses=statuses,
        )
        found = await history.orders(wanted, page(limit, offset))
        return answer([rows.order_body(order) for order in found.rows], total=found.total)

    @routes.get("/orders/{client_order_id}", response_model=bodies.Order, responses=failures(404))
    async def order(client_order_id: OrderId) -> Response:
        """Get a single order."""
        return answer(rows.order_body(await _order(deps, client_order_id)))

    @routes.get(
        "/orders/{client_order_id}/fills",
        response_model=list[bodies.Fill],
        responses=failures(404),
    )
    async def order_fills(client_order_id: OrderId) -> Response:
        """Get the fills of an order, the oldest first."""
        await _order(deps, client_order_id)
        found = await history.fills_of(ClientOrderId(client_order_id))
        return answer([rows.fill_body(row) for row in found])

    @routes.get(
        "/orders/{client_order_id}/deny-reason",
        response_model=bodies.DenyReason,
        responses=failures(404),
    )
    async def deny_reason(client_order_id: OrderId) -> Response:
        """Say why an order was denied by the gate or rejected by the venue."""
        found = await _order(deps, client_order_id)
        if found.status not in _REFUSED:
            raise NotFound(f"order {client_order_id} was neither denied nor rejected")
        return answer(rows.deny_body(found))

    # Fills

    @routes.get("/fills", response_model=list[bodies.Fill], responses=failures())
    async def fills(
        instrument_id: Text | None = None,
        strategy_id: UUID | None = None,
        strategy_name: Text | None = None,
        side: Side | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Response:
        """List fills, the newest first; `strategy_name` matches a part in any case."""
        strategy, known = _strategy(deps, strategy_id)
        if not known:
            return answer([], total=0)
        wanted = FillsWanted(
            strategy=strategy,
            strategy_part=strategy_name,
            instrument=_instrument(instrument_id),
            side=side,
        )
        found = await history.fills(wanted, page(limit, offset))
        return answer([rows.fill_body(row) for row in found.rows], total=found.total)

    @routes.get("/fills/summary", response_model=bodies.FillsSummary, responses=failures())
    async def fills_summary() -> Response:
        """Add up all fills."""
        return answer(rows.fills_summary(await history.fill_sums(), _quotes(deps)))

    # Positions

    @routes.get("/positions", response_model=list[bodies.Position], responses=failures())
    async def positions(
        strategy_id: UUID | None = None,
        instrument_id: Text | None = None,
        status: PositionStatus = PositionStatus.OPEN,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Response:
        """List positions, the newest first."""
        strategy, known = _strategy(deps, strategy_id)
        if not known:
            return answer([], total=0)
        instrument = _instrument(instrument_id)
        if status is PositionStatus.OPEN:
            held = view.open_positions(strategy, instrument)
            shown = held[offset : offset + limit]
            return answer([rows.open_body(row) for row in shown], total=len(held))
        wanted = ClosedWanted(strategy=strategy, instrument=instrument)
        found = await history.closed_positions(wanted, page(limit, offset))
        return answer([rows.closed_body(row) for row in found.rows], total=found.total)

    # Everything

    @routes.get("/summary", response_model=bodies.Summary, responses=failures())
    async def summary() -> Response:
        """Count signals, orders and fills."""
        counts = await history.counts()
        return answer(
            bodies.Summary(
                signals=counts.signals,
                orders=counts.orders,
                fills=counts.fills,
                trades=counts.trades,
                open_positions=len(view.open_positions()),
                strategies=len(view.strategies()),
            )
        )

    @routes.get("/audit", response_model=list[bodies.AuditEntry], responses=failures())
    async def audit(
        actor: Text | None = None,
        action: Text | None = None,
        entity: Annotated[Text | None, Query(description="A part of it, in any case.")] = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Response:
        """List who changed what, the newest first, with the values before and after."""
        wanted = AuditWanted(
            actor=None if actor is None else Actor(actor),
            action=action,
            entity_part=entity,
            since_ns=_time(start_time),
            until_ns=_time(end_time),
        )
        found = await history.audit(wanted, page(limit, offset))
        return answer([rows.audit_body(row) for row in found.rows], total=found.total)

    return routes


def _time(moment: datetime | None) -> int | None:
    """A time without a zone is UTC; one that no clock of ours can reach is an `InvalidValue`."""
    if moment is None:
        return None
    try:
        at_ns = from_datetime(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    except OverflowError:
        at_ns = _LATEST_NS + 1
    if not 0 <= at_ns <= _LATEST_NS:
        raise InvalidValue(f"the time {moment.isoformat()} is not between 1970 and 2262")
    return at_ns


def _instrument(name: str | None) -> InstrumentId | None:
    return None if name is None else InstrumentId(name)


def _strategy(deps: DeskDeps, uuid: UUID | None) -> tuple[StrategyId | None, bool]:
    """Find a filter's strategy; False when no strategy has the UUID, so nothing can match."""
    if uuid is None:
        return None, True
    found = deps.view.strategy_of(uuid)
    return found, found is not None


async def _order(deps: DeskDeps, client_order_id: str) -> Order:
    """Find an order; the ledger knows it some milliseconds before the database does."""
    key = ClientOrderId(client_order_id)
    found = deps.view.ledger.orders.get(key) or await deps.history.order(key)
    if found is None:
        raise NotFound(f"there is no order {client_order_id}")
    return found


def _quotes(deps: DeskDeps) -> rows.QuoteOf:
    listed = deps.view.instruments
    currencies = {each.id: each.quote for each in listed}
    rates: dict[Asset, Decimal] = {}
    for currency in set(currencies.values()):
        rate = deps.view.usd(currency, ONE)
        if rate is not None:
            rates[currency] = rate
    return rows.QuoteOf(currencies, {each.id: each.contract_size for each in listed}, rates)

"""Paged reads of the projections, newest first, with the exact number of all matches."""

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from arbiter.model.events import Audited
from arbiter.model.ids import (
    ClientOrderId,
)
from arbiter.model.orders import Fill, Order
from arbiter.model.plans import Signal
from arbiter.model.trades import Trade
from arbiter.ports.past import (
    AuditWanted,
    FillsWanted,
    Found,
    OrdersWanted,
    Page,
    SignalsWanted,
    StoredAudit,
    StoredFill,
    TradesWanted,
)
from arbiter.storage import schema
from arbiter.storage.database import reading
from arbiter.storage.rows import read

R = TypeVar("R", bound=msgspec.Struct)
Conditions = list[ColumnElement[bool]]


class TradeFile(msgspec.Struct, frozen=True, kw_only=True):
    """One trade with all its orders and fills, oldest first."""

    trade: Trade
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]


async def trades(engine: AsyncEngine, wanted: TradesWanted, page: Page) -> Found[Trade]:
    table = schema.TRADES
    newest = (table.c.started_ns.desc(), table.c.seq.desc())
    return await _records(engine, Trade, table, trade_conditions(wanted), newest, page)


async def orders(engine: AsyncEngine, wanted: OrdersWanted, page: Page) -> Found[Order]:
    table = schema.ORDERS
    newest = (table.c.created_ns.desc(), table.c.client_order_id.desc())
    return await _records(engine, Order, table, order_conditions(wanted), newest, page)


async def fills(engine: AsyncEngine, wanted: FillsWanted, page: Page) -> Found[StoredFill]:
    table = schema.FILLS
    newest = (table.c.at_ns.desc(), table.c.seq.desc())
    query = select(table).where(*fill_conditions(wanted)).order_by(*newest)
    rows, total = await _page(engine, query, page)
    return Found(rows=[stored_fill(row) for row in rows], total=total)


async def signals(engine: AsyncEngine, wanted: SignalsWanted, page: Page) -> Found[Signal]:
    table = schema.SIGNALS
    conditions = _equal(
        table, {"symbol": wanted.symbol, "strategy": wanted.strategy, "executed": wanted.executed}
    ) + _between(table.c.detected_ns, wanted.since_ns, wanted.until_ns)
    newest = (table.c.detected_ns.desc(), table.c.seq.desc())
    return await _records(engine, Signal, table, conditions, newest, page)


async def audit(engine: AsyncEngine, wanted: AuditWanted, page: Page) -> Found[StoredAudit]:
    table = schema.AUDIT
    conditions = _equal(table, {"actor": wanted.actor, "action": wanted.action}) + _between(
        table.c.at_ns, wanted.since_ns, wanted.until_ns
    )
    if wanted.entity_part is not None:
        conditions.append(table.c.entity.icontains(wanted.entity_part, autoescape=True))
    query = select(table).where(*conditions).order_by(table.c.at_ns.desc(), table.c.id.desc())
    rows, total = await _page(engine, query, page)
    return Found(
        rows=tuple(StoredAudit(id=row["id"], entry=read(Audited, row)) for row in rows),
        total=total,
    )


async def trade(engine: AsyncEngine, wanted: int | UUID) -> TradeFile | None:
    """Find one trade by its sequence number or its id, with everything done for it."""
    table = schema.TRADES
    key = table.c.seq == wanted if isinstance(wanted, int) else table.c.id == wanted
    async with reading(engine) as connection:
        found = await _all(connection, Trade, select(table).where(key))
        if not found:
            return None
        one = found[0]
        order, fill = schema.ORDERS, schema.FILLS
        return TradeFile(
            trade=one,
            orders=await _all(
                connection,
                Order,
                select(order)
                .where(order.c.trade_id == one.id)
                .order_by(order.c.created_ns, order.c.leg, order.c.client_order_id),
            ),
            fills=await _all(
                connection,
                Fill,
                select(fill).where(fill.c.trade_id == one.id).order_by(fill.c.at_ns, fill.c.seq),
            ),
        )


async def signal(engine: AsyncEngine, seq: int) -> Signal | None:
    """Find one signal by its sequence number."""
    async with reading(engine) as connection:
        found = await _all(
            connection, Signal, select(schema.SIGNALS).where(schema.SIGNALS.c.seq == seq)
        )
        return found[0] if found else None


async def order(engine: AsyncEngine, client_order_id: ClientOrderId) -> Order | None:
    table = schema.ORDERS
    async with reading(engine) as connection:
        found = await _all(
            connection, Order, select(table).where(table.c.client_order_id == client_order_id)
        )
        return found[0] if found else None


def stored_fill(row: Any) -> StoredFill:
    return StoredFill(fill=read(Fill, row), strategy=row["strategy"], trade_id=row["trade_id"])


def trade_conditions(wanted: TradesWanted) -> Conditions:
    table = schema.TRADES
    conditions = _equal(
        table, {"symbol": wanted.symbol, "strategy": wanted.strategy, "family": wanted.family}
    )
    if wanted.states is not None:
        conditions.append(table.c.state.in_([str(state) for state in wanted.states]))
    if wanted.any_filled is not None:
        filled = (table.c.bought > 0) | (table.c.sold > 0)
        conditions.append(filled if wanted.any_filled else ~filled)
    return conditions + _between(table.c.started_ns, wanted.since_ns, wanted.until_ns)


def order_conditions(wanted: OrdersWanted) -> Conditions:
    table = schema.ORDERS
    conditions = _common(table, wanted)
    if wanted.statuses is not None:
        conditions.append(table.c.status.in_([str(status) for status in wanted.statuses]))
    return conditions + _between(table.c.created_ns, None, wanted.until_ns)


def fill_conditions(wanted: FillsWanted) -> Conditions:
    table = schema.FILLS
    conditions = _common(table, wanted) + _equal(table, {"side": wanted.side})
    return conditions + _between(table.c.at_ns, None, wanted.until_ns)


def _common(table: Table, wanted: OrdersWanted | FillsWanted) -> Conditions:
    conditions = _equal(table, {"strategy": wanted.strategy, "instrument": wanted.instrument})
    if wanted.strategy_part is not None:
        conditions.append(table.c.strategy.icontains(wanted.strategy_part, autoescape=True))
    return conditions


def _equal(table: Table, wanted: dict[str, object]) -> Conditions:
    return [
        table.c[name] == (str(value) if isinstance(value, str) else value)
        for name, value in wanted.items()
        if value is not None
    ]


def _between(column: ColumnElement[int], since: int | None, until: int | None) -> Conditions:
    conditions: Conditions = []
    if since is not None:
        conditions.append(column >= since)
    if until is not None:
        conditions.append(column < until)
    return conditions


async def _records(
    engine: AsyncEngine,
    record: type[R],
    table: Table,
    conditions: Conditions,
    newest: Sequence[ColumnElement[Any]],
    page: Page,
) -> Found[R]:
    query = select(table).where(*conditions).order_by(*newest)
    rows, total = await _page(engine, query, page)
    return Found(rows=tuple(read(record, row) for row in rows), total=total)


async def _page(engine: AsyncEngine, query: Select[Any], page: Page) -> tuple[Sequence[Any], int]:
    """Read a page and the number of all matches, both of one moment."""
    async with reading(engine) as lent:
        connection = await lent.execution_options(isolation_level="REPEATABLE READ")
        count = select(func.count()).select_from(query.order_by(None).subquery())
        total = await connection.scalar(count) or 0
        wanted = query.limit(page.limit).offset(page.offset)
        return (await connection.execute(wanted)).mappings().all(), total


async def _all(connection: AsyncConnection, record: type[R], query: Select[Any]) -> tuple[R, ...]:
    rows = (await connection.execute(query)).mappings()
    return tuple(read(record, row) for row in rows)

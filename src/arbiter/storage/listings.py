"""Paged reads of the projections, newest first, with the exact number of all matches."""

from collections.abc import Collection, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from arbiter.model.events import Audited
from arbiter.model.ids import (
    Actor,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    Symbol,
    TradeId,
    VenueId,
)
from arbiter.model.orders import Fill, Order, OrderStatus, Side
from arbiter.model.plans import Family, Signal
from arbiter.model.trades import Trade, TradeState
from arbiter.storage import schema
from arbiter.storage.database import reading
from arbiter.storage.rows import read

R = TypeVar("R", bound=msgspec.Struct)
Row = TypeVar("Row")
Conditions = list[ColumnElement[bool]]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`limit` rows after the first `offset`."""

    limit: int = 100
    offset: int = 0


class Listing(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    rows: tuple[Row, ...]
    total: int
    """All matches, not only this page's."""


class BookedFill(msgspec.Struct, frozen=True, kw_only=True):
    """A fill with what its order says of it; None where the order is not known."""

    fill: Fill
    strategy: StrategyId | None
    trade_id: TradeId | None


class TradeFile(msgspec.Struct, frozen=True, kw_only=True):
    """One trade with all its orders and fills, oldest first."""

    trade: Trade
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    entry: Audited


class TradeFilter(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions hold; times bound `started_ns`, the end not included."""

    symbol: Symbol | None = None
    states: Collection[TradeState] | None = None
    any_filled: bool | None = None
    """Something was bought or sold, whatever the state."""
    strategy: StrategyId | None = None
    family: Family | None = None
    since_ns: int | None = None
    until_ns: int | None = None


class OrderFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Times bound `created_ns`, the end not included."""

    strategy: StrategyId | None = None
    strategy_part: str | None = None
    """A part of the strategy's name, in any case."""
    instrument: InstrumentId | None = None
    venue: VenueId | None = None
    side: Side | None = None
    statuses: Collection[OrderStatus] | None = None
    since_ns: int | None = None
    until_ns: int | None = None


class FillFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Times bound the venue's time of execution, the end not included."""

    strategy: StrategyId | None = None
    strategy_part: str | None = None
    instrument: InstrumentId | None = None
    venue: VenueId | None = None
    side: Side | None = None
    since_ns: int | None = None
    until_ns: int | None = None


class SignalFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Times bound `detected_ns`, the end not included."""

    symbol: Symbol | None = None
    strategy: StrategyId | None = None
    executed: bool | None = None
    since_ns: int | None = None
    until_ns: int | None = None


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    actor: Actor | None = None
    action: str | None = None
    entity_part: str | None = None
    """A part of what was changed, in any case."""
    since_ns: int | None = None
    until_ns: int | None = None


async def trades(engine: AsyncEngine, wanted: TradeFilter, page: Page) -> Listing[Trade]:
    table = schema.TRADES
    newest = (table.c.started_ns.desc(), table.c.seq.desc())
    return await _records(engine, Trade, table, trade_conditions(wanted), newest, page)


async def orders(engine: AsyncEngine, wanted: OrderFilter, page: Page) -> Listing[Order]:
    table = schema.ORDERS
    newest = (table.c.created_ns.desc(), table.c.client_order_id.desc())
    return await _records(engine, Order, table, order_conditions(wanted), newest, page)


async def fills(engine: AsyncEngine, wanted: FillFilter, page: Page) -> Listing[BookedFill]:
    table = schema.FILLS
    newest = (table.c.at_ns.desc(), table.c.seq.desc())
    query = select(table).where(*fill_conditions(wanted)).order_by(*newest)
    rows, total = await _page(engine, query, page)
    return Listing(
        rows=tuple(
            BookedFill(fill=read(Fill, row), strategy=row["strategy"], trade_id=row["trade_id"])
            for row in rows
        ),
        total=total,
    )


async def signals(engine: AsyncEngine, wanted: SignalFilter, page: Page) -> Listing[Signal]:
    table = schema.SIGNALS
    conditions = _equal(
        table, {"symbol": wanted.symbol, "strategy": wanted.strategy, "executed": wanted.executed}
    ) + _between(table.c.detected_ns, wanted.since_ns, wanted.until_ns)
    newest = (table.c.detected_ns.desc(), table.c.seq.desc())
    return await _records(engine, Signal, table, conditions, newest, page)


async def audit(engine: AsyncEngine, wanted: AuditFilter, page: Page) -> Listing[AuditEntry]:
    table = schema.AUDIT
    conditions = _equal(table, {"actor": wanted.actor, "action": wanted.action}) + _between(
        table.c.at_ns, wanted.since_ns, wanted.until_ns
    )
    if wanted.entity_part is not None:
        conditions.append(table.c.entity.icontains(wanted.entity_part, autoescape=True))
    query = select(table).where(*conditions).order_by(table.c.at_ns.desc(), table.c.id.desc())
    rows, total = await _page(engine, query, page)
    return Listing(
        rows=tuple(AuditEntry(id=row["id"], entry=read(Audited, row)) for row in rows),
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


def trade_conditions(wanted: TradeFilter) -> Conditions:
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


def order_conditions(wanted: OrderFilter) -> Conditions:
    table = schema.ORDERS
    conditions = _common(table, wanted)
    if wanted.statuses is not None:
        conditions.append(table.c.status.in_([str(status) for status in wanted.statuses]))
    return conditions + _between(table.c.created_ns, wanted.since_ns, wanted.until_ns)


def fill_conditions(wanted: FillFilter) -> Conditions:
    table = schema.FILLS
    return _common(table, wanted) + _between(table.c.at_ns, wanted.since_ns, wanted.until_ns)


def _common(table: Table, wanted: OrderFilter | FillFilter) -> Conditions:
    conditions = _equal(
        table,
        {
            "strategy": wanted.strategy,
            "instrument": wanted.instrument,
            "venue": wanted.venue,
            "side": wanted.side,
        },
    )
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
) -> Listing[R]:
    query = select(table).where(*conditions).order_by(*newest)
    rows, total = await _page(engine, query, page)
    return Listing(rows=tuple(read(record, row) for row in rows), total=total)


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

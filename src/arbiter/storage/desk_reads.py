"""What the desk reads of the past: pages of the projections, and sums over them."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Label, Text, cast, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from arbiter.model.events import JournalEvent, decode_event
from arbiter.model.holdings import ClosedPosition
from arbiter.model.ids import ClientOrderId, InstrumentId, StrategyId, TradeId
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, Side
from arbiter.model.plans import Family, Signal
from arbiter.model.time import NS_PER_MINUTE
from arbiter.model.trades import Trade
from arbiter.ports.desk_history import Counts, EquityPoint, FillSum, FundingSums, TradeStory
from arbiter.ports.past import (
    AuditWanted,
    ClosedWanted,
    FillsWanted,
    Found,
    OrdersWanted,
    Page,
    SignalsWanted,
    StoredAudit,
    StoredFill,
    TradesWanted,
)
from arbiter.storage import desk_funding, listings, schema
from arbiter.storage.database import reading
from arbiter.storage.rows import read

_NS = BigInteger()
_LARGEST = 2**63 - 1
_WINDOW = 20_000
_LATE_REPORTS = 500


class DeskReads:
    """`ports.DeskHistory` over PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def orders(self, wanted: OrdersWanted, page: Page) -> Found[Order]:
        return await listings.orders(self._engine, wanted, page)

    async def order(self, client_order_id: ClientOrderId) -> Order | None:
        return await listings.order(self._engine, client_order_id)

    async def fills(self, wanted: FillsWanted, page: Page) -> Found[StoredFill]:
        return await listings.fills(self._engine, wanted, page)

    async def fills_of(self, client_order_id: ClientOrderId) -> Sequence[StoredFill]:
        table = schema.FILLS
        query = (
            select(table)
            .where(table.c.client_order_id == client_order_id)
            .order_by(table.c.at_ns, table.c.seq)
        )
        async with reading(self._engine) as connection:
            rows: Sequence[Any] = (await connection.execute(query)).mappings().all()
        return [listings.stored_fill(row) for row in rows]

    async def fill_sums(self) -> Sequence[FillSum]:
        f = schema.FILLS.c
        kinds = (f.strategy, f.instrument, f.side, f.fee_asset)
        query = (
            select(
                *kinds,
                func.count(),
                func.sum(f.size),
                func.sum(f.size * f.price),
                func.sum(f.fee),
            )
            .group_by(*kinds)
            .order_by(*kinds)
        )
        async with reading(self._engine) as connection:
            return [
                FillSum(
                    strategy=None if row[0] is None else StrategyId(row[0]),
                    instrument=InstrumentId(row[1]),
                    side=Side(row[2]),
                    fee_asset=row[3],
                    count=row[4],
                    size=row[5],
                    value=row[6],
                    fees=row[7],
                )
                for row in await connection.execute(query)
            ]

    async def closed_positions(self, wanted: ClosedWanted, page: Page) -> Found[ClosedPosition]:
        table = schema.CLOSED_POSITIONS
        query = select(table)
        if wanted.strategy is not None:
            query = query.where(table.c.strategy == str(wanted.strategy))
        if wanted.instrument is not None:
            query = query.where(table.c.instrument == str(wanted.instrument))
        newest = (table.c.closed_ns.desc(), table.c.instrument, table.c.number.desc())
        async with reading(self._engine) as lent:
            connection = await lent.execution_options(isolation_level="REPEATABLE READ")
            total = await connection.scalar(select(func.count()).select_from(query.subquery()))
            shown = query.order_by(*newest).limit(page.limit).offset(page.offset)
            rows: Sequence[Any] = (await connection.execute(shown)).mappings().all()
        return Found(rows=[read(ClosedPosition, row) for row in rows], total=total or 0)

    async def trades(self, wanted: TradesWanted, page: Page) -> Found[Trade]:
        return await listings.trades(self._engine, wanted, page)

    async def trade(self, seq: int) -> TradeStory | None:
        if not 0 < seq <= _LARGEST:
            return None
        found = await listings.trade(self._engine, seq)
        if found is None:
            return None
        one = found.trade
        async with reading(self._engine) as connection:
            return TradeStory(
                trade=one,
                signal=await _signal_of(connection, one),
                orders=found.orders,
                fills=found.fills,
                events=await _events_of(connection, one, found.orders),
            )

    async def orders_of(self, trades: Collection[TradeId]) -> Sequence[Order]:
        table = schema.ORDERS
        query = (
            select(table)
            .where(table.c.trade_id.in_(list(trades)))
            .order_by(table.c.created_ns, table.c.leg, table.c.client_order_id)
        )
        async with reading(self._engine) as connection:
            rows: Sequence[Any] = (await connection.execute(query)).mappings().all()
        return [read(Order, row) for row in rows]

    async def signals(self, wanted: SignalsWanted, page: Page) -> Found[Signal]:
        return await listings.signals(self._engine, wanted, page)

    async def audit(self, wanted: AuditWanted, page: Page) -> Found[StoredAudit]:
        return await listings.audit(self._engine, wanted, page)

    async def counts(self) -> Counts:
        counted = (schema.SIGNALS, schema.ORDERS, schema.FILLS, schema.TRADES)
        query = select(
            *(select(func.count()).select_from(table).scalar_subquery() for table in counted)
        )
        async with reading(self._engine) as connection:
            signals, orders, fills, trades = (await connection.execute(query)).one()
        return Counts(signals=signals, orders=orders, fills=fills, trades=trades)

    async def equity(
        self, since_ns: int | None, until_ns: int, points: int
    ) -> Sequence[EquityPoint]:
        t, m = schema.TRADES.c, schema.PNL_MINUTES.c
        async with reading(self._engine) as lent:
            connection = await lent.execution_options(isolation_level="REPEATABLE READ")
            if since_ns is None:
                since_ns = await connection.scalar(select(func.min(m.minute_ns))) or until_ns
            step = max(1, -(-(until_ns - since_ns) // max(points - 1, 1)))
            before = select(func.coalesce(func.sum(m.realized), 0)).where(m.minute_ns < since_ns)
            level = Decimal(await connection.scalar(before) or 0)

            def bucket_of(column: ColumnElement[int]) -> Label[int]:
                since, width = literal(since_ns, _NS), literal(step, _NS)
                return ((column - since) // width).label("bucket")

            ended_minute = t.completed_ns - t.completed_ns % literal(NS_PER_MINUTE, _NS)
            made_in, ended_in = bucket_of(m.minute_ns), bucket_of(ended_minute)
            made = (
                select(made_in, func.max(m.minute_ns), func.sum(m.realized))
                .where(m.minute_ns >= since_ns, m.minute_ns < until_ns)
                .group_by(made_in)
            )
            ended = (
                select(ended_in, func.max(ended_minute), func.count())
                .where(t.completed_ns >= since_ns, t.completed_ns < until_ns, t.pnl.is_not(None))
                .where(ended_minute >= since_ns)
                .group_by(ended_in)
            )
            sums = {bucket: (last, sum_) for bucket, last, sum_ in await connection.execute(made)}
            ends = {bucket: (last, of) for bucket, last, of in await connection.execute(ended)}
        curve = [EquityPoint(since_ns, level, 0)]
        for bucket in sorted(sums.keys() | ends.keys()):
            made_ns, sum_ = sums.get(bucket, (0, ZERO))
            ended_ns, trades = ends.get(bucket, (0, 0))
            level += sum_
            at_ns = min(max(made_ns, ended_ns) + NS_PER_MINUTE, until_ns) - 1
            curve.append(EquityPoint(at_ns, level, trades))
        return curve

    async def funding(self, limit: int) -> FundingSums:
        return await desk_funding.funding(self._engine, limit)

    async def pnl_by_strategy(self, since_ns: int) -> dict[StrategyId, Decimal]:
        m = schema.PNL_MINUTES.c
        query = (
            select(m.strategy, func.sum(m.realized))
            .where(m.minute_ns >= since_ns)
            .group_by(m.strategy)
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query)).all()
        return {StrategyId(strategy): Decimal(made) for strategy, made in rows}

    async def trades_by_family(self, since_ns: int) -> dict[Family, int]:
        t = schema.TRADES.c
        query = select(t.family, func.count()).where(t.completed_ns >= since_ns).group_by(t.family)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query)).all()
        return {Family(family): trades for family, trades in rows}


async def _signal_of(connection: AsyncConnection, trade: Trade) -> Signal | None:
    if trade.signal_id is None:
        return None
    table = schema.SIGNALS
    query = select(table).where(table.c.id == trade.signal_id)
    row: Any = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else read(Signal, row)


async def _events_of(
    connection: AsyncConnection, trade: Trade, orders: Sequence[Order]
) -> list[JournalEvent]:
    """Find the trade's own events by its index, and those of its orders in the journal between.

    Reports carry no trade: they are looked for from the trade's first event to a little after its
    last, and no further than `_WINDOW` events.
    """
    e = schema.EVENTS.c
    own = (await connection.execute(select(e.seq).where(e.trade_id == trade.id))).scalars().all()
    if not own:
        return []
    first, last = min(own), min(max(own) + _LATE_REPORTS, min(own) + _WINDOW)
    keys = [order.client_order_id for order in orders]
    wanted = or_(
        e.trade_id == trade.id,
        e.body["client_order_id"].astext.in_(keys),
        e.body["fill"]["client_order_id"].astext.in_(keys),
    )
    query = select(cast(e.body, Text)).where(e.seq.between(first, last), wanted).order_by(e.seq)
    return [decode_event(body) for body in (await connection.execute(query)).scalars()]

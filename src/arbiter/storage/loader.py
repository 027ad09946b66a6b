"""What a fresh ledger goes on from: bounded reads by index, whatever the history's length."""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Select, Table, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from arbiter.ledger.settling import RESOLUTIONS_KEPT
from arbiter.model.copying import CopyPosition, CopySubscription, LeaderAction
from arbiter.model.event_pairs import EventPair
from arbiter.model.events import SettingChanged
from arbiter.model.holdings import (
    Balance,
    Budget,
    KillSwitch,
    PnlMinute,
    Position,
    Residual,
    TradingDay,
)
from arbiter.model.ids import ClientOrderId, StrategyId, VenueId
from arbiter.model.image import LedgerImage
from arbiter.model.orders import Fill, Order
from arbiter.model.pairs import FundingPair
from arbiter.model.perpetuals import Contract, ForcedClose, MarginPosition
from arbiter.model.settling import SettledFill, Settling
from arbiter.model.trades import Trade
from arbiter.storage import copying_schema, margin_schema, schema
from arbiter.storage.database import reading
from arbiter.storage.event_schema import EVENT_PAIRS
from arbiter.storage.rows import read
from arbiter.storage.settling_schema import SETTLED_FILLS, SETTLING

R = TypeVar("R", bound=msgspec.Struct)

DAYS = 8
FILL_KEYS = 50_000
CLOSED_TRADES = 200


async def load(
    engine: AsyncEngine,
    *,
    fill_keys: int = FILL_KEYS,
    closed_trades: int = CLOSED_TRADES,
) -> LedgerImage:
    """Read the state in one snapshot.

    Open trades, trades of open orders and the `closed_trades` that ended last, with all orders
    and fills of the open ones; the keys of the newest `fill_keys` fills; every balance, position,
    budget and residual.
    """
    async with reading(engine) as lent:
        connection = await lent.execution_options(isolation_level="REPEATABLE READ")
        trades = await _trades(connection, closed_trades)
        orders = await _orders(connection, trades)
        fills = await _fills_of(connection, [order.client_order_id for order in orders])
        days = await _all(
            connection,
            TradingDay,
            select(schema.TRADING_DAYS).order_by(schema.TRADING_DAYS.c.day_ns.desc()).limit(DAYS),
        )
        return LedgerImage(
            trades=tuple(trades),
            orders=tuple(orders),
            fills=tuple(fills),
            fill_keys=await _fill_keys(connection, fill_keys),
            balances=await _rows(connection, Balance, schema.BALANCES),
            positions=await _rows(connection, Position, schema.POSITIONS),
            budgets=await _rows(connection, Budget, schema.BUDGETS),
            residuals=await _rows(connection, Residual, schema.RESIDUALS),
            days=tuple(reversed(days)),
            minutes=await _newest_minute(connection),
            contracts=await _rows(connection, Contract, margin_schema.CONTRACTS),
            margin_positions=await _rows(
                connection, MarginPosition, margin_schema.MARGIN_POSITIONS
            ),
            payment_keys=await _payment_keys(connection, fill_keys),
            resolutions=tuple(await _resolutions(connection)),
            settling=await _rows(connection, Settling, SETTLING),
            settled=tuple(
                await _all(
                    connection,
                    SettledFill,
                    select(SETTLED_FILLS).order_by(SETTLED_FILLS.c.at_ns.desc()).limit(fill_keys),
                )
            ),
            pairs=tuple(await _pairs(connection, closed_trades)),
            event_pairs=await _rows(connection, EventPair, EVENT_PAIRS),
            copy_subscriptions=tuple(
                await _all(
                    connection,
                    CopySubscription,
                    select(copying_schema.COPY_SUBSCRIPTIONS).order_by(
                        copying_schema.COPY_SUBSCRIPTIONS.c.created_ns,
                        copying_schema.COPY_SUBSCRIPTIONS.c.id,
                    ),
                )
            ),
            copy_positions=await _rows(connection, CopyPosition, copying_schema.COPY_POSITIONS),
            leader_actions=tuple(await _leader_actions(connection)),
            kill_switch=await _kill_switch(connection),
            strategies=await _strategies(connection),
            settings={
                change.path: change
                for change in await _rows(connection, SettingChanged, schema.SETTINGS)
            },
            next_trade_seq=await _next(connection, schema.TRADES),
            next_signal_seq=await _next(connection, schema.SIGNALS),
            last_event_ns=await _newest_event_ns(connection),
        )


async def _newest_minute(connection: AsyncConnection) -> tuple[PnlMinute, ...]:
    table = schema.PNL_MINUTES
    newest = select(func.max(table.c.minute_ns)).scalar_subquery()
    return tuple(
        await _all(connection, PnlMinute, select(table).where(table.c.minute_ns == newest))
    )


async def known_fills(
    engine: AsyncEngine, keys: Collection[tuple[VenueId, str]]
) -> set[tuple[VenueId, str]]:
    """Say which fills were ever booked: for those older than a ledger's own memory of keys."""
    if not keys:
        return set()
    known: set[tuple[VenueId, str]] = set()
    async with reading(engine) as connection:
        for table in (schema.FILLS, SETTLED_FILLS):  # one that failed is only among the latter
            key = tuple_(table.c.venue, table.c.venue_trade_id)
            query = select(table.c.venue, table.c.venue_trade_id).where(key.in_(list(keys)))
            rows = await connection.execute(query)
            known.update((VenueId(venue), name) for venue, name in rows)
    return known


async def find_order(
    engine: AsyncEngine, client_order_id: ClientOrderId
) -> tuple[Order, Trade | None] | None:
    """Find any order we ever owned, with its trade (None when it was denied before one opened)."""
    async with reading(engine) as connection:
        orders = await _all(
            connection,
            Order,
            select(schema.ORDERS).where(schema.ORDERS.c.client_order_id == client_order_id),
        )
        if not orders:
            return None
        trades = await _all(
            connection, Trade, select(schema.TRADES).where(schema.TRADES.c.id == orders[0].trade_id)
        )
        return orders[0], trades[0] if trades else None


async def _trades(connection: AsyncConnection, closed: int) -> Sequence[Trade]:
    table, orders = schema.TRADES, schema.ORDERS
    of_open_orders = select(orders.c.trade_id).where(schema.OPEN_ORDER)
    last_closed = (
        select(table.c.id)
        .where(table.c.completed_ns.is_not(None))
        .order_by(table.c.completed_ns.desc())
        .limit(closed)
    )
    wanted = or_(
        table.c.id.in_(select(table.c.id).where(schema.OPEN_TRADE_STATE)),
        table.c.id.in_(of_open_orders),
        table.c.id.in_(last_closed),
    )
    return await _all(connection, Trade, select(table).where(wanted).order_by(table.c.seq))


async def _orders(connection: AsyncConnection, trades: Sequence[Trade]) -> Sequence[Order]:
    """Give all orders of the trades; a denied one has no trade and is over."""
    table = schema.ORDERS
    query = select(table).where(table.c.trade_id.in_([trade.id for trade in trades]))
    return await _all(connection, Order, query.order_by(table.c.client_order_id))


async def _fills_of(connection: AsyncConnection, orders: Sequence[ClientOrderId]) -> Sequence[Fill]:
    table = schema.FILLS
    query = select(table).where(table.c.client_order_id.in_(orders)).order_by(table.c.seq)
    return await _all(connection, Fill, query)


async def _fill_keys(connection: AsyncConnection, count: int) -> frozenset[tuple[VenueId, str]]:
    """Of fills and of forced closes, which share their numbers."""
    table, forced = schema.FILLS, margin_schema.FORCED_CLOSES
    fills = select(table.c.venue, table.c.venue_trade_id).order_by(table.c.seq.desc()).limit(count)
    closes = (
        select(forced.c.venue, forced.c.venue_trade_id).order_by(forced.c.at_ns.desc()).limit(count)
    )
    keys: set[tuple[VenueId, str]] = set()
    for query in (fills, closes):
        rows = await connection.execute(query)
        keys.update((VenueId(venue), name) for venue, name in rows)
    return frozenset(keys)


async def _payment_keys(connection: AsyncConnection, count: int) -> frozenset[tuple[VenueId, str]]:
    table = margin_schema.FUNDING_PAYMENTS
    query = select(table.c.venue, table.c.payment_id).order_by(table.c.at_ns.desc()).limit(count)
    return frozenset((VenueId(venue), name) for venue, name in await connection.execute(query))


async def _resolutions(connection: AsyncConnection) -> Sequence[ForcedClose]:
    """Give the newest few of each market."""
    forced = margin_schema.FORCED_CLOSES
    by_age = func.row_number().over(
        partition_by=forced.c.instrument, order_by=forced.c.at_ns.desc()
    )
    ranked = select(forced, by_age.label("age")).where(margin_schema.RESOLUTION).subquery()
    query = select(ranked).where(ranked.c.age <= RESOLUTIONS_KEPT).order_by(ranked.c.at_ns)
    return await _all(connection, ForcedClose, query)


async def _pairs(connection: AsyncConnection, closed: int) -> Sequence[FundingPair]:
    """Give the active pairs and those that closed last."""
    table = margin_schema.FUNDING_PAIRS
    newest = (
        select(table.c.id)
        .where(table.c.closed_ns.is_not(None))
        .order_by(table.c.closed_ns.desc())
        .limit(closed)
    )
    wanted = or_(margin_schema.ACTIVE_PAIR, table.c.id.in_(newest))
    return await _all(connection, FundingPair, select(table).where(wanted))


async def _leader_actions(connection: AsyncConnection) -> Sequence[LeaderAction]:
    """Give what followed leaders did since the first active subscription to each began."""
    told, copies = copying_schema.LEADER_ACTIONS, copying_schema.COPY_SUBSCRIPTIONS
    followed = (
        select(copies.c.venue, copies.c.wallet, func.min(copies.c.created_ns).label("since_ns"))
        .where(copies.c.removed_ns.is_(None))
        .group_by(copies.c.venue, copies.c.wallet)
        .subquery()
    )
    query = select(told).join(
        followed,
        (told.c.venue == followed.c.venue)
        & (told.c.wallet == followed.c.wallet)
        & (told.c.at_ns >= followed.c.since_ns),
    )
    return await _all(connection, LeaderAction, query)


async def _kill_switch(connection: AsyncConnection) -> KillSwitch:
    rows = await _rows(connection, KillSwitch, schema.KILL_SWITCH)
    return rows[0] if rows else KillSwitch()


async def _strategies(connection: AsyncConnection) -> dict[StrategyId, bool]:
    table = schema.STRATEGIES
    rows = await connection.execute(select(table.c.strategy, table.c.running))
    return {StrategyId(name): running for name, running in rows}


async def _newest_event_ns(connection: AsyncConnection) -> int:
    events = schema.EVENTS.c
    newest = select(events.at_ns).order_by(events.seq.desc()).limit(1)
    return await connection.scalar(newest) or 0


async def _next(connection: AsyncConnection, table: Table) -> int:
    newest = await connection.scalar(select(func.max(table.c.seq)))
    return (newest or 0) + 1


async def _rows(connection: AsyncConnection, record: type[R], table: Table) -> tuple[R, ...]:
    return tuple(await _all(connection, record, select(table).order_by(*table.primary_key.columns)))


async def _all(connection: AsyncConnection, record: type[R], query: Select[Any]) -> list[R]:
    rows = (await connection.execute(query)).mappings()
    return [read(record, row) for row in rows]

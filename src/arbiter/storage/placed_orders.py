"""Orders by the ids clients know them by, from the database."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.model.ids import Actor, ClientOrderId, VenueId
from arbiter.model.orders import LEG_ROLES, Order, OrderStatus
from arbiter.model.placed import PlacedOrder
from arbiter.storage.database import reading
from arbiter.storage.placed_schema import PLACED_ORDERS
from arbiter.storage.rows import read
from arbiter.storage.schema import ORDERS


class StoredOrders:
    """Implements `ports.placed_orders.PlacedOrders`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def placed(self, actor: Actor, key: str) -> PlacedOrder | None:
        table = PLACED_ORDERS
        query = select(table).where(table.c.actor == str(actor), table.c.key == key)
        async with reading(self._engine) as connection:
            row: Any = (await connection.execute(query)).mappings().first()
        return None if row is None else read(PlacedOrder, row)

    async def order(self, client_order_id: ClientOrderId) -> Order | None:
        found = await self._orders(ORDERS.c.client_order_id == str(client_order_id))
        return found[0] if found else None

    async def by_venue_id(self, venue: VenueId | None, venue_order_id: str) -> Sequence[Order]:
        conditions = [ORDERS.c.venue_order_id == venue_order_id]
        if venue is not None:
            conditions.append(ORDERS.c.venue == str(venue))
        return await self._orders(*conditions)

    async def of_trades(self, trades: Collection[UUID]) -> Sequence[Order]:
        return await self._orders(ORDERS.c.trade_id.in_(list(trades))) if trades else ()

    async def recent(
        self,
        *,
        venues: Collection[VenueId] | None,
        statuses: Collection[OrderStatus] | None,
        limit: int,
    ) -> Sequence[Order]:
        first = ORDERS.c.client_order_id.endswith("-" + ORDERS.c.leg + "1")
        conditions = [or_(ORDERS.c.leg.not_in(list(LEG_ROLES)), first)]
        if venues is not None:
            conditions.append(ORDERS.c.venue.in_([str(venue) for venue in venues]))
        if statuses is not None:
            conditions.append(ORDERS.c.status.in_([str(status) for status in statuses]))
        return await self._orders(*conditions, limit=limit)

    async def _orders(self, *conditions: object, limit: int | None = None) -> Sequence[Order]:
        query = (
            select(ORDERS)
            .where(*conditions)  # type: ignore[arg-type]
            .order_by(ORDERS.c.created_ns.desc(), ORDERS.c.client_order_id.desc())
            .limit(limit)
        )
        async with reading(self._engine) as connection:
            rows: Sequence[Any] = (await connection.execute(query)).mappings().all()
        return [read(Order, row) for row in rows]

"""What a desk for orders by hand needs of the database."""

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from arbiter.model.ids import Actor, ClientOrderId, VenueId
from arbiter.model.orders import Order, OrderStatus
from arbiter.model.placed import PlacedOrder


class PlacedOrders(Protocol):
    """Reads of what is durable; `StorageUnavailable` while the database is away."""

    async def placed(self, actor: Actor, key: str) -> PlacedOrder | None: ...

    async def order(self, client_order_id: ClientOrderId) -> Order | None: ...

    async def by_venue_id(self, venue: VenueId | None, venue_order_id: str) -> Sequence[Order]:
        """Orders of that venue, or of any, with its id; newest first."""
        ...

    async def of_trades(self, trades: Collection[UUID]) -> Sequence[Order]:
        """All orders of those trades."""
        ...

    async def recent(
        self,
        *,
        venues: Collection[VenueId] | None,
        statuses: Collection[OrderStatus] | None,
        limit: int,
    ) -> Sequence[Order]:
        """First orders of their legs, newest first; what followed them is left out."""
        ...

"""The archive: whatever ever was booked, for those whose memory is shorter."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.model.ids import ClientOrderId, VenueId
from arbiter.model.orders import Order
from arbiter.model.trades import Trade
from arbiter.storage import loader


class StoredArchive:
    """Reads what the journal's projections keep for ever."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def known_fills(self, keys: Collection[tuple[VenueId, str]]) -> set[tuple[VenueId, str]]:
        """Say which of these fills were ever booked."""
        return await loader.known_fills(self._engine, keys)

    async def find_order(self, client_order_id: ClientOrderId) -> tuple[Order, Trade | None] | None:
        """Find any order we ever owned, with its trade."""
        return await loader.find_order(self._engine, client_order_id)

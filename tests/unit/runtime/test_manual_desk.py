"""Orders by hand while the database is away: what memory alone can say of an id is enough."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from uuid import UUID

import pytest

from arbiter.model.errors import StorageUnavailable
from arbiter.model.ids import Actor, ClientOrderId, VenueId, VenueOrderId
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.placed import PlacedOrder
from arbiter.runtime.manual_desk import ManualDesk, Ticket
from tests.fakes.engine import VENUES, Desk

ANN = Actor("user:ann")
FIRST, SECOND = VENUES


class StoreAway:
    """A database that answers nothing, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def _away(self) -> StorageUnavailable:
        self.asked += 1
        return StorageUnavailable("the database went away")

    async def placed(self, actor: Actor, key: str) -> PlacedOrder | None:
        raise self._away()

    async def order(self, client_order_id: ClientOrderId) -> Order | None:
        raise self._away()

    async def by_venue_id(self, venue: VenueId | None, venue_order_id: str) -> Sequence[Order]:
        raise self._away()

    async def of_trades(self, trades: Collection[UUID]) -> Sequence[Order]:
        raise self._away()

    async def recent(
        self,
        *,
        venues: Collection[VenueId] | None,
        statuses: Collection[OrderStatus] | None,
        limit: int,
    ) -> Sequence[Order]:
        raise self._away()


class Hand:
    def __init__(self) -> None:
        self.engine = Desk()
        self.engine.open_spread()
        self.engine.outbox.sent.clear()
        self.store = StoreAway()
        self.desk = ManualDesk(
            core=self.engine.core,
            store=self.store,
            hub=self.engine.hub,
            clock=self.engine.clock,
        )

    async def rests(self, venue: VenueId, name: str) -> Order:
        """Place an order that waits in the venue's book under this id of the venue's."""
        (listed,) = (i for i in self.engine.registry.instruments if i.venue == venue)
        ticket = Ticket(
            actor=ANN, instrument=listed, side=Side.BUY, size=Decimal("0.5"), price=Decimal(99)
        )
        order = (await self.desk.place(ticket)).first
        self.engine.accept(order, VenueOrderId(name))
        return order


async def test_an_order_is_cancelled_by_its_venues_id_while_the_database_is_away() -> None:
    hand = Hand()
    order = await hand.rests(FIRST, "7")
    await hand.rests(SECOND, "8")
    found = await hand.desk.find("7", actor=ANN)
    assert found is not None
    assert found.first.client_order_id == order.client_order_id
    await hand.desk.cancel(found, ANN)
    assert [each.client_order_id for each in hand.engine.outbox.cancelled] == [
        order.client_order_id
    ]


@pytest.mark.parametrize("name", ["7", "unheard-of"])
async def test_an_id_that_memory_alone_cannot_tell_waits_for_the_database(name: str) -> None:
    hand = Hand()
    for venue in VENUES:
        await hand.rests(venue, "7")
    with pytest.raises(StorageUnavailable):
        await hand.desk.find(name, actor=ANN)


async def test_an_order_of_memory_is_found_by_the_engines_id_without_the_database() -> None:
    hand = Hand()
    order = await hand.rests(FIRST, "7")
    for venue in (None, FIRST):
        found = await hand.desk.find(order.client_order_id, venue, ANN)
        assert found is not None
        assert found.first.client_order_id == order.client_order_id
    assert await hand.desk.find(order.client_order_id, SECOND, ANN) is None
    assert hand.store.asked == 0

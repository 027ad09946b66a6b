"""Event contracts sold by hand: what is held is given back, anything else buys the other outcome."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from uuid import UUID

import pytest

from arbiter.model.ids import MANUAL, Actor, ClientOrderId, InstrumentId, VenueId
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.placed import PlacedOrder
from arbiter.runtime.manual_desk import ManualDesk, Ticket
from tests.scenarios.events.stage import EventStage, stage
from tests.scenarios.events.world import KALSHI, SAME
from tests.scenarios.seeds import seeds

HUNDRED = Decimal(100)


class NothingStored:
    """A database that knows no order but those in memory."""

    async def placed(self, actor: Actor, key: str) -> PlacedOrder | None:
        return None

    async def order(self, client_order_id: ClientOrderId) -> Order | None:
        return None

    async def by_venue_id(self, venue: VenueId | None, venue_order_id: str) -> Sequence[Order]:
        return ()

    async def of_trades(self, trades: Collection[UUID]) -> Sequence[Order]:
        return ()

    async def recent(
        self,
        *,
        venues: Collection[VenueId] | None,
        statuses: Collection[OrderStatus] | None,
        limit: int,
    ) -> Sequence[Order]:
        return ()


class Hand:
    """Places orders of a person on the second venue's market."""

    def __init__(self, world: EventStage) -> None:
        self.world = world
        self.name: InstrumentId = world.second()
        engine = world.engine
        engine.desk.enabled = False
        self.desk = ManualDesk(
            core=engine.core,
            store=NothingStored(),
            hub=engine.hub,
            clock=world.clock,
        )

    def place(self, side: Side, size: Decimal, price: str) -> Order:
        ticket = Ticket(
            actor=Actor("user:ann"),
            instrument=self.world.registry.by_id(self.name),
            side=side,
            size=size,
            price=Decimal(price),
        )
        order = self.world.loop.run_until_complete(self.desk.place(ticket)).first
        self.world.run(0.5)
        return self.world.ledger.orders.get(order.client_order_id, order)

    def take(self, size: Decimal) -> None:
        """Buy (> 0) or sell so much at whatever price."""
        order = self.place(*((Side.BUY, size, "0.9") if size > ZERO else (Side.SELL, -size, "0.1")))
        self.world.run_until(
            lambda: self.world.ledger.orders[order.client_order_id].status is OrderStatus.FILLED
        )

    @property
    def held(self) -> Decimal:
        row = self.world.ledger.positions.get((MANUAL, self.name))
        return ZERO if row is None else row.quantity

    @property
    def free(self) -> Decimal:
        return self.world.ledger.free(KALSHI, self.world.venues[KALSHI].asset)


@pytest.mark.parametrize("seed", seeds(2))
def test_what_is_held_is_sold_back_without_money_and_under_the_kill_switch(seed: int) -> None:
    with stage(seed) as world:
        hand = Hand(world)
        hand.take(HUNDRED)
        assert hand.held == HUNDRED
        world.kill(flatten=False)
        free = hand.free
        order = hand.place(Side.SELL, HUNDRED, "0.99")
        assert (order.status, order.reduce_only) == (OrderStatus.WORKING, True)
        assert (order.lock, order.reserve, hand.free) == (ZERO, ZERO, free)
        dear = hand.place(Side.SELL, HUNDRED, "0.99")
        assert dear.status is OrderStatus.DENIED
        assert "KILL_SWITCH" in str(dear.reason)


@pytest.mark.parametrize("seed", seeds(2))
def test_what_was_sold_short_is_bought_back_without_money(seed: int) -> None:
    with stage(seed) as world:
        hand = Hand(world)
        hand.take(-HUNDRED)
        assert hand.held == -HUNDRED
        order = hand.place(Side.BUY, HUNDRED, "0.01")
        assert (order.status, order.reduce_only, order.lock) == (OrderStatus.WORKING, True, ZERO)


@pytest.mark.parametrize("seed", seeds(2))
def test_what_is_not_held_is_sold_by_paying_for_the_other_outcome(seed: int) -> None:
    with stage(seed) as world:
        hand = Hand(world)
        free = hand.free
        order = hand.place(Side.SELL, HUNDRED, "0.95")
        assert (order.status, order.reduce_only) == (OrderStatus.WORKING, False)
        assert HUNDRED * (ONE - Decimal("0.95")) <= order.lock == free - hand.free < Decimal(8)
        hand.take(-HUNDRED)
        world.resolve(hand.name, ZERO)
        world.run(3.0)
        assert hand.held == ZERO
        assert world.ledger.positions[MANUAL, hand.name].realized_pnl > ZERO


@pytest.mark.parametrize("seed", seeds(2))
def test_more_than_is_held_is_an_opening_and_turns_the_position(seed: int) -> None:
    with stage(seed) as world:
        hand = Hand(world)
        hand.take(HUNDRED)
        hand.take(-HUNDRED * 2)
        assert hand.held == -HUNDRED
        assert world.account(hand.name) == -HUNDRED
        world.decide(SAME, bool(seed % 2))
        world.run(3.0)
        world.verify()


@pytest.mark.parametrize("seed", seeds(2))
def test_resting_sales_never_give_back_more_than_is_held(seed: int) -> None:
    with stage(seed) as world:
        hand = Hand(world)
        hand.take(HUNDRED)
        first = hand.place(Side.SELL, Decimal(60), "0.98")
        second = hand.place(Side.SELL, Decimal(60), "0.98")
        third = hand.place(Side.SELL, Decimal(40), "0.98")
        assert [o.reduce_only for o in (first, second, third)] == [True, False, True]
        assert {o.status for o in (first, second, third)} == {OrderStatus.WORKING}


@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize("size", [HUNDRED, -HUNDRED])
def test_kill_with_flatten_closes_contracts_that_were_ordered_by_hand(
    seed: int, size: Decimal
) -> None:
    with stage(seed) as world:
        hand = Hand(world)
        hand.take(size)
        assert world.account(hand.name) == size
        world.kill(flatten=False)
        world.run(5.0)
        assert hand.held == size
        assert world.kill(flatten=True).flat
        assert (hand.held, world.account(hand.name)) == (ZERO, ZERO)
        world.verify()

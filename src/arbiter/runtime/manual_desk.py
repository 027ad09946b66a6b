"""Orders by hand, on every venue: through the gate, once per the client's own id, and cancelled.

A client's id is durable in the transaction that makes the order's intent durable, so a repeat
finds the first order even when the engine died in between.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from decimal import Decimal

import msgspec

from arbiter.model.changes import Changes
from arbiter.model.denials import Denied
from arbiter.model.errors import InvalidValue, StorageUnavailable
from arbiter.model.events import Audited, Event, OrderPlaced, PlanDenied, TradeOpened
from arbiter.model.ids import (
    MANUAL,
    Actor,
    ClientOrderId,
    TradeId,
    VenueId,
    VenueOrderId,
)
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ZERO, from_float, plain
from arbiter.model.orders import Order, OrderStatus, OrderType, Side, TimeInForce
from arbiter.model.placed import PlacedOrder
from arbiter.model.plans import Family, Leg, Plan, expected_price
from arbiter.ports.clock import Clock
from arbiter.ports.placed_orders import PlacedOrders
from arbiter.runtime.core import TradingCore
from arbiter.runtime.hub import EventHub
from arbiter.runtime.netting import reducible
from arbiter.runtime.worked import Worked, leads, worked

_REMEMBERED = 4_096


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants bought or sold; without a price at the market."""

    actor: Actor
    instrument: Instrument
    side: Side
    size: Decimal
    price: Decimal | None = None
    key: str = ""
    """The client's own id of it; empty for none."""


class ManualDesk:
    def __init__(
        self,
        *,
        core: TradingCore,
        store: PlacedOrders,
        hub: EventHub,
        clock: Clock,
    ) -> None:
        self._core = core
        self._store = store
        self._clock = clock
        self._placed: OrderedDict[tuple[Actor, str], PlacedOrder] = OrderedDict()
        self._denied: Order | None = None
        self._waiting: dict[TradeId, list[asyncio.Event]] = {}
        hub.listen(self._watch)

    # Placing

    async def place(self, ticket: Ticket) -> Worked:
        """Put an order before the gate, or find the one placed under this key before.

        Returns once it is durable; a refusal is an order of status DENIED with its numbers.
        `InvalidValue` when the key belongs to an order of other terms, `StorageUnavailable` when
        that cannot be known because the database is away.
        """
        known = await self._known(ticket)
        if known is not None:
            return await self._again(ticket, known)
        durable = asyncio.Event()
        order = self._propose(ticket, durable.set)
        await durable.wait()
        return self._live(order) or Worked(orders=(order,))

    async def _known(self, ticket: Ticket) -> PlacedOrder | None:
        if not ticket.key:
            return None
        key = (ticket.actor, ticket.key)
        if key not in self._placed:
            stored = await self._store.placed(*key)
            if stored is not None and key not in self._placed:
                self._remember(stored)
        return self._placed.get(key)

    async def _again(self, ticket: Ticket, known: PlacedOrder) -> Worked:
        if not known.same_terms(_placed(ticket, known.client_order_id, known.at_ns)):
            price = "at the market" if known.price is None else f"at {plain(known.price)}"
            raise InvalidValue(
                f"client_order_id {known.key!r} belongs to another order: {known.side} "
                f"{plain(known.size)} {known.instrument} {price}; use a new id"
            )
        found = await self.find(known.client_order_id)
        if found is None:
            raise InvalidValue(f"the order under client_order_id {known.key!r} is not kept")
        return found

    def _propose(self, ticket: Ticket, durable: Callable[[], None]) -> Order:
        """Decide and record in one step: no other call can come in between."""
        plan = self._plan(ticket)

        def beside(opened: TradeOpened) -> OrderPlaced:
            return self._note(ticket, opened.orders[0])

        decided = self._core.propose(plan, beside if ticket.key else None)
        if isinstance(decided, Denied):
            order, self._denied = self._denied, None
            assert order is not None, "a refused plan is always recorded with its orders"
        else:
            order = decided.orders[0]
        audit = self._audit(ticket.actor, "order.place", order, str(order.reason or "accepted"))
        if isinstance(decided, Denied) and ticket.key:
            self._core.recorder.record(self._note(ticket, order), audit, then=durable)
        else:
            self._core.recorder.record(audit, then=durable)
        return order

    def _note(self, ticket: Ticket, order: Order) -> OrderPlaced:
        placed = _placed(ticket, order.client_order_id, order.created_ns)
        self._remember(placed)
        return OrderPlaced(at_ns=order.created_ns, placed=placed)

    def _remember(self, placed: PlacedOrder) -> None:
        self._placed[placed.actor, placed.key] = placed
        while len(self._placed) > _REMEMBERED:
            self._placed.popitem(last=False)

    def _plan(self, ticket: Ticket) -> Plan:
        market = ticket.price is None
        instrument = ticket.instrument
        leg = Leg(
            instrument=instrument.id,
            side=ticket.side,
            size=ticket.size,
            price=ticket.price,
            planned_price=self._expected(instrument, ticket.side, ticket.price),
            type=OrderType.MARKET if market else OrderType.LIMIT,
            time_in_force=TimeInForce.IOC if market else TimeInForce.GTC,
        )
        return Plan(
            strategy=MANUAL,
            family=Family.MANUAL,
            actor=ticket.actor,
            symbol=instrument.symbol,
            legs=(leg,),
            reduce_only=self._closes(ticket),
            created_ns=self._clock.now_ns(),
        )

    def _closes(self, ticket: Ticket) -> bool:
        """Whether an order gives back event contracts that were bought by hand.

        It then needs no money and may be placed whatever happens. What is not held is sold by
        buying the other outcome: that is an opening, and is paid for in full.
        """
        instrument, side, ledger = ticket.instrument, ticket.side, self._core.ledger
        if instrument.kind is not InstrumentKind.BINARY:
            return False
        under_way = sum(
            (
                order.remaining
                for order in ledger.orders.values()
                if order.open
                and order.reduce_only
                and (order.strategy, order.instrument, order.side) == (MANUAL, instrument.id, side)
            ),
            ZERO,
        )
        return ticket.size <= reducible(ledger, MANUAL, instrument.id, side) - under_way

    def _expected(self, instrument: Instrument, side: Side, limit: Decimal | None) -> Decimal:
        """Where an order is thought to execute: at the touch, or at its limit where it has to wait.

        A market order without any quote is refused by the gate.
        """
        touch = self._core.touch(instrument.id, side)
        if limit is not None:
            return expected_price(side, limit, touch)
        mark = None if touch is not None else self._core.board.mark(instrument.id)
        return touch or (instrument.tick if mark is None else from_float(mark))

    # Reading

    async def find(
        self, order_id: str, venue: VenueId | None = None, actor: Actor | None = None
    ) -> Worked | None:
        """Find an order by the engine's id, its venue's, or the id its actor placed it under.

        `InvalidValue` for a venue's id that orders of several venues carry, where none is named.
        While the database is away that is judged by memory: an id that one venue alone has given
        there is that order's, any other is `StorageUnavailable`.
        """
        live = self._named(order_id, venue)
        if live and (venue is not None or live[0].client_order_id == order_id):
            return self._live(live[0])
        if not live and ClientOrderId(order_id) in self._core.ledger.orders:
            return None  # it is another venue's
        try:
            stored = await self._store.order(ClientOrderId(order_id))
            same = live if stored else [*live, *await self._store.by_venue_id(venue, order_id)]
        except StorageUnavailable:
            if len({order.venue for order in live}) == 1 and (kept := self._live(live[0])):
                return kept
            raise
        if stored is None:
            venues = {order.venue for order in same}
            if len(venues) > 1:
                raise InvalidValue(
                    f"{' and '.join(sorted(venues))} each have an order {order_id!r}; "
                    "say which is meant: set exchange"
                )
            if live and (kept := self._live(live[0])) is not None:
                return kept
            stored = same[0] if same else None
        if stored is None and actor is not None:
            placed = self._placed.get((actor, order_id)) or await self._store.placed(
                actor, order_id
            )
            return None if placed is None else await self.find(placed.client_order_id, venue)
        if stored is None or venue not in (None, stored.venue):
            return None
        return worked(stored, await self._store.of_trades([stored.trade_id]))

    async def recent(
        self,
        *,
        venues: Collection[VenueId] | None,
        statuses: Collection[OrderStatus] | None,
        limit: int,
    ) -> list[Worked]:
        """Orders asked for, newest first, of every strategy; memory knows better than the table."""
        stored = await self._store.recent(venues=venues, statuses=statuses, limit=limit)
        held = self._core.ledger.orders
        firsts = {order.client_order_id: order for order in stored}
        firsts |= {
            key: order
            for key, order in held.items()
            if leads(order) and (venues is None or order.venue in venues)
        }
        old = [o.trade_id for o in firsts.values() if o.client_order_id not in held]
        followers = [o for o in await self._store.of_trades(old) if not leads(o)]
        found = [
            self._live(order)
            or worked(order, [o for o in followers if o.trade_id == order.trade_id])
            for order in firsts.values()
        ]
        if statuses is not None:
            found = [each for each in found if each.status in statuses]
        found.sort(key=lambda each: (-each.first.created_ns, each.first.client_order_id))
        return found[:limit]

    def live(self) -> list[Worked]:
        """Orders of this moment that have not ended, the oldest first."""
        found = [self._live(order) for order in self._core.ledger.orders.values() if order.open]
        return [each for each in found if each is not None]

    def worked(self, order: Order) -> Worked:
        """An order of memory as its asker sees it."""
        first = self._core.ledger.orders.get(order.client_order_id, order)
        return worked(first, self._core.ledger.orders_of(order.trade_id))

    def _live(self, order: Order) -> Worked | None:
        if order.client_order_id not in self._core.ledger.orders:
            return None
        return self.worked(order)

    def _named(self, order_id: str, venue: VenueId | None) -> list[Order]:
        """Orders of memory under the engine's own id, else all under that of a venue."""
        orders = self._core.ledger.orders
        found = orders.get(ClientOrderId(order_id))
        if found is not None:
            return [found] if venue in (None, found.venue) else []
        wanted = VenueOrderId(order_id)
        return [
            order
            for order in orders.values()
            if order.venue_order_id == wanted and venue in (None, order.venue)
        ]

    # Cancelling and waiting

    async def cancel(self, order: Worked, actor: Actor) -> None:
        """Ask the venue to cancel what is left; durable as a wish when this returns."""
        first = order.first
        self._core.floor.withdraw(first.trade_id, f"cancelled by {actor}")
        durable = asyncio.Event()
        audit = self._audit(actor, "order.cancel", first, str(order.status))
        self._core.recorder.record(audit, then=durable.set)
        await durable.wait()

    async def settled(
        self, order: Worked, patience_s: float, done: Callable[[Worked], bool]
    ) -> Worked:
        """Wait until an order is `done`, as long as patience lasts; gives it as it then stands."""
        first = order.first
        event = asyncio.Event()
        self._waiting.setdefault(first.trade_id, []).append(event)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    while not done(order):
                        event.clear()
                        latest = self._live(first)
                        if latest is not None:
                            order = latest
                        if not done(order):
                            await event.wait()
        finally:
            waiting = self._waiting[first.trade_id]
            waiting.remove(event)
            if not waiting:
                del self._waiting[first.trade_id]
        return self._live(first) or order

    def _watch(self, events: Sequence[Event], changes: Changes) -> None:
        for event in events:
            if isinstance(event, PlanDenied):
                self._denied = event.orders[0]
        if self._waiting:
            for order in changes.orders.values():
                for waiting in self._waiting.get(order.trade_id, ()):
                    waiting.set()

    def _audit(self, actor: Actor, action: str, order: Order, after: str) -> Audited:
        entity = f"order:{order.client_order_id}"
        now = self._core.recorder.now_ns()
        return Audited(at_ns=now, actor=actor, action=action, entity=entity, after=after)


def _placed(ticket: Ticket, order: ClientOrderId, at_ns: int) -> PlacedOrder:
    return PlacedOrder(
        actor=ticket.actor,
        key=ticket.key,
        client_order_id=order,
        instrument=ticket.instrument.id,
        side=ticket.side,
        size=ticket.size,
        price=ticket.price,
        at_ns=at_ns,
    )

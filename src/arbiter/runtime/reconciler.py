"""The reconciler: what each venue holds, compared with the ledger, and the repairs that follow.

It looks at state, never at events: fills the ledger lacks are booked, orders without a last word
are asked for, orders that work although they had ended are cancelled, balances that moved without
us are booked as external. Starting up runs the same looks until nothing is left open
(`recovery`); looking twice changes nothing the second time.

A balance is only compared while nothing of ours is under way at its venue, and a difference only
believed when two looks in a row find the same one; until then, and until a look finds the two
equal again, nothing new is opened from that balance.

Fills are asked for from the last complete look on, however old an order is. That none is missing
from before is seen by quantities: where a venue says that an order got more than the ledger knows,
or knows the order no more, fills are read from the order's beginning.

A row that cannot be read is told, with what it says. What can be read is booked meanwhile: a fill
that is there is there whatever else is. But no absence is believed, no balance compared, and
nothing new is opened at that venue until it can be read.
"""

import asyncio
from collections.abc import Awaitable, Collection, Mapping, MutableSet, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

import msgspec
import structlog

from arbiter.execution.single import rests
from arbiter.ledger.ledger import Ledger
from arbiter.model.errors import NO_ANSWER, Unreadable
from arbiter.model.events import (
    AlertRaised,
    BalanceOpened,
    ExternalChange,
    OrderAbandoned,
)
from arbiter.model.ids import Asset, ClientOrderId, VenueId
from arbiter.model.money import ZERO, plain
from arbiter.model.orders import Fill, Order, OrderStatus
from arbiter.model.perpetuals import ForcedClose, FundingPayment
from arbiter.model.reports import Absent, FillSettled, Holding, OrderTruth
from arbiter.model.time import NS_PER_S
from arbiter.model.trades import Trade
from arbiter.ports.venue import MarginClient, OrderClient
from arbiter.runtime.floor import TradingFloor
from arbiter.runtime.margin_outcomes import MarginOutcomes
from arbiter.runtime.newest import Newest
from arbiter.runtime.outcomes import Outcomes
from arbiter.runtime.reconciled import ReconcileReport, VenueRecovery, sum_of
from arbiter.runtime.recorder import Recorder

log = structlog.get_logger(__name__)

T = TypeVar("T")

NEVER_SENT = "the engine stopped before it was sent"
FILL_MARGIN_NS = 60 * NS_PER_S
"""Fills are asked for from this much earlier than needed: a venue's clock is not ours."""
DENIALS = 3
"""Looks in a row in which a venue must deny an order it had accepted before that is believed."""

WHAT_TO_DO = (
    "Nothing new is opened there until it can be read. Look it up at the venue; docs/modes.md, "
    '"A row that cannot be read", says what to do'
)

_BETWEEN_LOOKS_S = 1.0


class Archive(Protocol):
    """What is remembered for ever, for fills of orders the ledger no longer holds."""

    async def known_fills(
        self, keys: Collection[tuple[VenueId, str]]
    ) -> set[tuple[VenueId, str]]: ...

    async def find_order(
        self, client_order_id: ClientOrderId
    ) -> tuple[Order, Trade | None] | None: ...


class NoArchive:
    """For engines that remember only what is in memory."""

    async def known_fills(self, keys: Collection[tuple[VenueId, str]]) -> set[tuple[VenueId, str]]:
        return set()

    async def find_order(self, client_order_id: ClientOrderId) -> tuple[Order, Trade | None] | None:
        return None


async def reconcile(reconciler: "Reconciler", looks: int = 3) -> ReconcileReport:
    """Look until every venue that answers agrees, at most `looks` times: ``arbiter reconcile``.

    A difference needs two looks to be believed, and a third to be seen mended.
    """
    found = await reconciler.cycle()
    for _ in range(looks - 1):
        if all(venue.agrees or not venue.reachable for venue in found):
            break
        await asyncio.sleep(_BETWEEN_LOOKS_S)
        later = {venue.venue: venue for venue in await reconciler.cycle()}
        found = [sum_of(venue, later[venue.venue]) for venue in found]
    return ReconcileReport(venues=tuple(found), agrees=all(venue.agrees for venue in found))


class Reconciler:
    """`frozen` is the set of balances that nothing new may be opened from; it is kept up here."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        recorder: Recorder,
        outcomes: Outcomes,
        floor: TradingFloor,
        clients: Mapping[VenueId, OrderClient],
        frozen: MutableSet[tuple[VenueId, Asset]],
        archive: Archive | None = None,
        margin: MarginOutcomes | None = None,
        margin_clients: Mapping[VenueId, MarginClient] | None = None,
    ) -> None:
        self._archive = archive or NoArchive()
        self._foreign: Newest[tuple[VenueId, str]] = Newest()
        """Fills that no order of ours ever had, as far as anybody remembers."""
        self._ledger = ledger
        self._recorder = recorder
        self._outcomes = outcomes
        self._floor = floor
        self._clients = clients
        self._frozen = frozen
        self._margin_clients = margin_clients or {}
        self._margin = margin or MarginOutcomes(ledger=ledger, recorder=recorder)
        self._since: dict[VenueId, int] = {}
        """Every fill from before has been read and booked."""
        self._behind: dict[ClientOrderId, Decimal] = {}
        """What working orders have got by their venue's word, where the ledger knew of less."""
        self._unread: dict[VenueId, tuple[str, ...]] = {}
        self._suspected: dict[tuple[VenueId, Asset], Decimal] = {}
        self._denied: dict[ClientOrderId, int] = {}
        self._strangers: dict[VenueId, frozenset[ClientOrderId]] = {}
        """Orders at each venue that are not ours, of the last look."""
        self._looking = {venue: asyncio.Lock() for venue in clients}

    async def run(self, every_s: float) -> None:
        """Reconcile for ever; returns only when cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await self.cycle()

    async def cycle(self) -> list[VenueRecovery]:
        """Look at every venue once; one that does not answer is said to be unreachable."""
        looks = (self._look_or_not(client) for client in self._clients.values())
        return list(await asyncio.gather(*looks))

    async def look(
        self,
        client: OrderClient,
        since_ns: int,
        *,
        starting: bool = False,
        grace: bool = False,
        margin_since_ns: int | None = None,
    ) -> VenueRecovery:
        """Compare one venue with the ledger and repair.

        Fills are asked for from `since_ns` on, what happens on margin from `margin_since_ns` on,
        where it is another. `starting` says that no request of this run is under way: what works
        is cancelled unless it was meant to rest, and what was never sent is abandoned; with `grace`
        a venue's "no such order" is not believed yet. Raises what the client raises.
        """
        look = _Look(
            client=client,
            since_ns=since_ns,
            margin_since_ns=since_ns if margin_since_ns is None else margin_since_ns,
            starting=starting,
            grace=grace,
        )
        async with self._looking[client.venue]:
            return await self._look(look)

    def seen_from(self, venue: VenueId) -> int | None:
        """From when on fills have to be asked for; None before the first complete look."""
        since = self._since.get(venue)
        return None if since is None else since - FILL_MARGIN_NS

    def open_at(self, venue: VenueId) -> list[Order]:
        """Give the orders at a venue that have no last word yet, unsent ones included."""
        return [o for o in self._ledger.orders.values() if o.venue == venue and o.open]

    def unsettled_at(self, venue: VenueId) -> list[Order]:
        """Of those, the ones that do not simply rest in the venue's book."""
        return [order for order in self.open_at(venue) if not rests(order)]

    async def _look_or_not(self, client: OrderClient) -> VenueRecovery:
        now = self._recorder.now_ns()
        try:
            found = await self.look(client, self._fills_from(client.venue, now))
        except NO_ANSWER as error:
            return VenueRecovery(venue=client.venue, reachable=False, note=str(error))
        if found.repaired:
            log.warning("reconciled", found=str(found))
        return found

    def _fills_from(self, venue: VenueId, now: int) -> int:
        """From the last complete look on; before there is one, from the oldest order still open."""
        since = self.seen_from(venue)
        if since is not None:
            return since
        return min((o.created_ns for o in self.open_at(venue)), default=now) - FILL_MARGIN_NS

    async def _look(self, look: "_Look") -> VenueRecovery:
        client, venue, began = look.client, look.client.venue, self._recorder.now_ns()
        open_before = len(self.open_at(venue))
        fills = await look.rows(client.fills_since(look.since_ns), Fill)
        booked = await self._book(venue, fills)
        booked += await self._look_at_margin(look)
        if not look.unread:
            self._since[venue] = began
        working = await look.rows(client.open_orders(), OrderTruth)
        booked += await self._catch_up(look, working)
        strangers = self._compare_working(venue, working, fills)
        shown = {truth.client_order_id for truth in working}
        for order in self.open_at(venue):
            if order.client_order_id in shown:
                if look.starting and not rests(order):
                    await client.cancel(order)
            elif look.starting or self._may_be_asked(order):
                await self._ask(look, order)
        closed = max(open_before - len(self.open_at(venue)), 0)
        self._forget_ended()
        compared = VenueRecovery(venue=venue)
        if not look.unread:
            try:
                compared = await self._compare_holdings(client)
            except Unreadable as error:
                look.unread.append(str(error))
        self._tell_unread(venue, tuple(look.unread), compared=compared.compared)
        return msgspec.structs.replace(
            compared,
            fills_booked=booked,
            orders_closed=closed,
            strangers=strangers,
            unread=tuple(look.unread),
        )

    async def _look_at_margin(self, look: "_Look") -> int:
        margin = self._margin_clients.get(look.client.venue)
        if margin is None:
            return 0
        payments = await look.rows(margin.payments_since(look.margin_since_ns), FundingPayment)
        forced = await look.rows(margin.forced_since(look.margin_since_ns), ForcedClose)
        settled = await look.rows(margin.settled_since(look.margin_since_ns), FillSettled)
        for told in settled:
            self._margin.settle(told)
        return self._margin.book(payments, forced)

    async def _catch_up(self, look: "_Look", working: Sequence[OrderTruth]) -> int:
        """Read back to the beginning of orders that have lacked fills for two looks in a row.

        One look alone may be a fill of this very moment; at the start one is enough.
        """
        oldest: int | None = None
        for truth in working:
            name = truth.client_order_id
            order = self._ledger.orders.get(name)
            if order is None or order.filled_size >= truth.filled_size:
                self._behind.pop(name, None)
                continue
            if look.starting or self._behind.get(name, ZERO) > order.filled_size:
                oldest = min(order.created_ns, order.created_ns if oldest is None else oldest)
            self._behind[name] = truth.filled_size
        if oldest is None or oldest - FILL_MARGIN_NS >= look.since_ns:
            return 0
        fills = await look.rows(look.client.fills_since(oldest - FILL_MARGIN_NS), Fill)
        return await self._book(look.client.venue, fills)

    def _forget_ended(self) -> None:
        """Keep nothing of orders that have ended."""
        for kept in (self._behind, self._denied):
            for name in [name for name in kept if not self._is_open(name)]:
                del kept[name]

    def _is_open(self, name: ClientOrderId) -> bool:
        order = self._ledger.orders.get(name)
        return order is not None and order.open

    def _tell_unread(self, venue: VenueId, unread: tuple[str, ...], *, compared: bool) -> None:
        """Say once what cannot be read, and open nothing there until a look compares it all."""
        before = self._unread.get(venue, ())
        for told in unread:
            if told not in before:
                self._alert("critical", "UNREADABLE_ROW", f"{venue}: {told}. {WHAT_TO_DO}")
        if unread:
            self._unread[venue] = unread
            self._frozen |= {key for key in self._ledger.balances if key[0] == venue}
        elif before and compared:
            del self._unread[venue]
            for key in [key for key in self._frozen if key[0] == venue]:
                if key not in self._suspected:
                    self._frozen.discard(key)
            self._alert("info", "READABLE_AGAIN", f"{venue}: everything can be read again")

    async def _book(self, venue: VenueId, fills: Sequence[Fill]) -> int:
        """Book what is missing; fills of orders that left memory are recalled with them."""
        strays = [
            fill
            for fill in fills
            if fill.client_order_id not in self._ledger.orders
            and not self._ledger.has_fill(venue, fill.venue_trade_id)
            and (venue, fill.venue_trade_id) not in self._foreign
        ]
        if not strays:
            return self._outcomes.book(fills)
        booked = 0
        known = await self._archive.known_fills([(venue, f.venue_trade_id) for f in strays])
        self._foreign.update(known)
        for fill in strays:
            key = (venue, fill.venue_trade_id)
            if key in known:
                continue
            found = await self._archive.find_order(fill.client_order_id)
            if found is None or found[1] is None:
                self._foreign.add(key)
                continue
            self._outcomes.book_recalled(fill, found[0], found[1])
            booked += 1
        rest = [f for f in fills if (venue, f.venue_trade_id) not in known]
        return booked + self._outcomes.book(rest)

    # Orders

    def _may_be_asked(self, order: Order) -> bool:
        return order.status is not OrderStatus.CREATED and not self._floor.in_flight(order)

    def _compare_working(
        self, venue: VenueId, working: Sequence[OrderTruth], fills: Sequence[Fill]
    ) -> int:
        """Take what works at the venue; give how many of the orders are not ours."""
        strangers: list[ClientOrderId] = []
        for truth in working:
            order = self._ledger.orders.get(truth.client_order_id)
            if order is not None:
                self._outcomes.on_answer(order, truth, _own(order, fills))
                continue
            strangers.append(truth.client_order_id)
            if truth.client_order_id not in self._strangers.get(venue, ()):
                text = f"{truth.venue} works {truth.client_order_id}, which is not ours"
                self._alert("warning", "FOREIGN_ORDER", text)
        self._strangers[venue] = frozenset(strangers)
        return len(strangers)

    async def _ask(self, look: "_Look", order: Order) -> None:
        key, client = order.client_order_id, look.client
        try:
            answer = await client.query(key, order.instrument)
        except Unreadable as error:
            look.unread.append(str(error))
            return
        order = self._ledger.orders[key]
        if isinstance(answer, OrderTruth):
            self._denied.pop(key, None)
            if answer.filled_size > order.filled_size:
                order = await self._read_back(look, order, answer.filled_size)
            self._outcomes.on_answer(order, answer, ())
            return
        if order.status.terminal or look.unread:
            return
        if order.venue_order_id is None and not order.filled_size:
            order = await self._read_back(look, order, None)
            if not look.unread and order.open and not order.filled_size:
                self._never_arrived(order, answer, starting=look.starting, grace=look.grace)
            return
        self._denied[key] = self._denied.get(key, 0) + 1
        if self._denied[key] >= DENIALS:
            order = await self._read_back(look, order, None)
            if not look.unread and order.open:
                self._outcomes.forgotten(order)

    async def _read_back(self, look: "_Look", order: Order, until: Decimal | None) -> Order:
        """Book an order's fills: those since the look's beginning, then those from before it.

        The past is left alone once the order has got `until`; None has it read in any case, as
        far as this look has not read it.
        """
        key, first = order.client_order_id, order.created_ns - FILL_MARGIN_NS
        starts = [max(first, look.since_ns)] if until is not None else []
        starts += [first] if first < look.since_ns else []
        for start in starts:
            fills = await look.rows(look.client.fills_since(start), Fill)
            self._outcomes.book(_own(order, fills))
            order = self._ledger.orders[key]
            if until is not None and order.filled_size >= until:
                break
        return order

    def _never_arrived(self, order: Order, answer: Absent, *, starting: bool, grace: bool) -> None:
        age_ns = self._recorder.now_ns() - order.created_ns
        if grace and 0 <= age_ns < self._floor.absent_after_ns:
            return
        if order.status is not OrderStatus.CREATED:
            self._outcomes.on_answer(order, answer, ())
        elif starting:
            self._recorder.record(
                OrderAbandoned(
                    at_ns=self._recorder.now_ns(),
                    client_order_id=order.client_order_id,
                    reason=NEVER_SENT,
                )
            )

    # Balances

    async def _compare_holdings(self, client: OrderClient) -> VenueRecovery:
        venue = client.venue
        before = self._standing(venue)
        holdings = await client.holdings()
        if before is None or self._standing(venue) != before:
            return VenueRecovery(
                venue=venue
            )  # something is under way: the two pictures are not of one moment
        opened = external = 0
        differences: list[str] = []
        for held in self._with_unmentioned(venue, holdings):
            key = (venue, held.asset)
            balance = self._ledger.balances.get(key)
            if balance is None:
                self._open(held)
                opened += 1
                continue
            delta = held.total - balance.total
            if not delta:
                self._suspected.pop(key, None)
                self._frozen.discard(key)
                continue
            self._frozen.add(key)
            if self._suspected.get(key) != delta:
                self._suspected[key] = delta
                differences.append(
                    f"{venue} holds {plain(held.total)} {held.asset}, the ledger "
                    f"{plain(balance.total)}"
                )
                continue
            del self._suspected[key]
            self._book_external(held, delta)
            external += 1
        return VenueRecovery(
            venue=venue,
            compared=True,
            balances_opened=opened,
            external_changes=external,
            differences=tuple(differences),
        )

    def _standing(self, venue: VenueId) -> tuple[Decimal, ...] | None:
        """The venue's totals in the ledger; None while an order of ours is under way there.

        One that rests is not: should it fill in between, the difference is gone at the next look.
        """
        if any(order.status is not OrderStatus.CREATED for order in self.unsettled_at(venue)):
            return None
        return tuple(row.total for (at, _), row in self._ledger.balances.items() if at == venue)

    def _with_unmentioned(self, venue: VenueId, holdings: Sequence[Holding]) -> list[Holding]:
        """Add assets the ledger holds and the venue does not mention: it holds none of them."""
        named = {held.asset for held in holdings}
        return [
            *holdings,
            *(
                Holding(venue=venue, asset=asset, free=ZERO, locked=ZERO)
                for (at, asset), row in self._ledger.balances.items()
                if at == venue and asset not in named and row.total
            ),
        ]

    def _open(self, held: Holding) -> None:
        now = self._recorder.now_ns()
        self._recorder.record(
            BalanceOpened(at_ns=now, venue=held.venue, asset=held.asset, total=held.total)
        )

    def _book_external(self, held: Holding, delta: Decimal) -> None:
        now = self._recorder.now_ns()
        text = (
            f"{held.venue} holds {plain(held.total)} {held.asset}, {plain(delta)} more than our "
            "orders account for; booked as external"
        )
        self._recorder.record(
            ExternalChange(
                at_ns=now,
                venue=held.venue,
                asset=held.asset,
                delta=delta,
                reason="no order of ours",
            ),
            AlertRaised(at_ns=now, severity="warning", code="EXTERNAL_CHANGE", text=text),
        )

    def _alert(self, severity: str, code: str, text: str) -> None:
        now = self._recorder.now_ns()
        self._recorder.record(AlertRaised(at_ns=now, severity=severity, code=code, text=text))


class _Look(msgspec.Struct, kw_only=True):
    """One look at a venue, and what of it could not be read."""

    client: OrderClient
    since_ns: int
    margin_since_ns: int
    starting: bool
    grace: bool
    unread: list[str] = []

    async def rows(self, asked: Awaitable[Sequence[T]], kind: type[T]) -> list[T]:
        """Give what can be read of an answer, and note what cannot."""
        try:
            return list(await asked)
        except Unreadable as error:
            self.unread.append(str(error))
            return [one for one in error.rest if isinstance(one, kind)]


def _own(order: Order, fills: Sequence[Fill]) -> list[Fill]:
    return [fill for fill in fills if fill.client_order_id == order.client_order_id]

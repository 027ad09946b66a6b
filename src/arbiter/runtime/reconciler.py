"""The reconciler: what each venue holds, compared with the ledger, and the repairs that follow.

It looks at state, never at events: fills the ledger lacks are booked, orders without a last word
are asked for, orders that work although they had ended are cancelled, balances that moved without
us are booked as external. Starting up runs the same looks until nothing is left open
(`recovery`); looking twice changes nothing the second time.

A balance is only compared while nothing of ours is under way at its venue, and a difference only
believed when two looks in a row find the same one; until then, and until a look finds the two
equal again, nothing new is opened from that balance.
"""

import asyncio
from collections.abc import Collection, Mapping, MutableSet, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec
import structlog

from arbiter.execution.single import rests
from arbiter.ledger.ledger import Ledger
from arbiter.model.errors import OutcomeUnknown, TryAgain, VenueRefused
from arbiter.model.events import (
    AlertRaised,
    BalanceOpened,
    ExternalChange,
    OrderAbandoned,
)
from arbiter.model.ids import Asset, ClientOrderId, VenueId
from arbiter.model.money import ZERO, plain
from arbiter.model.orders import Fill, Order, OrderStatus
from arbiter.model.reports import Absent, Holding, OrderTruth
from arbiter.model.time import NS_PER_S
from arbiter.model.trades import Trade
from arbiter.ports.venue import MarginClient, OrderClient
from arbiter.runtime.floor import TradingFloor
from arbiter.runtime.margin_outcomes import MarginOutcomes
from arbiter.runtime.outcomes import Outcomes
from arbiter.runtime.recorder import Recorder

log = structlog.get_logger(__name__)

NEVER_SENT = "the engine stopped before it was sent"
FILL_MARGIN_NS = 60 * NS_PER_S
"""Fills are asked for from this much earlier than needed: a venue's clock is not ours."""
DENIALS = 3
"""Looks in a row in which a venue must deny an order it had accepted before that is believed."""

_BETWEEN_LOOKS_S = 1.0

NO_ANSWER = (TryAgain, OutcomeUnknown, VenueRefused)
"""A call that only asks failed: nothing is known, whatever the reason."""


class VenueRecovery(msgspec.Struct, frozen=True, kw_only=True):
    """What was found and mended at one venue."""

    venue: VenueId
    reachable: bool = True
    fills_booked: int = 0
    orders_closed: int = 0
    balances_opened: int = 0
    external_changes: int = 0
    strangers: int = 0
    """Open orders there that are not ours."""
    compared: bool = False
    """Balances were compared: nothing of ours was under way there."""
    differences: tuple[str, ...] = ()
    """Balances that differ, seen for the first time: believed when they still do next time."""
    note: str = ""

    @property
    def repaired(self) -> bool:
        """Whether anything had to be changed."""
        return bool(
            self.fills_booked or self.orders_closed or self.balances_opened or self.external_changes
        )

    @property
    def agrees(self) -> bool:
        """The venue answered, and its word and the ledger's are the same now."""
        return self.reachable and self.compared and not self.differences


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


class ReconcileReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a person who asks for a reconciliation is told; `json` is the same for machines."""

    venues: tuple[VenueRecovery, ...]
    agrees: bool
    """Every venue answered, and holds what the ledger says."""

    def lines(self) -> list[str]:
        """Write a line per venue, and one per difference that could not be settled."""
        told: list[str] = []
        for found in self.venues:
            if not found.reachable:
                told.append(f"{found.venue}: no answer ({found.note})")
                continue
            mended = [
                f"{count} {what}"
                for count, what in (
                    (found.fills_booked, "fills booked"),
                    (found.orders_closed, "orders closed"),
                    (found.balances_opened, "balances opened"),
                    (found.external_changes, "external changes booked"),
                    (found.strangers, "orders there that are not ours"),
                )
                if count
            ]
            state = "agrees" if found.agrees else "orders under way, balances not compared"
            if found.differences:
                state = "differs"
            told.append(f"{found.venue}: {state}" + "".join(f"; {text}" for text in mended))
            told += [f"  {difference}" for difference in found.differences]
        return told

    def json(self) -> bytes:
        return msgspec.json.encode(self)


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


def sum_of(first: VenueRecovery, then: VenueRecovery) -> VenueRecovery:
    """Add what two looks mended; how the venue stands is what the later one saw."""
    return VenueRecovery(
        venue=first.venue,
        reachable=then.reachable,
        fills_booked=first.fills_booked + then.fills_booked,
        orders_closed=first.orders_closed + then.orders_closed,
        balances_opened=first.balances_opened + then.balances_opened,
        external_changes=first.external_changes + then.external_changes,
        strangers=then.strangers,
        compared=then.compared,
        differences=then.differences,
        note=then.note,
    )


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
        self._foreign: set[tuple[VenueId, str]] = set()
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
        self._suspected: dict[tuple[VenueId, Asset], Decimal] = {}
        self._denied: dict[ClientOrderId, int] = {}
        self._strangers: set[ClientOrderId] = set()
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
        self, client: OrderClient, since_ns: int, *, starting: bool = False, grace: bool = False
    ) -> VenueRecovery:
        """Compare one venue with the ledger and repair.

        Fills are asked for from `since_ns` on. `starting` says that no request of this run is
        under way: what works is cancelled unless it was meant to rest, and what was never sent is
        abandoned; with `grace` a
        venue's "no such order" is not believed yet. Raises what the client raises.
        """
        async with self._looking[client.venue]:
            return await self._look(client, since_ns, starting, grace)

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
        """From the last complete look on, or from the oldest order still open."""
        first = min((o.created_ns for o in self.open_at(venue)), default=now)
        return min(first, self._since.get(venue, now)) - FILL_MARGIN_NS

    async def _look(
        self, client: OrderClient, since_ns: int, starting: bool, grace: bool
    ) -> VenueRecovery:
        venue, began = client.venue, self._recorder.now_ns()
        open_before = len(self.open_at(venue))
        fills = await client.fills_since(since_ns)
        booked = await self._book(venue, fills)
        margin = self._margin_clients.get(venue)
        if margin is not None:
            payments = await margin.payments_since(since_ns)
            forced = await margin.forced_since(since_ns)
            for settled in await margin.settled_since(since_ns):
                self._margin.settle(settled)
            booked += self._margin.book(payments, forced)
        working = await client.open_orders()
        strangers = self._compare_working(working, fills)
        shown = {truth.client_order_id for truth in working}
        for order in self.open_at(venue):
            if order.client_order_id in shown:
                if starting and not rests(order):
                    await client.cancel(order)
            elif starting or self._may_be_asked(order):
                await self._ask(client, order, starting=starting, grace=grace)
        closed = max(open_before - len(self.open_at(venue)), 0)
        compared = await self._compare_holdings(client)
        self._since[venue] = began
        return msgspec.structs.replace(
            compared, fills_booked=booked, orders_closed=closed, strangers=strangers
        )

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
        self._foreign |= known
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

    def _compare_working(self, working: Sequence[OrderTruth], fills: Sequence[Fill]) -> int:
        """Take what works at the venue; give how many of the orders are not ours."""
        strangers = 0
        for truth in working:
            order = self._ledger.orders.get(truth.client_order_id)
            if order is not None:
                self._outcomes.on_answer(order, truth, _own(order, fills))
                continue
            strangers += 1
            if truth.client_order_id not in self._strangers:
                self._strangers.add(truth.client_order_id)
                text = f"{truth.venue} works {truth.client_order_id}, which is not ours"
                self._alert("warning", "FOREIGN_ORDER", text)
        return strangers

    async def _ask(self, client: OrderClient, order: Order, *, starting: bool, grace: bool) -> None:
        key = order.client_order_id
        answer = await client.query(key, order.instrument)
        order = self._ledger.orders[key]
        if isinstance(answer, OrderTruth):
            self._denied.pop(key, None)
            fills: Sequence[Fill] = ()
            if answer.filled_size > order.filled_size:
                fills = await client.fills_since(order.created_ns - FILL_MARGIN_NS)
            self._outcomes.on_answer(order, answer, _own(order, fills))
            return
        if order.status.terminal:
            return
        if order.venue_order_id is None and not order.filled_size:
            self._never_arrived(order, answer, starting=starting, grace=grace)
            return
        self._denied[key] = self._denied.get(key, 0) + 1
        if self._denied[key] >= DENIALS:
            del self._denied[key]
            self._outcomes.forgotten(order)

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


def _own(order: Order, fills: Sequence[Fill]) -> list[Fill]:
    return [fill for fill in fills if fill.client_order_id == order.client_order_id]

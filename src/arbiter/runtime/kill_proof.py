"""What one venue proves after the kill switch was engaged: its own answers beside the ledger.

Flat is never claimed, only proven: a venue that was not reached proves nothing, an order without
its last word may still be there, and a position is gone when both the venue and the ledger say so.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol
from uuid import UUID

import msgspec

from arbiter.execution.ways_out import excess
from arbiter.ledger.crossing import opposed
from arbiter.ledger.ledger import Ledger
from arbiter.model.errors import NO_ANSWER
from arbiter.model.ids import ENGINE, InstrumentId, StrategyId, Symbol, TradeId, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO, from_float, plain, quotient
from arbiter.model.orders import Order, OrderStatus, Side, TimeInForce
from arbiter.model.plans import Family
from arbiter.model.reports import OrderTruth
from arbiter.model.trades import Trade, TradeState
from arbiter.opportunities.spot_settings import SPOT_ARBITRAGE
from arbiter.ports.venue import OrderClient
from arbiter.runtime.crossing import against, on_margin
from arbiter.runtime.leftovers import stuck

_NO_TRADE = UUID(int=0)
_INVENTORY = (SPOT_ARBITRAGE,)
"""Strategies whose spot positions are pre-funded inventory that moved between venues."""


class Held(Protocol):
    """A position of any kind, as its venue tells it."""

    @property
    def instrument(self) -> InstrumentId: ...

    @property
    def quantity(self) -> Decimal:
        """Signed, in the instrument's size unit."""
        ...


class PositionClient(Protocol):
    """Whoever can ask a venue for what is open there: perpetuals, event contracts."""

    async def positions(self) -> Sequence[Held]:
        """Positions that are not flat, as of now; raises as `OrderClient`'s reads do."""
        ...


class Listings(Protocol):
    def get(self, instrument: InstrumentId) -> Instrument | None: ...


class Marks(Protocol):
    def mark(self, instrument_id: InstrumentId) -> float | None:
        """What a listed instrument was worth last, however old; None where nobody ever said."""
        ...


class _Told(msgspec.Struct, frozen=True):
    """One position in words."""

    text: str
    dust: bool = False


class VenueProof(msgspec.Struct, frozen=True, kw_only=True):
    """What one venue itself said after the kill switch was engaged."""

    venue: str
    reachable: bool
    open_orders: tuple[str, ...]
    """Orders it still works, ours and others', and ours that it has not spoken of yet."""
    unhedged: tuple[str, ...]
    """Trades of ours with a leg there that have not ended."""
    positions: tuple[str, ...] = ()
    """Open positions, by the venue's word or the ledger's, hedged ones too, and what strategies hold
    against each other in the books; what is owned on spot as inventory is none, what a session
    bought is."""
    dust: tuple[str, ...] = ()
    """Those of `positions` that no order closes, each with what ends it: not flat all the same."""
    note: str = ""

    @property
    def quiet(self) -> bool:
        """Proven: the venue answered, nothing works there and no leg stands alone."""
        return self.reachable and not self.open_orders and not self.unhedged

    @property
    def flat(self) -> bool:
        """Proven: quiet, and no position is open there."""
        return self.quiet and not self.positions

    @property
    def done(self) -> bool:
        """Quiet, and no order could close any more: flat, or dust is left."""
        return self.quiet and len(self.positions) == len(self.dust)


class Witness:
    """Asks one venue, and holds its answers against the ledger.

    Without a `client`, of a venue that this run does not speak to, the ledger alone is told.
    `holdings` tells the venue's positions, where it knows any; `marks` what is worth too little.
    """

    def __init__(
        self,
        venue: VenueId,
        client: OrderClient | None,
        *,
        holdings: PositionClient | None,
        ledger: Ledger,
        listings: Listings,
        marks: Marks | None = None,
    ) -> None:
        self._client = client
        self._holdings = holdings
        self._ledger = ledger
        self._listings = listings
        self._marks = marks
        self._venue = venue

    async def look(self) -> VenueProof:
        """Ask once, and cancel whatever works there."""
        if self._client is None:
            return self.silent("this run does not speak to it; start the engine with it")
        try:
            working = await self._client.open_orders()
            told = () if self._holdings is None else await self._holdings.positions()
        except NO_ANSWER as error:
            return self.silent(str(error))
        notes: list[str] = []
        for truth in working:
            order = self._ledger.orders.get(truth.client_order_id) or _not_ours(truth)
            try:
                await self._client.cancel(order)
            except NO_ANSWER as error:
                notes.append(str(error))
        shown = tuple(truth.client_order_id for truth in working)
        held = [*self._compared(told), *self._against(), *self._bought()]
        return VenueProof(
            venue=self._venue,
            reachable=True,
            open_orders=(*shown, *self._unanswered(set(shown))),
            unhedged=self._unhedged(),
            positions=tuple(each.text for each in held),
            dust=tuple(each.text for each in held if each.dust),
            note="; ".join(notes),
        )

    def silent(self, note: str) -> VenueProof:
        """Tell what the ledger knows of a venue that did not answer."""
        held = [
            self._told(name, size, f"{self._text(name, size)} (not asked)")
            for name, size in self._booked().items()
        ]
        held += [*self._against(), *self._bought()]
        return VenueProof(
            venue=self._venue,
            reachable=False,
            open_orders=tuple(self._unanswered(set())),
            unhedged=self._unhedged(),
            positions=tuple(each.text for each in held),
            dust=tuple(each.text for each in held if each.dust),
            note=note,
        )

    def _unanswered(self, shown: set[str]) -> list[str]:
        """Ours that were sent and have no last word: a venue's empty list does not end them."""
        return [
            f"{order.client_order_id} (no last word)"
            for order in self._ledger.orders.values()
            if order.venue == self._venue
            and order.open
            and order.status is not OrderStatus.CREATED
            and order.client_order_id not in shown
        ]

    def _unhedged(self) -> tuple[str, ...]:
        """Trades that have not ended and have an order at the venue.

        A trade that is only planned has sent nothing, and under the latch never will.
        """
        return tuple(
            _trade(trade)
            for trade in self._ledger.open_trades()
            if trade.state is not TradeState.PLANNED
            and any(order.venue == self._venue for order in self._ledger.orders_of(trade.id))
        )

    # Positions

    def _booked(self) -> dict[InstrumentId, Decimal]:
        """Signed sizes that the ledger has open at the venue, of every kind but spot."""
        return {
            name: size
            for name, size in self._ledger.open_positions().items()
            if self._is_here(name, spot=False)
        }

    def _against(self) -> list[_Told]:
        """What one strategy holds against another: the venue, which nets them, shows less of it."""
        return [
            _Told(f"{name} in the books: {against(rows)}, which the venue nets")
            for name, rows in on_margin(self._ledger).items()
            if self._is_here(name, spot=False) and opposed(row.quantity for row in rows)
        ]

    def _bought(self) -> list[_Told]:
        """Spot that a strategy holds as a position and that, at its cost, is enough to be sold.

        Of what is not listed here any more nobody knows how much is enough.
        """
        found = []
        for (strategy, name), row in self._ledger.positions.items():
            if strategy in _INVENTORY or row.quantity <= ZERO or not self._is_here(name, spot=True):
                continue
            listed = self._listings.get(name)
            text = f"{self._text(name, row.quantity)} of {strategy}"
            if listed is None:
                found.append(_Told(f"{text} (not listed here any more)"))
                continue
            size, price = listed.floor_size(row.quantity), quotient(row.cost, row.quantity)
            if listed.size_problem(size, price) is None:
                found.append(self._told(name, row.quantity, text))
        return found

    def _is_here(self, name: InstrumentId, *, spot: bool) -> bool:
        """Whether it is of this venue and kind; what is not listed is known by its name and terms."""
        listed = self._listings.get(name)
        if listed is not None:
            return listed.venue == self._venue and (listed.kind is InstrumentKind.SPOT) == spot
        by_name = name.rpartition(".")[2].lower() == self._venue
        return by_name and (name not in self._ledger.contracts) == spot

    def _compared(self, told: Sequence[Held]) -> list[_Told]:
        there = {held.instrument: held.quantity for held in told if held.quantity}
        booked = self._booked()
        found = []
        for name in sorted(there.keys() | booked.keys()):
            theirs, ours = there.get(name, ZERO), booked.get(name, ZERO)
            text = self._text(name, theirs or ours)
            if not ours:
                found.append(self._told(name, theirs, f"{text} (not in the ledger)"))
            elif not theirs:
                found.append(_Told(f"{text} (in the ledger alone)"))
            elif theirs != ours:
                found.append(_Told(f"{text} (the ledger has {plain(ours)})"))
            else:
                found.append(self._told(name, theirs, text))
        return found

    def _told(self, name: InstrumentId, size: Decimal, text: str) -> _Told:
        """Say of a position that is dust what it is and what ends it.

        A fill that may still fail would make another size of it.
        """
        listed = self._listings.get(name)
        if listed is None or self._ledger.unsettled(name):
            return _Told(text)
        mark = None if self._marks is None else self._marks.mark(name)
        parts = on_margin(self._ledger).get(name, ())
        why = stuck(listed, size, None if mark is None else from_float(mark), parts)
        return _Told(text) if why is None else _Told(f"{text}, {why}", dust=True)

    def _text(self, name: InstrumentId, size: Decimal) -> str:
        text = f"{name} {'long' if size > ZERO else 'short'} {plain(abs(size))}"
        pair = self._ledger.pair_of(name)
        if pair is None:
            return text
        other = next(leg for leg in pair.instruments if leg != name)
        return f"{text}, paired with {other}"


def venues_of(ledger: Ledger) -> set[VenueId]:
    """Where the ledger has something open: positions of any kind, and orders of trades.

    The name of what is not listed ends in its venue's.
    """
    names = {*ledger.open_positions(), *ledger.margin_positions}
    venues = {VenueId(name.rpartition(".")[2].lower()) for name in names}
    for trade in ledger.open_trades():
        venues.update(order.venue for order in ledger.orders_of(trade.id))
    return venues


def _trade(trade: Trade) -> str:
    alone = excess(trade)
    rest = f", {plain(alone)} alone" if alone else ""
    return f"trade {trade.seq} {trade.symbol} {trade.state}{rest}"


def _not_ours(truth: OrderTruth) -> Order:
    """Write a stranger's order down as far as a cancel needs it."""
    return Order(
        client_order_id=truth.client_order_id,
        venue_order_id=truth.venue_order_id,
        strategy=StrategyId(Family.MANUAL),
        actor=ENGINE,
        trade_id=TradeId(_NO_TRADE),
        leg="m",
        instrument=truth.instrument,
        venue=truth.venue,
        symbol=Symbol(truth.instrument),
        side=Side.BUY,
        time_in_force=TimeInForce.GTC,
        size=truth.size,
        price=ONE,
        planned_price=ONE,
        status=truth.status,
        created_ns=truth.at_ns,
        updated_ns=truth.at_ns,
    )

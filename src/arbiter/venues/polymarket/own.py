"""The account's own trades, from matched to final, and what follows from them: fills, positions.

Trades may be told out of order: a state never goes back. CONFIRMED is final; FAILED takes the fill
back as if it had never been. Trades of NO are fills of YES the other way round, at one minus the
price.

What is final for `KEPT_NS` is added up and no longer kept by itself (`fold`), but where an older
one of its market is not final yet: what such a market comes to depends on their order. Who asks for
fills from before `whole_ns` has to ask the venue.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from arbiter.model.ids import ClientOrderId, InstrumentId, VenueId
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Fill, OrderStatus
from arbiter.model.perpetuals import MarginPosition, contract_of, executed
from arbiter.model.reports import Filled, FillSettled, VenueReport
from arbiter.model.time import NS_PER_HOUR, NS_PER_MINUTE, NS_PER_S
from arbiter.venues.polymarket.legs import RANK, Leg
from arbiter.venues.polymarket.remembered import KEEP

KEPT_NS = NS_PER_HOUR
"""After its last word; questions about the newest fills go back by minutes."""
STUCK_NS = 10 * NS_PER_MINUTE
"""A match becomes final within minutes. One that does not is asked for by itself from then on."""
_ASK_NS = NS_PER_MINUTE
"""Between two questions about one that is stuck."""
_ASKED_AT_ONCE = 5
_MARGIN_S = 60


class Sums(msgspec.Struct):
    """What an order's trades have come to that are not kept any more."""

    filled: Decimal = ZERO
    seen: Decimal = ZERO
    last_ns: int = 0


class OwnTrades:
    """Every trade known of the account, by id, in the order of time."""

    def __init__(self, venue: VenueId, name_of: Callable[[str], ClientOrderId]) -> None:
        self._venue = venue
        self._name_of = name_of
        self._legs: dict[str, Leg] = {}
        self._by_order: dict[str, list[str]] = {}
        self._folded: dict[str, int] = {}
        """Ids of the newest that were added up, and when they were matched."""
        self._forgotten_ns = 0
        """What was matched up to then and is not known by its id was added up, too."""
        self._positions: dict[InstrumentId, MarginPosition] = {}
        """What was added up has come to, market by market."""
        self._tokens: dict[str, Decimal] = {}
        self._sums: dict[str, Sums] = {}
        """The same order by order; the newest."""
        self._asked_ns: dict[str, int] = {}
        """When those that are stuck were asked for."""
        self._unread: dict[str, str] = {}
        """Trades that could not be read, by id, and why."""
        self._newest_ns = 0
        self.whole_ns = 0
        """From then on each trade is kept by itself."""
        self.complete = False
        """Everything from before has been read."""

    def take(self, leg: Leg) -> list[VenueReport]:
        """Take one in; gives what is new of it: the fill, its final word, or nothing.

        `InvalidValue` for one that cannot be; then nothing of it is kept.
        """
        known = self._legs.get(leg.id)
        if known is None and self._was_folded(leg):
            return []
        if known is not None and RANK[leg.status] <= RANK[known.status]:
            return []
        told: list[VenueReport] = []
        if known is None:
            told.append(Filled(venue=self._venue, at_ns=leg.at_ns, fill=self.fill(leg)))
            self._by_order.setdefault(leg.order, []).append(leg.id)
        self._legs[leg.id] = leg
        if leg.final:
            told.append(self.settled(leg))
        return told

    def read_to(self, at_ns: int) -> None:
        """The venue has told of a trade of then, in a market that is followed or not."""
        self._newest_ns = max(self._newest_ns, at_ns)

    def since_s(self, now_ns: int) -> int:
        """From when on trades have to be asked for: the oldest that may change any moment."""
        if not self.complete:
            return 0
        young = (
            leg.at_ns
            for leg in self._legs.values()
            if not leg.final and now_ns - leg.at_ns < STUCK_NS
        )
        return max(min(young, default=self._newest_ns) // NS_PER_S - _MARGIN_S, 0)

    def stuck(self, now_ns: int) -> list[str]:
        """Trades to be asked for one by one, those that could not be read too; each is given once in a while, a few at a time."""
        waiting = {
            leg.trade
            for leg in self._legs.values()
            if not leg.final and now_ns - leg.at_ns >= STUCK_NS
        }
        waiting |= self._unread.keys()
        self._asked_ns = {name: at for name, at in self._asked_ns.items() if name in waiting}
        due = [name for name in waiting if now_ns - self._asked_ns.get(name, -_ASK_NS) >= _ASK_NS]
        due.sort(key=lambda name: self._asked_ns.get(name, 0))
        for name in due[:_ASKED_AT_ONCE]:
            self._asked_ns[name] = now_ns
        return due[:_ASKED_AT_ONCE]

    def cannot_read(self, trade: str, why: str) -> None:
        """Ask for it again, by its id, until it can be read."""
        self._unread[trade] = why

    def can_read(self, trade: str) -> None:
        self._unread.pop(trade, None)

    @property
    def unread(self) -> tuple[str, ...]:
        return tuple(self._unread.values())

    def fold(self, now_ns: int) -> None:
        """Add up what has been final for long."""
        waiting: set[InstrumentId] = set()
        for leg in sorted(self._legs.values(), key=lambda leg: leg.at_ns):
            market = leg.market.instrument.id
            last_ns = max(leg.at_ns, leg.changed_ns)
            if market in waiting:
                continue
            if not leg.final or now_ns - last_ns < KEPT_NS:
                waiting.add(market)
                continue
            self._fold(leg)
            self.whole_ns = max(self.whole_ns, last_ns + 1)

    def _fold(self, leg: Leg) -> None:
        del self._legs[leg.id]
        names = self._by_order[leg.order]
        names.remove(leg.id)
        if not names:
            del self._by_order[leg.order]
        sums = self._sums.pop(leg.order, None) or Sums()
        self._sums[leg.order] = sums
        sums.seen += leg.size
        sums.last_ns = max(sums.last_ns, leg.changed_ns)
        if not leg.failed:
            sums.filled += leg.size
            self._tokens[leg.token] = self._held(leg.token) + leg.size * leg.side.sign
            self._execute(self._positions, leg)
        if len(self._sums) > KEEP:
            del self._sums[next(iter(self._sums))]
        self._folded[leg.id] = leg.at_ns
        if len(self._folded) > KEEP:
            oldest = next(iter(self._folded))
            self._forgotten_ns = max(self._forgotten_ns, self._folded.pop(oldest))

    def _was_folded(self, leg: Leg) -> bool:
        return leg.id in self._folded or (
            leg.at_ns <= self._forgotten_ns and leg.market.instrument.id in self._positions
        )

    def _held(self, token: str) -> Decimal:
        return self._tokens.get(token, ZERO)

    def fill(self, leg: Leg) -> Fill:
        yes = leg.outcome == 0
        instrument = leg.market.instrument
        return Fill(
            venue=self._venue,
            venue_trade_id=leg.id,
            client_order_id=self._name_of(leg.order),
            instrument=instrument.id,
            side=leg.side if yes else leg.side.opposite,
            size=leg.size,
            price=leg.price if yes else ONE - leg.price,
            fee=leg.fee,
            fee_asset=instrument.settle,
            liquidity=leg.liquidity,
            at_ns=leg.at_ns,
        )

    def settled(self, leg: Leg) -> FillSettled:
        return FillSettled(
            venue=self._venue,
            at_ns=leg.changed_ns,
            instrument=leg.market.instrument.id,
            venue_trade_id=leg.id,
            ok=not leg.failed,
        )

    def kept(self) -> list[Leg]:
        """Those that are not added up, the failed ones too."""
        return list(self._legs.values())

    def fills_since(self, since_ns: int, legs: Iterable[Leg] | None = None) -> list[Fill]:
        """Those that stand, of the ones that are kept or of these."""
        told = self._legs.values() if legs is None else legs
        stand = sorted((leg for leg in told if not leg.failed), key=lambda leg: leg.at_ns)
        return [self.fill(leg) for leg in stand if leg.at_ns >= since_ns]

    def settled_since(self, since_ns: int, legs: Iterable[Leg] | None = None) -> list[FillSettled]:
        told = self._legs.values() if legs is None else legs
        ordered = sorted(told, key=lambda leg: leg.changed_ns)
        return [self.settled(leg) for leg in ordered if leg.final and leg.changed_ns >= since_ns]

    def filled(self, order: str) -> Decimal:
        """What an order has got, as far as it stands."""
        before = self._sums.get(order)
        now = sum((leg.size for leg in self._of(order) if not leg.failed), ZERO)
        return now if before is None else before.filled + now

    def seen(self, order: str) -> Decimal:
        """The same with what has failed since."""
        before = self._sums.get(order)
        now = sum((leg.size for leg in self._of(order)), ZERO)
        return now if before is None else before.seen + now

    def _of(self, order: str) -> Iterable[Leg]:
        return (self._legs[name] for name in self._by_order.get(order, ()))

    def last_ns(self, order: str) -> int:
        before = self._sums.get(order)
        last = max((leg.changed_ns for leg in self._of(order)), default=0)
        return last if before is None else max(before.last_ns, last)

    def positions(self) -> dict[InstrumentId, MarginPosition]:
        """What all trades that stand have come to: contracts of YES, those of NO negative."""
        made = dict(self._positions)
        for leg in sorted(self._standing(), key=lambda leg: leg.at_ns):
            self._execute(made, leg)
        return made

    def _execute(self, positions: dict[InstrumentId, MarginPosition], leg: Leg) -> None:
        fill = self.fill(leg)
        name = fill.instrument
        before = positions.get(name) or MarginPosition(instrument=name)
        contract = contract_of(leg.market.instrument, ONE)
        signed = fill.size * fill.side.sign
        positions[name] = executed(before, contract, signed, fill.price, fill.at_ns)

    def tokens(self, *, on_chain: bool = False) -> dict[str, Decimal]:
        """Tokens held; those on chain alone, less what was sold of them, can be sold."""
        made = dict(self._tokens)
        for leg in self._standing():
            if not on_chain or leg.on_chain or leg.side.sign < 0:
                made[leg.token] = made.get(leg.token, ZERO) + leg.size * leg.side.sign
        return made

    def under_way(self) -> Decimal:
        """Collateral that matches will still bring (> 0) or take when they are mined."""
        return sum((leg.cash for leg in self._standing() if not leg.on_chain), ZERO)

    def _standing(self) -> Iterable[Leg]:
        return (leg for leg in self._legs.values() if not leg.failed)


def ended_as(filled: Decimal, size: Decimal) -> OrderStatus:
    """How an order ended that nobody refused."""
    return OrderStatus.FILLED if filled >= size else OrderStatus.CANCELLED

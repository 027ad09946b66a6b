"""Event arbitrage: YES here and NO there for less than the 1 that one of them pays.

Only approved pairs are looked at, both ways round. An opening begins when a way earns
`min_spread` a contract and ends when it no longer does; it is counted once, however many quotes
confirm it.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

import msgspec

from arbiter.model.event_pairs import EventPair, EventPairId, Polarity
from arbiter.model.ids import Actor, Asset, InstrumentId, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO, common_step, floor_to, from_float, plain, quotient
from arbiter.model.orders import Side
from arbiter.model.plans import Family, Leg, Plan, Signal
from arbiter.model.quotes import Quote
from arbiter.model.time import day_start
from arbiter.opportunities.event_edge import (
    EventEdge,
    EventLeg,
    EventLegs,
    Lockup,
    Worst,
    edge_of,
    worst_of,
)
from arbiter.opportunities.event_settings import EventSettings
from arbiter.opportunities.view import Ids, Markets

Way = tuple[EventPairId, Side]
"""A pair and the side of its first leg: its direction."""

_FLOAT_NOISE = 1e-9


class EventBoard(Protocol):
    def quote(self, instrument_id: InstrumentId) -> Quote | None: ...

    def age_ns(self, instrument_id: InstrumentId, now_ns: int) -> int | None: ...

    def healthy(self, venue: VenueId) -> bool: ...


class Purse(Protocol):
    """What may still be spent."""

    def free(self, venue: VenueId, asset: Asset) -> Decimal: ...

    def held(self, instrument: InstrumentId) -> Decimal:
        """Signed contracts of YES that the strategy holds."""
        ...

    def pair_exposure(self, pair: EventPairId) -> Decimal:
        """Cost of what is open in a pair, both legs, with fees and working orders."""
        ...

    def total_exposure(self) -> Decimal:
        """The same of all pairs."""
        ...


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A way of a pair that pays now."""

    pair: EventPair
    legs: EventLegs
    edge: EventEdge
    """At the size that both books show, within `max_position_size`."""
    new: bool
    """Its first sight: the one to count and to store."""
    found_ns: int

    @property
    def way(self) -> Way:
        return self.pair.id, self.legs[0].side


class EventSpread:
    """Finds openings among approved pairs and turns them into plans."""

    def __init__(
        self, settings: EventSettings, board: EventBoard, markets: Markets, ids: Ids
    ) -> None:
        self.settings = settings
        self._board = board
        self._markets = markets
        self._ids = ids
        self._pairs: dict[EventPairId, EventPair] = {}
        self._by_instrument: dict[InstrumentId, tuple[EventPair, ...]] = {}
        self._open: set[Way] = set()
        self._refused: set[Way] = set()
        self._quiet_until: dict[EventPairId, int] = {}
        self._day_ns = 0
        self._counted = 0

    def reconfigure(self, settings: EventSettings) -> None:
        """Use other settings from the next quote on."""
        self.settings = settings

    def watch(self, pairs: Iterable[EventPair], *, simulated: bool) -> tuple[str, ...]:
        """Look at these pairs from now on; says which approved ones cannot be traded, and why.

        `simulated` says whose markets these are: a pair of the built-in ones trades nowhere else,
        nor does a real one trade there.
        """
        self._pairs = {}
        troubles = []
        for pair in pairs:
            if not pair.approved or pair.simulated is not simulated:
                continue
            trouble = self._unfit(pair)
            if trouble:
                troubles.append(f"{pair.id}: {trouble}")
            else:
                self._pairs[pair.id] = pair
        touched: dict[InstrumentId, list[EventPair]] = {}
        for pair in self._pairs.values():
            for instrument in pair.instruments:
                touched.setdefault(instrument, []).append(pair)
        self._by_instrument = {name: tuple(found) for name, found in touched.items()}
        self._open = {way for way in self._open if way[0] in self._pairs}
        self._refused = {way for way in self._refused if way[0] in self._pairs}
        return tuple(troubles)

    @property
    def watched(self) -> tuple[EventPair, ...]:
        return tuple(self._pairs.values())

    def of(self, instrument: InstrumentId) -> tuple[EventPair, ...]:
        """The watched pairs that a quote of this instrument concerns."""
        return self._by_instrument.get(instrument, ())

    def openings_today(self, now_ns: int) -> int:
        """Distinct openings since 00:00 UTC, as far as this run has seen them."""
        return self._counted if day_start(now_ns) == self._day_ns else 0

    # From quotes to an opening

    def consider(self, pair: EventPair, now_ns: int) -> Opening | None:
        """Look at both ways round; gives the better one that pays, whether or not it is new."""
        if not pair.open_at(now_ns) or not self._fresh(pair, now_ns):
            return None
        found = []
        for sides in pair.directions:
            opening = self._look(pair, sides, now_ns)
            if opening is not None:
                found.append(opening)
        return max(found, key=lambda opening: opening.edge.net, default=None)

    def ways(self, pair: EventPair, now_ns: int) -> list[Opening]:
        """Both ways round as they stand, paying or not, the better first; nothing is noted.

        Ways that no size fits, and those of a leg without a quote, are left out.
        """
        found = []
        for sides in pair.directions:
            legs = self._legs(pair, sides, least=-1.0)
            edge = None if legs is None else self._edge(pair, legs, now_ns)
            if legs is not None and edge is not None:
                found.append(Opening(pair=pair, legs=legs, edge=edge, new=False, found_ns=now_ns))
        return sorted(found, key=lambda way: -way.edge.per_contract)

    def resting(self, pair: EventPairId, now_ns: int) -> bool:
        """Whether a trade or a refusal a moment ago asks for patience."""
        return now_ns < self._quiet_until.get(pair, now_ns)

    def note_traded(self, opening: Opening, now_ns: int) -> None:
        """Rest the pair; call it when the plan was approved."""
        self._refused.discard(opening.way)
        self._quiet_until[opening.pair.id] = now_ns + self.settings.cooldown_ns

    def note_refused(self, opening: Opening, now_ns: int) -> bool:
        """Rest the pair for `retry_seconds`; True when it is the opening's first refusal."""
        self._quiet_until[opening.pair.id] = now_ns + self.settings.retry_ns
        first = opening.way not in self._refused
        self._refused.add(opening.way)
        return first

    def _look(self, pair: EventPair, sides: tuple[Side, Side], now_ns: int) -> Opening | None:
        way = pair.id, sides[0]
        legs = self._legs(pair, sides)
        edge = None if legs is None else self._edge(pair, legs, now_ns)
        if legs is None or edge is None or edge.per_contract < self.settings.min_spread:
            self._open.discard(way)
            self._refused.discard(way)
            return None
        new = way not in self._open
        if new:
            self._open.add(way)
            self._count(now_ns)
        return Opening(pair=pair, legs=legs, edge=edge, new=new, found_ns=now_ns)

    def _legs(
        self, pair: EventPair, sides: tuple[Side, Side], least: float | None = None
    ) -> EventLegs | None:
        """Both legs at their touch; None when they leave less than `least` even without fees."""
        quotes = [self._board.quote(instrument) for instrument in pair.instruments]
        if quotes[0] is None or quotes[1] is None:
            return None
        first = quotes[0].ask if sides[0] is Side.BUY else 1 - quotes[0].bid
        second = quotes[1].ask if sides[1] is Side.BUY else 1 - quotes[1].bid
        wanted = float(self.settings.min_spread) if least is None else least
        if 1 - first - second < wanted - _FLOAT_NOISE:
            return None
        return self._leg(quotes[0], sides[0]), self._leg(quotes[1], sides[1])

    def _leg(self, quote: Quote, side: Side) -> EventLeg:
        buying = side is Side.BUY
        instrument = self._markets.by_id(quote.instrument)
        return EventLeg(
            instrument=instrument,
            side=side,
            price=from_float(quote.ask if buying else quote.bid),
            depth=from_float(quote.ask_size if buying else quote.bid_size),
            fee=self.settings.fee_of(instrument.venue, instrument.id),
        )

    def _edge(self, pair: EventPair, legs: EventLegs, now_ns: int) -> EventEdge | None:
        """Of as much as both books show and one trade may cost."""
        cost = legs[0].cost + legs[1].cost
        most = min(legs[0].depth, legs[1].depth)
        if cost > ZERO:
            most = min(most, quotient(self.settings.max_position_size, cost))
        size = floor_to(most, _step(legs))
        if self._too_small(legs, size) is not None:
            return None
        return edge_of(legs, size, self.lockup(pair, now_ns))

    def lockup(self, pair: EventPair, now_ns: int) -> Lockup:
        """How long the capital of a trade of this moment would be bound, and at what rate."""
        settings = self.settings
        left = Decimal(max(pair.payout_after(now_ns) - now_ns, 0))
        return Lockup(days=quotient(left, Decimal(settings.day_ns)), rate=settings.capital_rate)

    # From an opening to orders

    def plan(self, opening: Opening, purse: Purse, now_ns: int, scale: Decimal = ONE) -> Plan | str:
        """Ask for both legs, or say which limit left nothing.

        Both are IOC limits; whatever they fill at, the pair does not lose after fees and capital
        cost, and costs no more than the pair's cap leaves. `scale` shrinks the size.
        """
        room = min(self.settings.limit_slippage, max(opening.edge.per_contract, ZERO) / 2)
        refusal = ""
        for slippage in (room, ZERO):
            worst = worst_of(opening.legs, slippage)
            if min(worst.limits) <= ZERO or max(worst.limits) >= ONE:
                return "PRICE: a limit lies outside (0, 1)"
            size = self._size(opening, worst, purse, scale)
            if isinstance(size, str):
                return size
            refusal = self._poor(opening, worst, size, now_ns)
            if not refusal:
                return self._plan(opening, worst, size, now_ns)
        return refusal

    def gone(self, plan: Plan, now_ns: int) -> str | None:
        """Say why a plan no longer stands, asked just before its orders are sent.

        The pair must still be approved and open, both quotes fresh, and both legs together still
        earn `min_spread` a contract at the touch of this moment.
        """
        pair = self._pair_of(plan)
        if pair is None:
            return "PAIR: no longer approved"
        if not pair.open_at(now_ns):
            return f"WINDOW: {pair.id} has closed"
        if not self._fresh(pair, now_ns):
            return (
                f"STALE: a quote of {pair.id} is older than {self.settings.max_age_ns // 10**6} ms"
            )
        sides = {leg.instrument: leg.side for leg in plan.legs}
        legs = self._legs(pair, (sides[pair.instruments[0]], sides[pair.instruments[1]]))
        needed = self.settings.min_spread
        if legs is None:
            return f"EDGE: below {plain(needed)} before fees"
        edge = edge_of(legs, plan.legs[0].size, self.lockup(pair, now_ns)).per_contract
        return None if edge >= needed else f"EDGE: {edge:.6f} is below {plain(needed)}"

    def signal(
        self, opening: Opening, now_ns: int, *, executed: bool = False, verdict: str = ""
    ) -> Signal:
        """Tell of an opening as the other families tell of theirs.

        As if one contract were bought at what its leg costs and sold at what the other leaves of
        1: sell price − buy price is the gross profit of a contract, whichever way round.
        """
        first, second = opening.legs
        buy, sell = (first, second) if first.side is Side.BUY else (second, first)
        signal_id, seq = self._ids.signal()
        edge = opening.edge.per_contract
        return Signal(
            id=signal_id,
            seq=seq,
            strategy=self.settings.strategy,
            symbol=buy.instrument.symbol,
            buy_instrument=buy.instrument.id,
            sell_instrument=sell.instrument.id,
            buy_venue=buy.instrument.venue,
            sell_venue=sell.instrument.venue,
            buy_price=buy.cost,
            sell_price=ONE - sell.cost,
            edge=quotient(edge, buy.cost) if buy.cost else ZERO,
            confidence=self._confidence(opening, now_ns),
            detected_ns=opening.found_ns,
            executed=executed,
            verdict=verdict,
        )

    def _plan(self, opening: Opening, worst: Worst, size: Decimal, now_ns: int) -> Plan:
        strategy = self.settings.strategy
        legs = zip(opening.legs, worst.limits, strict=True)
        return Plan(
            strategy=strategy,
            family=Family.EVENTS,
            actor=Actor(f"strategy:{strategy}"),
            symbol=opening.legs[0].instrument.symbol,
            legs=tuple(
                Leg(
                    instrument=leg.instrument.id,
                    side=leg.side,
                    size=size,
                    price=limit,
                    planned_price=leg.price,
                )
                for leg, limit in legs
            ),
            created_ns=now_ns,
        )

    def _size(self, opening: Opening, worst: Worst, purse: Purse, scale: Decimal) -> Decimal | str:
        """Contracts of each leg, as many as every bound allows at the worst fills."""
        bounds = self._bounds(opening, worst, purse)
        binding = min(bounds, key=bounds.__getitem__)
        wanted = max(bounds[binding], ZERO) * scale
        size = floor_to(wanted, _step(opening.legs))
        problem = self._too_small(opening.legs, size)
        if problem is None:
            return size
        return (
            f"SIZE: {binding}={plain(bounds[binding].quantize(Decimal('1e-6')))} leaves "
            f"{plain(size)} contracts, {problem}"
        )

    def _bounds(self, opening: Opening, worst: Worst, purse: Purse) -> dict[str, Decimal]:
        """Every bound on the size, in contracts."""
        settings, pair = self.settings, opening.pair
        both = sum(worst.unit_costs, ZERO)
        rounding = sum(worst.rounding, ZERO)
        money = {
            "max_position_size": settings.max_position_size,
            "max_total_exposure": settings.max_total_exposure - purse.total_exposure(),
            "pair_cap": pair.cap_usd - purse.pair_exposure(pair.id),
        }
        bounds = {name: quotient(usd - rounding, both) for name, usd in money.items()}
        ended = _ended(opening.legs, purse)
        if ended:
            for name in ("max_total_exposure", "pair_cap"):
                bounds[name] = ended + max(bounds[name], ZERO)
        for leg, unit, step in zip(opening.legs, worst.unit_costs, worst.rounding, strict=True):
            venue = leg.instrument.venue
            bounds[f"depth_{venue}"] = leg.depth
            free = purse.free(venue, leg.instrument.settle)
            bounds[f"balance_{venue}"] = quotient(free - step, unit)
        return bounds

    def _poor(self, opening: Opening, worst: Worst, size: Decimal, now_ns: int) -> str:
        """Say what of the edge is missing at this size; empty when it is enough.

        At the touch it must be `min_spread`; at the limits the pair may not lose.
        """
        lockup = self.lockup(opening.pair, now_ns)
        edge = edge_of(opening.legs, size, lockup).per_contract
        if edge < self.settings.min_spread:
            return f"EDGE: {edge:.6f} is below {plain(self.settings.min_spread)} at {plain(size)}"
        spent = worst.spent(size)
        if size - spent - lockup.of(spent) < ZERO:
            return f"EDGE: {plain(size)} contracts may lose at their limits"
        return ""

    def _too_small(self, legs: EventLegs, size: Decimal) -> str | None:
        """Name the rule by which a size is too small to trade."""
        if size < self.settings.min_size or not size:
            return f"fewer than min_size={plain(self.settings.min_size)}"
        for leg in legs:
            venue = leg.instrument.venue
            problem = leg.instrument.size_problem(size, leg.price)
            if problem is None and size * leg.cost < leg.instrument.min_notional:
                problem = "min_notional"
            if problem is not None:
                return f"too little for {problem} on {venue}"
        return None

    # Shared

    def _unfit(self, pair: EventPair) -> str:
        """Why an approved pair cannot be traded here."""
        listed = {instrument.id: instrument for instrument in self._markets.instruments}
        for market in pair.markets:
            instrument = listed.get(market.instrument)
            if instrument is None:
                return f"{market.instrument} is not listed"
            if not _binary(instrument):
                return f"{market.instrument} does not pay 1 or 0 a contract"
        return ""

    def _fresh(self, pair: EventPair, now_ns: int) -> bool:
        for market in pair.markets:
            age = self._board.age_ns(market.instrument, now_ns)
            if age is None or age > self.settings.max_age_ns:
                return False
            if not self._board.healthy(market.venue):
                return False
        return True

    def _pair_of(self, plan: Plan) -> EventPair | None:
        if len(plan.legs) != 2:
            return None
        wanted = {leg.instrument for leg in plan.legs}
        for pair in self.of(plan.legs[0].instrument):
            same = plan.legs[0].side is not plan.legs[1].side
            if set(pair.instruments) == wanted and same is (pair.polarity is Polarity.SAME):
                return pair
        return None

    def _confidence(self, opening: Opening, now_ns: int) -> Decimal:
        """Mean of what the shown size fills of the largest trade and of the quotes' youth, 0..1."""
        filled = quotient(opening.edge.cost, self.settings.max_position_size)
        ages = [self._board.age_ns(m.instrument, now_ns) or 0 for m in opening.pair.markets]
        youth = 1 - Decimal(max(ages)) / self.settings.max_age_ns
        score = (min(filled, ONE) + min(max(youth, ZERO), ONE)) / 2
        return score.quantize(Decimal("0.000001"))

    def _count(self, now_ns: int) -> None:
        today = day_start(now_ns)
        if today != self._day_ns:
            self._day_ns, self._counted = today, 0
        self._counted += 1


def _binary(instrument: Instrument) -> bool:
    return instrument.kind is InstrumentKind.BINARY and instrument.contract_size == ONE


def _ended(legs: EventLegs, purse: Purse) -> Decimal:
    """Contracts that end what both legs hold the other way round: they put nothing more at stake."""
    return max(min(-leg.side.sign * purse.held(leg.instrument.id) for leg in legs), ZERO)


def _step(legs: EventLegs) -> Decimal:
    """Step of sizes that both venues take: whole contracts where either knows no fractions."""
    return common_step(legs[0].instrument.lot, legs[1].instrument.lot)

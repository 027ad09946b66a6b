"""The event desk: opens pairs of event contracts, keeps their legs equal, holds them to payout.

An opening is looked for at each quote of an approved pair. What is held is looked at from state,
never from the event that woke the desk: looking twice changes nothing. A leg whose market was
resolved is gone for good and its other leg waits for its own payout; any other lone leg is reduced
at once. While a trade of a pair is under way, or one of its fills may still fail, the pair is left
alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

import structlog
from msgspec.structs import replace

from arbiter.model.changes import Changes
from arbiter.model.denials import Denied
from arbiter.model.event_pairs import EventPair, EventPairId, Polarity
from arbiter.model.events import (
    AlertRaised,
    ContractSet,
    Event,
    FillSettled,
    KillSwitchEngaged,
    PositionForced,
    SignalSeen,
    TradeAdvanced,
    TradeOpened,
)
from arbiter.model.ids import ENGINE, Asset, InstrumentId, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO, quotient
from arbiter.model.orders import Side
from arbiter.model.perpetuals import contract_of
from arbiter.model.plans import Family, Leg, Plan, Signal
from arbiter.model.time import NS_PER_S
from arbiter.model.trades import Trade, TradeState
from arbiter.opportunities.event_pair import EventSpread, Opening, Way
from arbiter.opportunities.event_settings import EVENT_ARBITRAGE, EventSettings
from arbiter.opportunities.view import Ids
from arbiter.ports.clock import Clock
from arbiter.runtime.core import TradingCore
from arbiter.runtime.netting import in_account

log = structlog.get_logger(__name__)

QUIET_NS = 10 * NS_PER_S
"""Nothing is opened so shortly before a payout: a lone leg could not be mended in time."""


class EventDesk:
    """`on_quote` for each quote of `slots`, `tick` often and after anything that moved a position."""

    def __init__(
        self,
        *,
        core: TradingCore,
        settings: EventSettings,
        tradable: Callable[[], Iterable[EventPair]],
        clock: Clock,
        ids: Ids,
        simulated: bool,
    ) -> None:
        self.enabled = True
        self.spread = EventSpread(settings, core.board, core.registry, ids)
        self._core = core
        self._tradable = tradable
        self._clock = clock
        self._simulated = simulated
        self._told: dict[Way, Signal] = {}
        """The signal of each opening that lasts, so that it is counted once."""
        self.passed_by: Callable[[str], None] = _unheard
        """Told why, each time that an opening is not gone after."""
        self._troubles: frozenset[str] = frozenset()
        self._wait_until: dict[EventPairId, int] = {}

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Every event market that is listed."""
        listed = self._core.registry.instruments
        return tuple(i for i in listed if i.kind is InstrumentKind.BINARY)

    def reconfigure(self, settings: EventSettings) -> None:
        """Use other settings from the next quote on."""
        self.spread.reconfigure(settings)

    def set_contracts(self) -> None:
        """Put the terms of every event market into the ledger, where they are not yet."""
        now = self._clock.now_ns()
        for instrument in self.instruments:
            contract = contract_of(instrument, ONE)
            if self._core.ledger.contracts.get(instrument.id) != contract:
                self._core.recorder.record(ContractSet(at_ns=now, contract=contract))

    def rewatch(self) -> None:
        """Take up the pairs that may be traded now, and hear their quotes."""
        troubles = frozenset(self.spread.watch(self._tradable(), simulated=self._simulated))
        now = self._clock.now_ns()
        for text in sorted(troubles - self._troubles):
            self._core.recorder.record(
                AlertRaised(at_ns=now, severity="warning", code="PAIR_UNFIT", text=text)
            )
        self._troubles = troubles
        slot = self._core.registry.slot
        self._core.heard = {
            slot(name): self._hear(name)
            for pair in self.spread.watched
            for name in pair.instruments
        }

    def _hear(self, instrument: InstrumentId) -> Callable[[], None]:
        return lambda: self.on_quote(instrument)

    # Openings

    def on_quote(self, instrument: InstrumentId) -> None:
        """Look at every pair that a quote concerns."""
        if not self._core.state.started:
            return
        now = self._clock.now_ns()
        for pair in self.spread.of(instrument):
            self._seek(pair, now)

    def _seek(self, pair: EventPair, now: int) -> None:
        opening = self.spread.consider(pair, now)
        if opening is None:
            return
        why = self._why_not(pair, now)
        if why is not None:
            self._note(opening, now, why)
            return
        plan = self.spread.plan(opening, self, now, self._core.gate.size_scale(now))
        if isinstance(plan, str):
            self.spread.note_refused(opening, now)
            self._note(opening, now, plan)
            return
        decision = self._core.propose(plan, beside=lambda _: self._traded(opening, now))
        if isinstance(decision, Denied):
            self.spread.note_refused(opening, now)
            self._note(opening, now, str(decision))
            return
        self.spread.note_traded(opening, now)

    def _why_not(self, pair: EventPair, now: int) -> str | None:
        """What keeps an opening from being gone after, before any money is looked at."""
        core = self._core
        if not self.enabled or core.state.stopping:
            return "STOPPED: nothing is opened"
        if not core.ledger.strategies.get(EVENT_ARBITRAGE, True):
            return "STRATEGY_STOPPED"
        if core.ledger.kill_switch.engaged:
            return "KILL_SWITCH"
        if self.spread.resting(pair.id, now):
            return "COOLDOWN: a trade or a refusal a moment ago"
        if pair.payout_after(now) - now < QUIET_NS:
            return "WINDOW: the payout is near"
        if any(core.ledger.unsettled(name) for name in pair.instruments):
            return "UNSETTLED: a fill may still fail"
        if self._busy(pair):
            return "BUSY: a trade of the pair is under way"
        if any(self._is_enough(name, abs(size)) for name, size in self._unequal(pair)):
            return "LONE_LEG: the legs are not equal"  # by more than what no order can be made of
        return None

    def _note(self, opening: Opening, now: int, verdict: str) -> None:
        """Store an opening that is not traded, once."""
        self.passed_by(verdict)
        if opening.new or opening.way not in self._told:
            signal = self.spread.signal(opening, now, verdict=verdict)
            self._told[opening.way] = signal
            self._core.recorder.record(SignalSeen(at_ns=now, signal=signal))

    def _traded(self, opening: Opening, now: int) -> SignalSeen:
        """The signal of the opening as it was traded; one already stored is the same one."""
        known = None if opening.new else self._told.get(opening.way)
        if known is None:
            signal = self.spread.signal(opening, now, executed=True)
        else:
            signal = replace(known, executed=True, verdict="")
        self._told[opening.way] = signal
        return SignalSeen(at_ns=now, signal=signal)

    # The purse

    def free(self, venue: VenueId, asset: Asset) -> Decimal:
        return self._core.gate.spendable(venue, asset)

    def held(self, instrument: InstrumentId) -> Decimal:
        """Signed contracts of this strategy."""
        row = self._core.ledger.positions.get((EVENT_ARBITRAGE, instrument))
        return ZERO if row is None else row.quantity

    def pair_exposure(self, pair: EventPairId) -> Decimal:
        """Most that may be lost of what is held in a pair: collateral of both legs, and fees."""
        known = self._core.ledger.event_pairs.get(pair)
        return ZERO if known is None else sum(map(self._at_stake, known.instruments), ZERO)

    def total_exposure(self) -> Decimal:
        return sum((self._at_stake(i.id) for i in self.instruments), ZERO)

    def _at_stake(self, name: InstrumentId) -> Decimal:
        """Collateral and entry fees of what is held.

        Fees are those of one order at the average cost, and a rounding more for each that may
        have been: fees bend towards the middle, so many orders pay less but for their roundings.
        """
        row = self._core.ledger.positions.get((EVENT_ARBITRAGE, name))
        if row is None or not row.quantity:
            return ZERO
        size = abs(row.quantity)
        collateral = row.cost if row.quantity > ZERO else size - row.cost
        instrument = self._core.registry.by_id(name)
        fee = self.spread.settings.fee_of(instrument.venue, name)
        orders = sum(
            order.instrument == name and order.updated_ns >= row.opened_ns
            for order in self._core.ledger.orders.values()
        )
        return collateral + fee.of(size, quotient(collateral, size)) + orders * fee.step

    # What is held

    def tick(self) -> None:
        """Look at every pair of which something is held, or may be."""
        if not self._core.state.started:
            return
        now = self._clock.now_ns()
        for pair in self._core.ledger.event_pairs.values():
            if any(self.held(name) for name in pair.instruments) or self._busy(pair):
                self._look(pair, now)

    def watch(self, events: Sequence[Event], changes: Changes) -> bool:
        """Note what a listener of the event hub hears; whether a tick should follow at once."""
        if changes.event_pairs:
            self.rewatch()
        wake = False
        for event in events:
            wake |= isinstance(event, PositionForced | FillSettled | KillSwitchEngaged) or (
                isinstance(event, TradeAdvanced) and event.state.terminal
            )
        return wake

    def _look(self, pair: EventPair, now: int) -> None:
        if self._working(pair) or any(self._core.ledger.unsettled(n) for n in pair.instruments):
            return
        latch = self._core.ledger.kill_switch
        flatten = latch.engaged and latch.flatten
        gone = any(self.held(n) and self._core.registry.get(n) is None for n in pair.instruments)
        if flatten and not gone:
            left = [(n, self.held(n)) for n in pair.instruments]
        else:  # no order ends a leg that is not listed any more, and the other one hedges it
            left = [each for each in self._lone(pair) if self._core.registry.get(each[0])]
        if any(self._is_enough(name, abs(quantity)) for name, quantity in left):
            self._reduce(pair, left, now, flatten=flatten)
            return
        if gone:
            return
        for trade in tuple(self._trades_of(pair)):
            self._core.floor.release(trade.id, "what stood alone was netted or reduced elsewhere")

    def _lone(self, pair: EventPair) -> list[tuple[InstrumentId, Decimal]]:
        """What of either leg has to be reduced: signed contracts."""
        alone = self._unequal(pair)
        return [] if alone and self._awaits_payout(pair) else alone

    def _awaits_payout(self, pair: EventPair) -> bool:
        """Whether one leg was paid while both were held, and the other's payout is to come.

        Read from the ledger, which outlives this run. An opening counts from when its order was
        made: its fill may be booked late, after the other leg's payout.
        """
        first, second = pair.instruments
        for paid, left in ((first, second), (second, first)):
            row = self._core.ledger.positions.get((EVENT_ARBITRAGE, paid))
            payout = self._core.ledger.resolution(paid)
            if payout is None or row is None or row.quantity or row.closed_ns is None:
                continue
            if payout.at_ns >= self._began_ns(paid) and row.closed_ns >= self._began_ns(left):
                return True
        return False

    def _began_ns(self, instrument: InstrumentId) -> int:
        """When the first order of the present, or last, position was made."""
        row = self._core.ledger.positions[EVENT_ARBITRAGE, instrument]
        return min(
            (
                order.created_ns
                for order in self._core.ledger.orders.values()
                if order.instrument == instrument
                and order.strategy == EVENT_ARBITRAGE
                and order.filled_size
                and order.updated_ns >= row.opened_ns
            ),
            default=row.opened_ns,
        )

    def _unequal(self, pair: EventPair) -> list[tuple[InstrumentId, Decimal]]:
        """What of either leg has no other leg to pay when it does not: signed contracts."""
        first, second = pair.instruments
        one, other = self.held(first), self.held(second)
        turned = -other if pair.polarity is Polarity.SAME else other
        matched = ZERO
        if one * turned > ZERO:
            matched = min(abs(one), abs(turned))
        over = [
            (name, quantity - matched if quantity > ZERO else quantity + matched)
            for name, quantity in ((first, one), (second, other))
        ]
        return [(name, quantity) for name, quantity in over if quantity]

    def _reduce(
        self,
        pair: EventPair,
        left: Sequence[tuple[InstrumentId, Decimal]],
        now: int,
        *,
        flatten: bool,
    ) -> None:
        """Close what is left, in signed contracts.

        Where another strategy holds the other side the venue, which nets the two, reduces only
        what its account as a whole holds. A lone leg is closed there all the same, by an order
        that opens; a flattening asks for what the account holds and no more.
        """
        if now < self._wait_until.get(pair.id, 0):
            return
        reductions: list[Leg] = []
        for name, quantity in left:
            side = Side.SELL if quantity > ZERO else Side.BUY
            there = in_account(self._core.ledger, name, side)
            size = min(abs(quantity), there) if flatten else abs(quantity)
            leg = self._closing(name, side, size)
            if leg is None:
                continue
            self._wait_until[pair.id] = now + self.spread.settings.retry_ns
            if leg.size <= there:
                reductions.append(leg)
            else:
                self._close(pair, [leg], now, Family.MANUAL)
        if reductions:
            self._close(pair, reductions, now, Family.EVENTS)

    def _close(self, pair: EventPair, legs: Sequence[Leg], now: int, family: Family) -> None:
        """Propose a closing, which only of the family EVENTS is a reduction at the venue too."""
        plan = Plan(
            strategy=EVENT_ARBITRAGE,
            family=family,
            actor=ENGINE,
            symbol=self._core.registry.by_id(legs[0].instrument).symbol,
            legs=tuple(legs),
            reduce_only=family is Family.EVENTS,
            created_ns=now,
        )
        decision = self._core.propose(plan)
        if isinstance(decision, TradeOpened):
            log.info("event pair reduced", pair=pair.id, legs=len(legs))

    def _is_enough(self, name: InstrumentId, size: Decimal) -> bool:
        instrument = self._core.registry.by_id(name)
        size = instrument.floor_size(size)
        return size > ZERO and size >= instrument.min_size

    def _closing(self, name: InstrumentId, side: Side, size: Decimal) -> Leg | None:
        """A marketable limit against what is held; None without a quote or below the minimum."""
        touch = self._core.touch(name, side)
        if touch is None or not self._is_enough(name, size):
            return None
        instrument = self._core.registry.by_id(name)
        slip = self.spread.settings.limit_slippage
        if side is Side.BUY:
            price = min(instrument.ceil_price(touch + slip), ONE - instrument.tick)
        else:
            price = instrument.floor_price(max(touch - slip, instrument.tick))
        return Leg(
            instrument=name,
            side=side,
            size=instrument.floor_size(size),
            price=price,
            planned_price=touch,
        )

    def _busy(self, pair: EventPair) -> bool:
        return any(True for _ in self._trades_of(pair))

    def _working(self, pair: EventPair) -> bool:
        """Whether a trade of the pair may still change what is held.

        A held one has found no way out by itself: what it left may have been netted with an older
        position, and stand alone on the other venue.
        """
        ledger = self._core.ledger
        return any(
            trade.state is not TradeState.HELD
            or any(order.open for order in ledger.orders_of(trade.id))
            for trade in self._trades_of(pair)
        )

    def _trades_of(self, pair: EventPair) -> Iterator[Trade]:
        for trade in self._core.ledger.open_trades():
            if trade.strategy == EVENT_ARBITRAGE and any(
                leg.instrument in pair.instruments for leg in trade.legs
            ):
                yield trade


def _unheard(_why: str) -> None:
    """Nobody asks."""

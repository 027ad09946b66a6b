"""Pairs on two prediction venues: opened when the scenario says so, and checked to the cent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

import msgspec

from arbiter.markets.event_catalogue import EventTopic
from arbiter.markets.event_settings import EVENT_VENUES
from arbiter.model.changes import Changes
from arbiter.model.commands import EngageKillSwitch
from arbiter.model.event_pairs import EventPair, Polarity
from arbiter.model.events import (
    AlertRaised,
    Event,
    FillSettled,
    OrderFilled,
    PositionForced,
    TradeOpened,
)
from arbiter.model.holdings import Position
from arbiter.model.ids import Actor, InstrumentId, VenueId
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill
from arbiter.model.trades import Trade, TradeState
from arbiter.opportunities.event_settings import EVENT_ARBITRAGE
from arbiter.runtime.kill import KillReport
from tests.chaos.virtual_world import RECONCILE_S, FillKey
from tests.scenarios.events.world import SAME, START, EventWorld, StageSettings


class EventStage(EventWorld):
    def __init__(self, seed: int, settings: StageSettings) -> None:
        self.alerts: list[AlertRaised] = []
        super().__init__(seed, settings)

    def restart(self) -> None:
        self.crash()
        self.start()

    def kill(self, flatten: bool) -> KillReport:
        command = EngageKillSwitch(actor=Actor("user:ann"), reason="test", flatten=flatten)
        return self.loop.run_until_complete(self.engine.kill_switch.engage(command))

    def open_pair(self, topic: EventTopic = SAME, *, turned: bool = False) -> Trade:
        """Make YES cheap on the first venue and NO on the second, or the other way round."""
        before = self.engine.ledger.next_trade_seq
        self.lean(topic, turned=turned)
        self.run_until(lambda: self.engine.ledger.next_trade_seq > before, 5.0)
        return next(t for t in self.trades() if t.seq == before)

    def lean(self, topic: EventTopic = SAME, *, turned: bool = False, seconds: float = 1.0) -> None:
        """Let a pair be worth opening for so long: see `open_pair`."""
        shift = 0.06 if turned else -0.06
        other = shift if topic.polarity is Polarity.COMPLEMENT else -shift
        self.dislocate(self.first(topic), shift, seconds)
        self.dislocate(self.second(topic), other, seconds)

    # What is seen

    @property
    def pair(self) -> EventPair:
        return next(iter(self.ledger.event_pairs.values()))

    def held(self, name: InstrumentId) -> Decimal:
        row = self.ledger.positions.get((EVENT_ARBITRAGE, name))
        return ZERO if row is None else row.quantity

    def rows(self, name: InstrumentId) -> list[Position]:
        """Of every strategy that holds something."""
        held = self.ledger.positions.items()
        return [row for (_, instrument), row in held if instrument == name and row.quantity]

    def account(self, name: InstrumentId) -> Decimal:
        """Signed contracts of all strategies."""
        return sum((row.quantity for row in self.rows(name)), ZERO)

    def row(self, name: InstrumentId) -> Position:
        return self.ledger.positions[EVENT_ARBITRAGE, name]

    def total(self, venue: VenueId) -> Decimal:
        return self.ledger.balances[venue, EVENT_VENUES[venue].settle].total

    def cash(self) -> Decimal:
        """What both accounts hold together."""
        return sum((row.total for row in self.ledger.balances.values()), ZERO)

    def whole(self) -> bool:
        """No trade is under way unless held for a person, nothing waits for its settlement, and legs are equal but for
        what is too small to be sold."""
        ledger = self.ledger
        working = [t for t in ledger.open_trades() if t.state is not TradeState.HELD]
        if working or any(ledger.unsettled(i.id) for i in self.registry.instruments):
            return False
        return not any(
            abs(quantity) >= self.registry.by_id(name).min_size
            for pair in ledger.event_pairs.values()
            for name, quantity in self.engine.desk._lone(pair)
        )

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        del changes
        for event in events:
            if isinstance(event, AlertRaised):
                self.alerts.append(event)
            elif isinstance(event, TradeOpened) and event.trade.strategy == EVENT_ARBITRAGE:
                for leg in event.trade.legs:
                    if self._waits(leg.instrument):
                        self.violations.append(f"trade {event.trade.seq} before the last word")
            elif isinstance(event, OrderFilled):
                self._check_size(event.fill)

    def _waits(self, name: InstrumentId) -> bool:
        """Whether a fill of either leg of the instrument's pair may still fail."""
        pairs = [p for p in self.ledger.event_pairs.values() if name in p.instruments]
        return any(self.ledger.unsettled(n) for pair in pairs for n in pair.instruments)

    def _check_size(self, fill: Fill) -> None:
        """Of no leg more is bought than was planned, whatever failed meanwhile."""
        order = self.ledger.orders.get(fill.client_order_id)
        trade = None if order is None else self.ledger.trade(order.trade_id)
        if trade is None:
            return
        for leg in trade.legs:
            got = sum(
                (
                    o.filled_size * o.side.sign
                    for o in self.ledger.orders_of(trade.id)
                    if o.instrument == leg.instrument
                ),
                ZERO,
            )
            if got * leg.side.sign > leg.size:
                self.violations.append(f"trade {trade.seq} holds {got} of {leg.size}")

    # What must hold in the end

    def verify(self) -> None:
        """Come to rest; venue truth is the ledger, to the cent, also after two restarts."""
        self.heal()
        self.refusing.clear()
        for venue in self.venues.values():
            venue.refusals.clear()
        self.engine.core.state.stopping = True
        self.settling = True
        self.run(self.settings.rates.delay_ms / 1_000)
        for _ in range(120):
            self.run(1.0)
            if self.whole():
                break
        self.run(3 * RECONCILE_S)
        if not self.whole():
            self.violations.append(f"not whole: {self.describe()}")
        self._compare()
        self.restart()
        self.engine.core.state.stopping = True
        self.run(2 * RECONCILE_S)
        self.crash()
        before = len(self.durable.batches)
        self.start()
        added = self.durable.events(before)
        if added and not self.ledger.open_trades():  # a held one is tried again
            self.violations.append(f"the second restart booked {added}")
        self._compare()
        assert not self.violations, f"seed {self.seed}: {self.violations}"

    def describe(self) -> str:
        trades = [(t.seq, t.state, t.reason) for t in self.ledger.open_trades()]
        held = {i.id: self.held(i.id) for i in self.registry.instruments}
        return f"{trades} {held}"

    def _compare(self) -> None:
        ledger = self.ledger
        for at in self.venues.values():
            row = ledger.balances[at.venue, at.asset]
            total = at.totals()[at.asset]
            if row.total != total:
                self.violations.append(f"{at.venue} holds {total}, the ledger {row.total}")
            if not ledger.open_trades() and total == at.exchange_total(at.asset):
                margin = sum(
                    (
                        ledger.margin_positions[i.id].margin
                        for i in at.exchange.instruments
                        if i.id in ledger.margin_positions
                    ),
                    ZERO,
                )
                if row.locked != margin:
                    self.violations.append(f"{at.venue} locks {row.locked}, margin is {margin}")
            for listed in at.exchange.instruments:
                there, ours = at.exchange.margin.quantity(listed.id), self.account(listed.id)
                if there != ours:
                    self.violations.append(f"{listed.id} is {there}, the ledger has {ours}")
        pnl = sum((p.realized_pnl - p.fees for p in ledger.positions.values()), ZERO)
        if self.cash() != 2 * START + pnl:
            self.violations.append(f"cash {self.cash()} is not the positions' {pnl}")
        if abs(self.cash() - 2 * START - self._flows()) > Decimal("1e-9"):  # of average prices
            self.violations.append(f"cash {self.cash()} is not what the fills say {self._flows()}")
        self._check_fills()
        self.violations += [f"a task failed: {error!r}" for error in self.errors]

    def _flows(self) -> Decimal:
        """PnL from the venues' final fills and payouts alone, by average cost of what is open."""
        total = ZERO
        for at in self.venues.values():
            for fill in at.exchange.fills_since(0):
                total -= fill.size * fill.side.sign * fill.price + fill.fee
            for _, held, price in at.paid:
                total += held * price
            for listed in at.exchange.instruments:
                for row in self.rows(listed.id):
                    total += row.cost if row.quantity > ZERO else -row.cost
        return total

    def _check_fills(self) -> None:
        booked, truth = self.booked_fills(), self.true_fills()
        void: set[FillKey] = set()
        forced: list[FillKey] = []
        for event in self.durable.events():
            if isinstance(event, FillSettled) and not event.ok:
                void.add((event.venue, event.venue_trade_id))
            elif isinstance(event, PositionForced):
                forced.append((event.forced.venue, event.forced.venue_trade_id))
        if set(booked) - void != truth:
            self.violations.append(
                f"fills missing {truth - set(booked)}, invented {set(booked) - void - truth}"
            )
        if len(booked) != len(set(booked)) or len(forced) != len(set(forced)):
            twice = [key for key in (*booked, *forced) if (*booked, *forced).count(key) > 1]
            self.violations.append(f"booked twice: {twice}, void {void & set(twice)}")


@contextmanager
def stage(
    seed: int = 1, settings: StageSettings | None = None, **changes: object
) -> Iterator[EventStage]:
    """A started stage with its pairs approved."""
    world = EventStage(seed, msgspec.structs.replace(settings or StageSettings(), **changes))
    try:
        world.start()
        yield world
    finally:
        world.close()

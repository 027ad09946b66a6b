"""Two prediction venues in virtual time: rounds that pay, matches that settle later or fail.

Core, desks, ledger, recovery, reconciler, kill switch and exchanges are the real ones.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

import msgspec

from arbiter.books.registry import MarketRegistry
from arbiter.execution.settings import ExecutionSettings
from arbiter.ledger.ledger import Ledger
from arbiter.markets.event_catalogue import TOPICS, EventTopic, listing
from arbiter.markets.event_settings import EVENT_VENUES
from arbiter.markets.events import event_id, list_event
from arbiter.matching.faults import FaultRates, Faults
from arbiter.model.changes import Changes
from arbiter.model.commands import EngageKillSwitch
from arbiter.model.event_pairs import EventListing, EventPair, Polarity
from arbiter.model.events import (
    AlertRaised,
    Event,
    FillSettled,
    OrderFilled,
    PositionForced,
    TradeOpened,
    decode_event,
)
from arbiter.model.holdings import Position
from arbiter.model.ids import Actor, Asset, InstrumentId, VenueId
from arbiter.model.money import ONE, ZERO, use_wide_context
from arbiter.model.orders import Fill
from arbiter.model.plans import Family
from arbiter.model.time import NS_PER_DAY, NS_PER_MINUTE, NS_PER_MS, NS_PER_S
from arbiter.model.trades import Trade, TradeState
from arbiter.opportunities.event_settings import EVENT_ARBITRAGE, EventSettings
from arbiter.opportunities.matcher_settings import MatcherSettings
from arbiter.opportunities.pair_matcher import PairMatcher
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.assembly import CoreSettings, assemble_core
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.clock import SignalIds
from arbiter.runtime.event_desk import EventDesk
from arbiter.runtime.event_watch import EventWatch
from arbiter.runtime.hub import EventHub
from arbiter.runtime.kill import KillReport, KillSwitchControl
from arbiter.runtime.outbox import LiveOutbox
from arbiter.runtime.pair_desk import PairDesk
from arbiter.runtime.pair_settings import PairDeskSettings
from arbiter.runtime.reconciler import Reconciler
from arbiter.runtime.recovery import Recovery
from arbiter.runtime.supervisor import Supervisor
from tests.chaos.journal import Durable, VirtualJournal
from tests.chaos.virtual_loop import VirtualClock, VirtualLoop
from tests.chaos.world import Everything
from tests.fakes.clock import START_NS, FakeIds
from tests.scenarios.events.venues import EventVenue, Listed

POLYMARKET, KALSHI = VenueId("polymarket"), VenueId("kalshi")
SAME = next(topic for topic in TOPICS if topic.polarity is Polarity.SAME)
COMPLEMENT = next(topic for topic in TOPICS if topic.polarity is Polarity.COMPLEMENT)
START = Decimal(10_000)
RECONCILE_S = 5.0
POLL_S = 10.0
LONG_NS = 365 * NS_PER_DAY


class StageSettings(msgspec.Struct, frozen=True, kw_only=True):
    topics: tuple[EventTopic, ...] = (SAME,)
    rates: FaultRates = FaultRates()
    cap_usd: Decimal = Decimal(1_000)
    max_position_size: Decimal = Decimal(100)
    dislocation: float = 0.0
    """Chance per topic and quote round that one venue's price goes astray."""
    confirm_s: tuple[float, float] = (1.0, 3.0)
    """From a match to its settlement, at least and at most."""
    failing: float = 0.0


class _Tasks(Supervisor):
    def __init__(self, spawn: Callable[[Coroutine[None, None, None]], object]) -> None:
        super().__init__()
        self._hand_over = spawn

    def spawn(self, work: Coroutine[None, None, None], name: str | None = None) -> None:
        self._hand_over(work)


class _Door:
    """The way into an engine: closed once it is dead."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def on_report(self, report: object) -> None:
        if not self._engine.dead:
            self._engine.core.on_report(report)  # type: ignore[arg-type]

    def on_answer(self, *told: object) -> None:
        if not self._engine.dead:
            self._engine.core.on_answer(*told)  # type: ignore[arg-type]

    def on_wake(self, trade: object) -> None:
        if not self._engine.dead:
            self._engine.core.on_wake(trade)  # type: ignore[arg-type]


class Engine:
    """One run of the engine, made from what was committed."""

    def __init__(self, stage: "EventStage") -> None:
        self.stage = stage
        self.ledger = Ledger()
        events = stage.durable.events()
        for event in events:
            self.ledger.apply(event)
        self.since_ns = (events[-1].at_ns if events else START_NS) - 300 * NS_PER_S
        self.journal = VirtualJournal(stage.durable, stage.loop, stage.commit_ns)
        clients = dict(stage.venues)
        self.outbox = LiveOutbox(clients, stage.clock)
        self.hub = hub = EventHub()
        self.core = assemble_core(
            CoreSettings(
                mode="sim",
                spot=SpotSettings(trend_filter_mode=TrendFilterMode.DISABLED),
                limits=RiskLimits(
                    max_concurrent_trades=6,
                    max_total_exposure_usd=Decimal(100_000),
                    daily_loss_limit_usd=Decimal(1_000_000),
                    max_drawdown_percent=Decimal(100),
                ),
                execution=ExecutionSettings(flat_ms=20_000),
            ),
            registry=stage.registry,
            ledger=self.ledger,
            clock=stage.clock,
            ids=stage.ids,
            journal=self.journal,
            outbox=self.outbox,
            hub=hub,
            usd_rate={Asset("USD"): ONE, Asset("USDC"): ONE}.get,
            baselines={},
        )
        self.core.state.hunting = False
        hub.listen(stage.watch)
        self.pairs = PairDesk(
            ledger=self.ledger,
            recorder=self.core.recorder,
            sources=stage.listed,
            matcher=PairMatcher(MatcherSettings()),
            settings=PairDeskSettings(poll_seconds=POLL_S, cap_usd=stage.settings.cap_usd),
            clock=stage.clock,
        )
        self.desk = EventDesk(
            core=self.core,
            settings=EventSettings(
                max_position_size=stage.settings.max_position_size,
                fees={venue: about.fee for venue, about in EVENT_VENUES.items()},
                cooldown_seconds=Decimal(1),
            ),
            tradable=self.pairs.tradable,
            clock=stage.clock,
            ids=SignalIds(stage.ids, lambda: self.ledger.next_signal_seq),
            simulated=True,
        )
        self.pairs.when_looked(self.desk.rewatch)
        self.core.standing[Family.EVENTS] = self.desk.spread.gone
        self._watch = EventWatch(self.desk)
        hub.listen(self._watch.watch)
        self.reconciler = Reconciler(
            ledger=self.ledger,
            recorder=self.core.recorder,
            outcomes=self.core.outcomes,
            floor=self.core.floor,
            clients=clients,
            frozen=self.core.frozen,
            archive=Everything(stage.durable),
            margin=self.core.margin,
            margin_clients=clients,
        )
        self.recovery = Recovery(
            ledger=self.ledger,
            recorder=self.core.recorder,
            outcomes=self.core.outcomes,
            floor=self.core.floor,
            clients=clients,
            reconciler=self.reconciler,
        )
        bus = CommandBus(
            ledger=self.ledger, recorder=self.core.recorder, strategies=(EVENT_ARBITRAGE,)
        )
        self.kill_switch = KillSwitchControl(
            bus=bus,
            ledger=self.ledger,
            floor=self.core.floor,
            clients=clients,
            listings=stage.registry,
            holdings=clients,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self.dead = False
        self.outbox.open(_Door(self), self._spawn)

    def start(self) -> asyncio.Task[None]:
        for venue in self.stage.venues.values():
            _ = self._spawn(venue.run(_Door(self)))
        return self._spawn(self._recover())

    def die(self) -> None:
        """Stop between two instructions, as a power cut does."""
        self.dead = True
        self.journal.die()
        for task in self._tasks:
            task.cancel()
        for venue in self.stage.venues.values():
            venue.sink = None

    async def _recover(self) -> None:
        await self.recovery.run(self.since_ns)
        self.core.rebase()
        self._watch.initialise(_Tasks(self._spawn))
        await self.pairs.poll()
        self.core.state.started = True
        _ = self._spawn(self.pairs.run())
        _ = self._spawn(self.reconciler.run(RECONCILE_S))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self.stage.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.stage.errors.append(error)


class EventStage:
    def __init__(self, seed: int, settings: StageSettings) -> None:
        use_wide_context()
        self.seed = seed
        self.settings = settings
        self.random = random.Random(seed)
        self.loop = VirtualLoop()
        asyncio.set_event_loop(self.loop)
        self.clock = VirtualClock(self.loop)
        self.ids = FakeIds()
        self.durable = Durable()
        self.errors: list[BaseException] = []
        self.violations: list[str] = []
        self.alerts: list[AlertRaised] = []
        venues = (POLYMARKET, KALSHI)
        by_venue = {
            venue: [list_event(topic, EVENT_VENUES[venue]) for topic in settings.topics]
            for venue in venues
        }
        self.registry = MarketRegistry([i for listed in by_venue.values() for i in listed])
        self.listed = {
            venue: Listed([self._listing(topic, venue) for topic in settings.topics])
            for venue in venues
        }
        self.venues: dict[VenueId, EventVenue] = {}
        for venue in venues:
            faults = Faults(settings.rates, self.random.random)
            at = EventVenue(venue, by_venue[venue], faults, self.loop, self.random.random)
            at.exchange.open_account({at.asset: START}, START_NS - NS_PER_MINUTE)
            self.venues[venue] = at
        self.closed: set[InstrumentId] = set()
        self.mids = {topic.name: 0.5 for topic in settings.topics}
        self.astray: dict[InstrumentId, tuple[float, int]] = {}
        self.refusing: set[InstrumentId] = set()
        self.verdicts: list[bool] = []
        """Of the next matches that are settled; after these, chance decides."""
        self.settling = True
        self._due: dict[str, int] = {}
        self.healed = False
        self.engine = Engine(self)
        self._market = self.loop.create_task(self._run_market())

    # Running

    def start(self) -> None:
        self.loop.run_until_complete(asyncio.wait([self.engine.start()], timeout=120))
        self.run(0.6)

    def run(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def run_until(self, come: Callable[[], object], limit_s: float = 60.0) -> None:
        for _ in range(int(limit_s * 100)):
            if come():
                return
            self.run(0.01)
        raise AssertionError(f"seed {self.seed}: did not come about within {limit_s} s")

    def crash(self) -> None:
        self.engine.die()
        self.run(0.0)
        self.engine = Engine(self)

    def restart(self) -> None:
        self.crash()
        self.start()

    def close(self) -> None:
        self.engine.die()
        self._market.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        asyncio.set_event_loop(None)

    def commit_ns(self) -> int:
        return int((1 + 20 * self.random.random() ** 3) * NS_PER_MS)

    def kill(self, flatten: bool) -> KillReport:
        command = EngageKillSwitch(actor=Actor("user:ann"), reason="test", flatten=flatten)
        return self.loop.run_until_complete(self.engine.kill_switch.engage(command))

    # The market

    def dislocate(self, name: InstrumentId, shift: float, seconds: float = 1.0) -> None:
        """Let one market's YES price go astray, in dollars."""
        self.astray[name] = (shift, self.loop.now_ns + int(seconds * NS_PER_S))

    def open_pair(self, topic: EventTopic = SAME, *, turned: bool = False) -> Trade:
        """Make YES cheap on the first venue and NO on the second, or the other way round."""
        before = self.engine.ledger.next_trade_seq
        shift = 0.06 if turned else -0.06
        other = shift if topic.polarity is Polarity.COMPLEMENT else -shift
        self.dislocate(self.first(topic), shift)
        self.dislocate(self.second(topic), other)
        self.run_until(lambda: self.engine.ledger.next_trade_seq > before, 5.0)
        return next(t for t in self.trades() if t.seq == before)

    def first(self, topic: EventTopic = SAME) -> InstrumentId:
        return event_id(topic, POLYMARKET)

    def second(self, topic: EventTopic = SAME) -> InstrumentId:
        return event_id(topic, KALSHI)

    def resolve(self, name: InstrumentId, price: Decimal | None) -> None:
        self.closed.add(name)
        self.venue_of(name).resolve(name, price)

    def reopen(self, name: InstrumentId) -> None:
        self.closed.discard(name)
        self.venue_of(name).reopen(name)

    def decide(self, topic: EventTopic, yes: bool) -> None:
        """Resolve both legs alike, by the pair's polarity."""
        other = yes is (topic.polarity is Polarity.SAME)
        self.resolve(self.first(topic), ONE if yes else ZERO)
        self.resolve(self.second(topic), ONE if other else ZERO)

    async def _run_market(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            self._settle_matches()
            for topic in self.settings.topics:
                self._move(topic)

    def _move(self, topic: EventTopic) -> None:
        draw = self.random
        names = (self.first(topic), self.second(topic))
        mid = min(max(self.mids[topic.name] + draw.gauss(0, 0.002), 0.15), 0.85)
        self.mids[topic.name] = mid
        if not self.healed and draw.random() < self.settings.dislocation:
            shift = draw.choice((-1, 1)) * draw.uniform(0.05, 0.12)
            self.dislocate(draw.choice(names), shift, draw.uniform(0.3, 2.5))
        for name in names:
            turned = topic.polarity is Polarity.COMPLEMENT and name == names[1]
            self._quote(name, 1 - mid if turned else mid)

    def _quote(self, name: InstrumentId, mid: float) -> None:
        now, at = self.loop.now_ns, self.venue_of(name)
        if not self.engine.dead:
            self.engine.core.on_venue_health(at.venue, connected=True, reason="")
        if name in self.closed:
            return
        shift, until = self.astray.get(name, (0.0, 0))
        mid = min(max(mid + (shift if now < until else 0.0), 0.05), 0.95)
        bid, ask = round(mid - 0.01, 2), round(mid + 0.01, 2)
        size = float(self.random.randint(40, 400))
        shown = 0.0 if name in self.refusing else size
        at.quote(name, bid, ask, shown)
        if at.faults.on_quote(name, now) is None:
            delay = self.random.uniform(0.002, 0.02)
            self.loop.call_later(delay, self._hear, name, bid, ask, size)

    def _hear(self, name: InstrumentId, bid: float, ask: float, size: float) -> None:
        if not self.engine.dead:
            now = self.clock.now_ns()
            slot = self.registry.slot(name)
            self.engine.core.on_quote(slot, bid, ask, size, size, now, now)

    def _settle_matches(self) -> None:
        for at in self.venues.values():
            for fill in at.events.pending_fills():
                key, now = fill.venue_trade_id, self.loop.now_ns
                wait = int(self.random.uniform(*self.settings.confirm_s) * NS_PER_S)
                due = self._due.setdefault(key, now + wait)
                if self.settling and due <= now:
                    at.settle(fill, self._verdict())

    def _verdict(self) -> bool:
        if self.verdicts:
            return self.verdicts.pop(0)
        return self.random.random() >= self.settings.failing

    def _listing(self, topic: EventTopic, venue: VenueId) -> EventListing:
        end = START_NS + LONG_NS
        name = event_id(topic, venue)
        return msgspec.structs.replace(
            listing(topic, venue, name, opens_ns=0, closes_ns=end, payout_ns=end), simulated=True
        )

    # What is seen

    def venue_of(self, name: InstrumentId) -> EventVenue:
        return self.venues[self.registry.by_id(name).venue]

    @property
    def ledger(self) -> Ledger:
        return self.engine.ledger

    @property
    def pair(self) -> EventPair:
        return next(iter(self.ledger.event_pairs.values()))

    def trades(self) -> list[Trade]:
        return [*self.ledger.closed_trades.values(), *self.ledger.open_trades()]

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

    def now(self, trade: Trade) -> Trade:
        found = self.ledger.trade(trade.id)
        assert found is not None
        return found

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
        self.healed = True
        self.refusing.clear()
        for venue in self.venues.values():
            venue.faults.heal()
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
        added = [decode_event(data) for batch in self.durable.batches[before:] for data in batch]
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
        booked: list[tuple[VenueId, str]] = []
        void: set[tuple[VenueId, str]] = set()
        forced: list[tuple[VenueId, str]] = []
        for event in self.durable.events():
            if isinstance(event, OrderFilled):
                booked.append((event.fill.venue, event.fill.venue_trade_id))
            elif isinstance(event, FillSettled) and not event.ok:
                void.add((event.venue, event.venue_trade_id))
            elif isinstance(event, PositionForced):
                forced.append((event.forced.venue, event.forced.venue_trade_id))
        truth = {
            (venue, fill.venue_trade_id)
            for venue, at in self.venues.items()
            for fill in at.exchange.fills_since(0)
        }
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

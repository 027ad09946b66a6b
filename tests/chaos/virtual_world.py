"""What every world in virtual time has: its loop, its durable store, its venues and an engine.

Core, outbox, recovery, reconciler and kill switch are the real ones. What is traded, what proposes
trades and how prices move is for each world to say.
"""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from decimal import Decimal

from arbiter.books.registry import MarketRegistry
from arbiter.ledger.ledger import Ledger
from arbiter.model.changes import Changes
from arbiter.model.events import Event, OrderFilled
from arbiter.model.ids import Asset, ClientOrderId, StrategyId, TradeId, VenueId
from arbiter.model.money import use_wide_context
from arbiter.model.orders import Fill, Order
from arbiter.model.reports import Absent, OrderTruth, VenueReport
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.model.trades import Trade
from arbiter.runtime.assembly import CoreSettings, assemble_core
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.close_out import CloseOut
from arbiter.runtime.core import TradingCore
from arbiter.runtime.crossing import Crossing
from arbiter.runtime.hub import EventHub
from arbiter.runtime.kill import KillSwitchControl
from arbiter.runtime.outbox import LiveOutbox
from arbiter.runtime.reconciler import Reconciler
from arbiter.runtime.recovery import Recovery
from arbiter.runtime.supervisor import Supervisor
from tests.chaos.journal import Durable, VirtualJournal
from tests.chaos.venue import VirtualVenue
from tests.chaos.virtual_loop import VirtualClock, VirtualLoop
from tests.fakes.clock import START_NS, FakeIds

RECONCILE_S = 5.0
RECOVERY_MARGIN_NS = 300 * NS_PER_S

FillKey = tuple[VenueId, str]


class VirtualWorld(ABC):
    """An implementation makes `registry` and `venues`, then calls `begin`."""

    registry: MarketRegistry
    venues: Mapping[VenueId, VirtualVenue]
    engine: "VirtualEngine"

    def __init__(self, seed: int) -> None:
        use_wide_context()
        self.seed = seed
        self.random = random.Random(seed)
        self.loop = VirtualLoop()
        asyncio.set_event_loop(self.loop)
        self.clock = VirtualClock(self.loop)
        self.ids = FakeIds()
        self.durable = Durable()
        self.errors: list[BaseException] = []
        self.violations: list[str] = []
        self.healed = False
        self.on_commit: Callable[[int, bool], None] = lambda _number, _durable: None

    @abstractmethod
    def make_engine(self) -> "VirtualEngine":
        """Make an engine from what was committed."""

    @abstractmethod
    async def run_market(self) -> None:
        """Move prices until cancelled."""

    @abstractmethod
    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        """Hear what an engine recorded."""

    def begin(self) -> None:
        self.engine = self.make_engine()
        self._market = self.loop.create_task(self.run_market())

    def start(self) -> None:
        """Start the present engine and wait for its recovery."""
        self.loop.run_until_complete(asyncio.wait([self.engine.start()], timeout=120))

    def run(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def run_until(self, come: Callable[[], object], limit_s: float = 60.0) -> None:
        """Run until something has come about; not coming is a failure."""
        for _ in range(int(limit_s * 100)):
            if come():
                return
            self.run(0.01)
        raise AssertionError(f"seed {self.seed}: did not come about within {limit_s} s")

    def crash(self) -> None:
        """Kill the engine; the next one is made from what was committed."""
        self.engine.die()
        self.run(0)
        self.engine = self.make_engine()

    def heal(self) -> None:
        self.healed = True
        for venue in self.venues.values():
            venue.faults.heal()

    def close(self) -> None:
        self.engine.die()
        self._market.cancel()
        self.run(0)
        self.loop.close()
        asyncio.set_event_loop(None)

    def committed(self, number: int, durable: bool) -> None:
        self.on_commit(number, durable)

    def commit_ns(self) -> int:
        return int((1 + 20 * self.random.random() ** 3) * NS_PER_MS)

    # What is seen

    @property
    def ledger(self) -> Ledger:
        return self.engine.ledger

    def trades(self) -> list[Trade]:
        return [*self.ledger.closed_trades.values(), *self.ledger.open_trades()]

    def now(self, trade: Trade) -> Trade:
        found = self.ledger.trade(trade.id)
        assert found is not None
        return found

    def booked_fills(self) -> list[FillKey]:
        """Of every fill in the journal, in the order of booking."""
        fills = (event.fill for event in self.durable.events() if isinstance(event, OrderFilled))
        return [(fill.venue, fill.venue_trade_id) for fill in fills]

    def true_fills(self) -> set[FillKey]:
        """What the venues say was filled."""
        return {
            (venue, fill.venue_trade_id)
            for venue, at in self.venues.items()
            for fill in at.exchange.fills_since(0)
        }


class VirtualEngine(ABC):
    """One run of an engine, from its start to its death."""

    def __init__(
        self,
        world: VirtualWorld,
        settings: CoreSettings,
        *,
        ledger: Ledger,
        usd_rate: Mapping[Asset, Decimal],
        margin: Mapping[VenueId, VirtualVenue],
        strategies: tuple[StrategyId, ...],
    ) -> None:
        """`margin` are the venues that keep a margin account for us."""
        self.ledger = ledger
        self.loop = world.loop
        self._venues = world.venues
        self._errors = world.errors
        events = world.durable.events()
        for event in events:
            ledger.apply(event)
        self.since_ns = (events[-1].at_ns if events else START_NS) - RECOVERY_MARGIN_NS
        self.journal = VirtualJournal(world.durable, world.loop, world.commit_ns, world.committed)
        clients = dict(world.venues)
        outbox = LiveOutbox(clients, world.clock)
        self.hub = EventHub()
        self.core: TradingCore = assemble_core(
            settings,
            registry=world.registry,
            ledger=ledger,
            clock=world.clock,
            ids=world.ids,
            journal=self.journal,
            outbox=outbox,
            hub=self.hub,
            usd_rate=usd_rate.get,
            baselines={},
        )
        self.crossing = Crossing(self.core)
        self.hub.listen(self.crossing.watch)
        self.close_out = CloseOut(core=self.core, clock=world.clock, agents=True)
        self.hub.listen(self.close_out.watch)
        self.hub.listen(world.watch)
        self.reconciler = Reconciler(
            ledger=ledger,
            recorder=self.core.recorder,
            outcomes=self.core.outcomes,
            floor=self.core.floor,
            clients=clients,
            frozen=self.core.frozen,
            archive=_Archive(world.durable),
            margin=self.core.margin,
            margin_clients=margin,
        )
        self.recovery = Recovery(
            ledger=ledger,
            recorder=self.core.recorder,
            outcomes=self.core.outcomes,
            floor=self.core.floor,
            clients=clients,
            reconciler=self.reconciler,
        )
        self.kill_switch = KillSwitchControl(
            bus=CommandBus(ledger=ledger, recorder=self.core.recorder, strategies=strategies),
            ledger=ledger,
            floor=self.core.floor,
            clients=clients,
            listings=world.registry,
            holdings=margin,
            marks=self.core.board,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self.dead = False
        outbox.open(_Door(self), self.spawn)

    @abstractmethod
    async def trade(self) -> None:
        """Begin to trade: recovery is over."""

    def start(self) -> asyncio.Task[None]:
        for venue in self._venues.values():
            _ = self.spawn(venue.run(_Door(self)))
        return self.spawn(self._recover())

    def die(self) -> None:
        """Stop between two instructions, as a power cut does."""
        self.dead = True
        self.journal.die()
        for task in self._tasks:
            task.cancel()
        for venue in self._venues.values():
            venue.sink = None

    async def _recover(self) -> None:
        await self.recovery.run(self.since_ns)
        self.core.rebase()
        await self.trade()
        _ = self.spawn(self.crossing.run())
        _ = self.spawn(self.close_out.run())
        _ = self.spawn(self.reconciler.run(RECONCILE_S))

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(error)


class Tasks(Supervisor):
    """Hands what is to be run to the engine of the moment."""

    def __init__(self, engine: VirtualEngine) -> None:
        super().__init__()
        self._engine = engine

    def spawn(self, work: Coroutine[None, None, None], name: str | None = None) -> None:
        _ = self._engine.spawn(work)


class _Archive:
    """Reads what became durable."""

    def __init__(self, durable: Durable) -> None:
        self._durable = durable

    async def known_fills(self, keys: Collection[FillKey]) -> set[FillKey]:
        ledger = self._ledger()
        return {key for key in keys if ledger.has_fill(*key)}

    async def find_order(self, client_order_id: ClientOrderId) -> tuple[Order, Trade | None] | None:
        ledger = self._ledger()
        order = ledger.orders.get(client_order_id)
        return None if order is None else (order, ledger.trade(order.trade_id))

    def _ledger(self) -> Ledger:
        ledger = Ledger(closed_kept=1_000_000)
        for event in self._durable.events():
            ledger.apply(event)
        return ledger


class _Door:
    """The way into an engine: closed once it is dead."""

    def __init__(self, engine: VirtualEngine) -> None:
        self._engine = engine

    def on_report(self, report: VenueReport) -> None:
        if not self._engine.dead:
            self._engine.core.on_report(report)

    def on_answer(self, order: Order, answer: OrderTruth | Absent, fills: Sequence[Fill]) -> None:
        if not self._engine.dead:
            self._engine.core.on_answer(order, answer, fills)

    def on_wake(self, trade: TradeId) -> None:
        if not self._engine.dead:
            self._engine.core.on_wake(trade)

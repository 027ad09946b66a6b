"""The trading floor: every trade under way, its state machine, and the effects carried out.

Order of one step: decide, hand to the outbox, record. Handing over never waits, so nothing can
come back before it is recorded.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial

from msgspec.structs import replace

from arbiter.execution import reducing, single
from arbiter.execution.effects import (
    Abandon,
    AddOrder,
    Advance,
    Alert,
    Ask,
    Cancel,
    Effect,
    Send,
    WakeAt,
)
from arbiter.execution.settings import ExecutionSettings, LoneLeg
from arbiter.execution.two_leg import ending, in_flight, send_added, step
from arbiter.execution.under_way import Progress, Step, Stimulus
from arbiter.execution.ways_out import MarketView
from arbiter.ledger.ledger import Ledger
from arbiter.model.errors import LedgerError
from arbiter.model.events import (
    AlertRaised,
    JournalEvent,
    OrderAbandoned,
    OrdersAdded,
    OrderSent,
    TradeAdvanced,
    TradeOpened,
)
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, TradeId, client_order_id
from arbiter.model.money import ZERO, quotient
from arbiter.model.orders import Order, OrderStatus, TimeInForce
from arbiter.model.time import NS_PER_MS
from arbiter.model.trades import Trade, TradeState
from arbiter.ports.clock import Clock
from arbiter.ports.outbox import Outbox
from arbiter.runtime import netting
from arbiter.runtime.recorder import Recorder

Need = tuple[Asset, Decimal]

# Looking a member up on its enum costs more than comparing with it.
_CREATED = OrderStatus.CREATED


def _nothing() -> None:
    return


class _Run:
    """A trade on the floor: what its machine remembers, and what the floor keeps beside it."""

    __slots__ = ("call_off", "progress", "wake_ns", "withdrawn")

    def __init__(self, progress: Progress | None = None) -> None:
        self.progress = progress or Progress()
        self.wake_ns: int | None = None
        """The earliest look it has coming; a later one need not be asked for."""
        self.call_off: Callable[[], object] = _nothing
        """Calls that look off."""
        self.withdrawn: str | None = None
        """Why its intents, once durable, are not to be sent; a trade with one leg keeps it until
        it ends, so that nothing is added to it."""


class TradingFloor:
    """Runs `execution.two_leg` for every open trade, `execution.single` for those with one leg.

    `standing` is asked after the commit and before anything is sent: it gives the reason why a
    trade no longer stands, or None. `lock_of` gives what an order locks at its venue.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        recorder: Recorder,
        outbox: Outbox,
        clock: Clock,
        market: MarketView,
        settings: ExecutionSettings,
        standing: Callable[[Trade], str | None],
        lock_of: Callable[[Order], Need],
        on_closed: Callable[[Trade], None],
    ) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._outbox = outbox
        self._clock = clock
        self._market = market
        self._settings = settings
        self._standing = standing
        self._lock_of = lock_of
        self._on_closed = on_closed
        self._runs: dict[TradeId, _Run] = {}
        """Trades that have not ended."""
        self._quiet = False
        self._hushed_ns: int | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def open_count(self) -> int:
        """Trades that have not ended."""
        return len(self._runs)

    @property
    def settings(self) -> ExecutionSettings:
        """As they are in force now."""
        return self._settings

    @property
    def absent_after_ns(self) -> int:
        """A venue's "no such order" counts only this long after sending."""
        return self._settings.absent_after_ms * NS_PER_MS

    @property
    def flat_after_ns(self) -> int:
        """A trade not settled this long is held, with an alert."""
        return self._settings.flat_ms * NS_PER_MS

    async def idle(self) -> None:
        """Wait until no trade is under way; orders that rest in a book are not waited for."""
        await self._idle.wait()

    def open(self, opened: TradeOpened, *before: JournalEvent) -> None:
        """Record an approved trade; its legs are sent after the commit, if it still stands.

        `before` are events recorded in the same transaction.
        """
        trade_id = opened.trade.id
        run = _Run()
        self._keep(trade_id, run)
        self._recorder.record(*before, opened, then=partial(self._durable, trade_id, run))

    def hush(self) -> None:
        """Decide only about trades that were taken up: the ledger is being repaired."""
        self._quiet = True
        self._hushed_ns = self._clock.monotonic_ns()

    def take_up(self, trade: Trade) -> None:
        """Go on with a trade that was open when the engine last stopped; its clock never stood."""
        if trade.id not in self._runs:
            run = _Run(Progress(began_ns=self._hushed_ns))
            self._keep(trade.id, run)
            self._look(self._trade(trade.id), run, Stimulus.CHANGED)

    def resume(self, trades: Iterable[Trade]) -> None:
        """End the hush and take up what has not been."""
        self._quiet = False
        for trade in trades:
            self.take_up(trade)

    def changed(self, trade_id: TradeId) -> None:
        """The ledger has news of one of the trade's orders."""
        run = self._runs.get(trade_id)
        if run is None and self._quiet:
            return
        trade = self._ledger.trades.get(trade_id)
        if trade is None:
            return
        if run is None:
            run = _Run()
            self._keep(trade_id, run)
        elif run.wake_ns is not None and self._waits(trade):
            return
        self._look(trade, run, Stimulus.CHANGED)

    def deadline(self, trade_id: TradeId) -> None:
        """A time the machine asked for has come; the trade may have ended since."""
        run = self._runs.get(trade_id)
        if run is not None:
            run.wake_ns = None
            self._look(self._trade(trade_id), run, Stimulus.DEADLINE)

    def in_flight(self, order: Order) -> bool:
        """Whether an order's request may still be under way to the venue."""
        run = self._runs.get(order.trade_id)
        now = self._clock.monotonic_ns()
        return run is not None and in_flight(run.progress, order, now, self._settings)

    def flatten(self) -> None:
        """Find the cheapest way out of every lone leg from now on, held ones included."""
        self._settings = replace(self._settings, lone_leg=LoneLeg.CHEAPEST)
        for trade_id, run in tuple(self._runs.items()):
            trade = self._trade(trade_id)
            if trade.state is not TradeState.PLANNED:
                self._look(trade, run, Stimulus.DEADLINE)

    def cancel_everything(self) -> list[Order]:
        """Ask the venues to cancel all that is open; gives the orders it asked for."""
        working = [
            order
            for trade_id in self._runs
            for order in self._ledger.orders_of(trade_id)
            if order.open and order.status is not OrderStatus.CREATED
        ]
        for order in working:
            self._outbox.cancel(order)
        return working

    def withdraw(self, trade_id: TradeId, reason: str) -> None:
        """Send nothing more that a trade planned, and ask the venues to cancel what is there."""
        run = self._runs.get(trade_id)
        if run is None:
            return
        trade = self._trade(trade_id)
        if trade.state is TradeState.PLANNED or single.is_single(trade):
            run.withdrawn = reason
        for order in self._ledger.orders_of(trade_id):
            if order.open and order.status is not OrderStatus.CREATED:
                self._outbox.cancel(order)

    def release(self, trade_id: TradeId, reason: str) -> None:
        """End a held trade of which nothing stands alone any more, nor works at a venue."""
        orders = self._ledger.orders_of(trade_id)
        if self._trade(trade_id).state is not TradeState.HELD or any(o.open for o in orders):
            return
        now = self._recorder.now_ns()
        self._recorder.record(
            TradeAdvanced(at_ns=now, trade_id=trade_id, state=ending(orders), reason=reason)
        )
        self._close(self._trade(trade_id))

    def bound_unwinds(self, slippage_bps: int) -> None:
        """Let unwinds reach so far through the touch from now on."""
        self._settings = replace(self._settings, unwind_slippage_bps=slippage_bps)

    def _trade(self, trade_id: TradeId) -> Trade:
        trade = self._ledger.trade(trade_id)
        if trade is None:
            raise LedgerError(f"trade {trade_id} is on the floor and not in the ledger")
        return trade

    def _keep(self, trade_id: TradeId, run: _Run) -> None:
        self._runs[trade_id] = run
        self._idle.clear()

    def _note_idle(self) -> None:
        if not self._runs or all(self._rests(trade_id) for trade_id in self._runs):
            self._idle.set()

    def _rests(self, trade_id: TradeId) -> bool:
        trade = self._trade(trade_id)
        return single.is_single(trade) and any(
            single.rests(order) for order in self._ledger.orders_of(trade_id)
        )

    def _held(self, instrument: InstrumentId) -> Decimal:
        position = self._ledger.margin_positions.get(instrument)
        return ZERO if position is None else position.quantity

    def _waits(self, trade: Trade) -> bool:
        """Whether a machine would only wait for the venues, with a look due by the clock.

        Of two legs nothing is decided while one works and its outcome is in no doubt; an order for
        itself may have come to rest.
        """
        if trade.unknown or single.is_single(trade):
            return False
        for order in self._ledger.orders_of(trade.id):
            status = order.status
            if not status.terminal and status is not _CREATED:
                return True
        return False

    def _halted(self, run: _Run) -> bool:
        return self._ledger.kill_switch.engaged or run.withdrawn is not None

    def _durable(self, trade_id: TradeId, run: _Run) -> None:
        trade = self._trade(trade_id)
        reason = self._standing(trade)
        if run.withdrawn is not None:
            reason = run.withdrawn
        if reason is None:
            self._look(trade, run, Stimulus.DURABLE)
        else:
            self._look(trade, run, Stimulus.GONE, reason)

    def _added_durable(self, trade_id: TradeId, key: ClientOrderId) -> None:
        run = self._runs.get(trade_id) or _Run()
        progress = run.progress
        trade, order = self._trade(trade_id), self._ledger.orders[key]
        now = self._clock.monotonic_ns()
        if single.is_single(trade):
            halted = self._halted(run)
            decided = single.send_added(progress, order, now, self._settings, halted=halted)
        elif reducing.is_reduction(trade, self._ledger.orders_of(trade_id)):
            decided = reducing.send_added(progress, order, now, self._settings, held=self._held)
        else:
            decided = send_added(progress, trade, order, now, self._settings)
        self._carry_out(trade, run, decided)

    def _look(self, trade: Trade, run: _Run, stimulus: Stimulus, reason: str = "") -> None:
        """Have the trade's machine decide, and do what it asks for."""
        machine = step
        orders = self._ledger.orders_of(trade.id)
        if single.is_single(trade):
            machine = partial(single.step, halted=self._halted(run))
        elif reducing.is_reduction(trade, orders):
            machine = partial(reducing.step, held=self._held)
        decided = machine(
            run.progress,
            trade,
            orders,
            stimulus,
            self._clock.monotonic_ns(),
            self._settings,
            self._market,
            reason=reason,
        )
        self._carry_out(trade, run, decided)

    def _carry_out(self, trade: Trade, run: _Run, decided: Step) -> None:
        run.progress, effects = decided
        if not effects:
            if single.is_single(trade):  # only such a one can have come to rest
                self._note_idle()
            return
        for effect in effects:  # before all else: everything else can wait a little
            if type(effect) is Send:
                self._outbox.send(self._ledger.orders[effect.order])
        trade_id = trade.id
        self._keep(trade_id, run)
        events = self._hand_over(trade_id, run, effects)
        if events:
            self._recorder.record(*events)
        due, now = False, self._clock.monotonic_ns()
        for effect in effects:
            if type(effect) is AddOrder:
                self._add(self._trade(trade_id), effect)
            elif type(effect) is WakeAt:
                due = due or effect.at_ns <= now
        trade = self._trade(trade_id)
        if trade.state.terminal:
            self._close(trade)
        elif due:
            self._look(trade, run, Stimulus.DEADLINE)

    def _close(self, trade: Trade) -> None:
        run = self._runs.pop(trade.id, None)
        if run is None:
            return
        if run.wake_ns is not None:
            run.call_off()
        self._note_idle()
        self._on_closed(trade)

    def _wake(self, trade_id: TradeId, run: _Run, at_ns: int) -> None:
        pending = run.wake_ns
        if at_ns > self._clock.monotonic_ns() and (pending is None or at_ns < pending):
            run.wake_ns, run.call_off = at_ns, self._outbox.wake(at_ns, trade_id)

    def _hand_over(
        self, trade_id: TradeId, run: _Run, effects: Sequence[Effect]
    ) -> list[JournalEvent]:
        """Hand effects over; give the events that record them. Orders have left already."""
        events: list[JournalEvent] = []
        now = self._recorder.now_ns()
        for effect in effects:
            if type(effect) is Send:  # `isinstance` costs several times as much, a pattern more
                events.append(OrderSent(at_ns=now, client_order_id=effect.order))
            elif type(effect) is WakeAt:
                self._wake(trade_id, run, effect.at_ns)
            elif type(effect) is Advance:
                events.append(
                    TradeAdvanced(
                        at_ns=now, trade_id=trade_id, state=effect.state, reason=effect.reason
                    )
                )
            elif type(effect) is Cancel:
                self._outbox.cancel(self._ledger.orders[effect.order])
            elif type(effect) is Ask:
                self._outbox.ask(self._ledger.orders[effect.order])
            elif type(effect) is Abandon:
                events.append(
                    OrderAbandoned(at_ns=now, client_order_id=effect.order, reason=effect.reason)
                )
            elif type(effect) is Alert:
                events.append(
                    AlertRaised(
                        at_ns=now, severity=effect.severity, code=effect.code, text=effect.text
                    )
                )
            # AddOrder needs the state recorded first: see `_carry_out`.
        return events

    def _add(self, trade: Trade, wanted: AddOrder) -> None:
        """Make one more intent durable; it is sent from `_added_durable`."""
        now = self._recorder.now_ns()
        instrument = self._market.instrument(wanted.instrument)
        order = Order(
            client_order_id=client_order_id(trade.id, wanted.role, wanted.attempt),
            strategy=trade.strategy,
            actor=trade.actor,
            trade_id=trade.id,
            leg=wanted.role,
            instrument=wanted.instrument,
            venue=instrument.venue,
            symbol=trade.symbol,
            side=wanted.side,
            type=wanted.type,
            time_in_force=TimeInForce.IOC,
            reduce_only=wanted.reduce_only and not self._netted(trade, wanted),
            size=wanted.size,
            price=wanted.price,
            planned_price=wanted.planned_price,
            created_ns=now,
            updated_ns=now,
        )
        (lock_asset, lock), (reserve_asset, reserve) = self._lock_of(order), self._reserve_of(order)
        order = replace(
            order, lock_asset=lock_asset, lock=lock, reserve_asset=reserve_asset, reserve=reserve
        )
        self._recorder.record(
            OrdersAdded(at_ns=now, trade_id=trade.id, orders=(order,)),
            then=partial(self._added_durable, trade.id, order.client_order_id),
        )

    def _netted(self, trade: Trade, wanted: AddOrder) -> bool:
        """Whether the strategy holds what is to be reduced, and the venue's account does not.

        Another strategy is against it there: the venue, which nets them, would refuse a reduction.
        """
        if wanted.instrument not in self._ledger.margin_positions:
            return False
        key = (wanted.instrument, wanted.side)
        own = netting.of_strategy(self._ledger, trade.strategy, *key)
        return netting.in_account(self._ledger, *key) < wanted.size <= own

    def _reserve_of(self, order: Order) -> tuple[Asset | None, Decimal]:
        """What an added order takes of the budget: its share of what its first order took."""
        first = self._ledger.orders_of(order.trade_id)[0]
        if first.leg != order.leg or order.reduce_only or first.reserve_asset is None:
            return None, ZERO
        share = quotient(first.reserve * order.size, first.size) if first.reserve else ZERO
        return first.reserve_asset, share

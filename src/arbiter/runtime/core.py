"""The decision core: from a quote to durable intents, in one synchronous step.

Nothing in here waits, reads a clock of its own or speaks to a venue: the same object runs live,
in a replay and in a backtest, with another clock and another outbox.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from arbiter.books.board import QuoteBoard
from arbiter.books.registry import MarketRegistry
from arbiter.execution.refusals import Refusals
from arbiter.execution.residuals import hedge
from arbiter.execution.settings import ExecutionSettings
from arbiter.ledger.ledger import Ledger
from arbiter.model.denials import DenialCode, Denied, deny
from arbiter.model.events import AlertRaised, JournalEvent, PlanDenied, SignalSeen, TradeOpened
from arbiter.model.ids import ENGINE, Asset, InstrumentId, StrategyId, TradeId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, from_float
from arbiter.model.orders import Fill, Liquidity, Order, Side
from arbiter.model.perpetuals import is_margined
from arbiter.model.plans import Family, Plan, Signal
from arbiter.model.reports import MARGIN_REPORTS, Absent, OrderTruth, VenueReport
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.model.trades import Trade
from arbiter.opportunities.spot_spread import SpotSpread
from arbiter.ports.clock import Clock, IdSource
from arbiter.ports.outbox import Outbox
from arbiter.risk.gate import Approved, Gate
from arbiter.runtime.booking import denied_orders, intents, lock_of
from arbiter.runtime.floor import TradingFloor
from arbiter.runtime.margin_outcomes import MarginOutcomes
from arbiter.runtime.outcomes import Outcomes
from arbiter.runtime.recorder import Recorder

_RESIDUAL_PAUSE_NS = 30 * NS_PER_S
"""Between two attempts to trade the same leftovers away."""


class EngineState:
    """What the engine is doing as a whole; the gate reads it."""

    def __init__(self, mode: str, journal_healthy: Callable[[], bool]) -> None:
        self.mode = mode
        self.started = False
        """Recovery is done: every venue was asked and the ledger agrees."""
        self.stopping = False
        self.hunting = True
        """Whether this run looks for spot spreads itself."""
        self._journal_healthy = journal_healthy

    @property
    def journal_healthy(self) -> bool:
        return self._journal_healthy()

    def may_open(self, family: Family) -> bool:
        del family  # every family trades in every mode this engine runs in
        return not self.stopping


class TradingCore:
    def __init__(
        self,
        *,
        clock: Clock,
        ids: IdSource,
        registry: MarketRegistry,
        board: QuoteBoard,
        spot: SpotSpread,
        gate: Gate,
        ledger: Ledger,
        recorder: Recorder,
        outbox: Outbox,
        state: EngineState,
        execution: ExecutionSettings,
    ) -> None:
        self.state = state
        self.spot = spot
        self.board = board
        self.registry = registry
        self.ledger = ledger
        self.gate = gate
        self.recorder = recorder
        self._clock = clock
        self._ids = ids
        self.floor = TradingFloor(
            ledger=ledger,
            recorder=recorder,
            outbox=outbox,
            clock=clock,
            market=self,
            settings=execution,
            standing=self._why_gone,
            lock_of=self._lock_of,
            on_closed=self._closed,
        )
        self.outcomes = Outcomes(
            ledger=ledger,
            recorder=recorder,
            outbox=outbox,
            floor=self.floor,
            value_fee=self._value_fee,
            on_refusal=self._note_refusal,
        )
        self.margin = MarginOutcomes(
            ledger=ledger, recorder=recorder, on_booked=self.stop_when_breached
        )
        self._refusals = Refusals()
        self.frozen: set[tuple[VenueId, Asset]] = set()
        """Balances that moved without us, or whose venue's word cannot be read: nothing opens
        from them until they agree."""
        self._execution = execution
        self._residuals_tried: dict[tuple[StrategyId, Asset, Asset], int] = {}
        self._lost: set[VenueId] = set()
        self.heard: dict[int, Callable[[], None]] = {}
        """What to call after a quote of a slot: families that look for openings of their own."""
        self.standing: dict[Family, Callable[[Plan, int], str | None]] = {}
        """Asked why an opening of a family no longer stands, just before its orders are sent."""
        self._unsent: dict[TradeId, Plan] = {}
        """Plans whose intents wait for their commit."""
        self._on_breach: Callable[[str], None] = lambda _reason: None

    def when_breached(self, act: Callable[[str], None]) -> None:
        """Call `act` with the reason when a loss limit is used up."""
        self._on_breach = act

    def rebase(self) -> None:
        """Measure inventory skew from what was put at the venues, as the ledger has it now."""
        self.gate.rebase({key: row.baseline for key, row in self.ledger.balances.items()})

    # What the world says

    def on_quote(
        self,
        slot: int,
        bid: float,
        ask: float,
        bid_size: float,
        ask_size: float,
        exchange_ns: int,
        receive_ns: int,
    ) -> None:
        """Take one top of book; when it opens a spread worth having, go after it."""
        code = self.board.update(slot, bid, ask, bid_size, ask_size, exchange_ns, receive_ns)
        if code > 0:
            self.on_candidate(code)
        if slot in self.heard:
            self.heard[slot]()

    def on_candidate(self, code: int) -> None:
        """Go after a candidate that the board has just found, in one quote or scanning many."""
        if self.state.started and self.state.hunting:
            self._consider(code)

    def on_venue_health(self, venue: VenueId, *, connected: bool, reason: str) -> None:
        """Take a lost or regained connection; a lost venue's quotes are stale at once."""
        if self.board.healthy(venue) == connected:
            return
        self.board.set_venue_health(venue, connected, reason)
        if not connected:
            self._lost.add(venue)
            self._alert("warning", "VENUE_HEALTH", f"{venue} lost: {reason}")
        elif venue in self._lost:  # the first connection of a run is no news
            self._lost.remove(venue)
            self._alert("info", "VENUE_HEALTH", f"{venue} is back")

    def on_report(self, report: VenueReport) -> None:
        if isinstance(report, MARGIN_REPORTS):
            self.margin.on_report(report)
            return
        self.outcomes.on_report(report)

    def on_reports(self, reports: Sequence[VenueReport]) -> None:
        """Take what a venue told at one moment."""
        of_orders = [told for told in reports if not isinstance(told, MARGIN_REPORTS)]
        if len(of_orders) == len(reports):
            self.outcomes.on_reports(of_orders)
            return
        for report in reports:
            self.on_report(report)

    def on_answer(self, order: Order, answer: OrderTruth | Absent, fills: Sequence[Fill]) -> None:
        self.outcomes.on_answer(order, answer, fills)

    def on_wake(self, trade: TradeId) -> None:
        self.floor.deadline(trade)

    # What the state machines ask of the market

    def instrument(self, instrument: InstrumentId) -> Instrument:
        return self.registry.by_id(instrument)

    def touch(self, instrument: InstrumentId, side: Side) -> Decimal | None:
        """Price at which `side` would execute now; None without a fresh quote of a live venue."""
        listed = self.registry.get(instrument)
        if listed is None:
            return None
        limit = self.gate.limits.staleness_threshold_ms * NS_PER_MS
        top = self.board.fresh_top(instrument, self._clock.now_ns() - limit)
        if top is None or not self.board.healthy(listed.venue):
            return None
        bid, ask = top
        return from_float(ask if side is Side.BUY else bid)

    # From spread to intents

    def _consider(self, code: int) -> None:
        buy_slot, sell_slot = self.board.decode(code)
        now = self._clock.now_ns()
        signal = self.spot.consider(buy_slot, sell_slot, now)
        if signal is None:
            return
        if signal.verdict:
            self.recorder.record(SignalSeen(at_ns=now, signal=signal))
        else:
            self._go_after(signal, now)

    def _go_after(self, signal: Signal, now: int) -> None:
        strategy = self.spot.settings.strategy
        if not self.ledger.strategies.get(strategy, True):  # nobody wants orders: none is denied
            self._pass_by(signal, now, str(deny(DenialCode.STRATEGY_STOPPED, strategy=strategy)))
            return
        scale = self.gate.size_scale(now)
        plan = self.spot.plan(signal, self._spendable, now, scale, at_once=True)
        if isinstance(plan, str):
            self._pass_by(signal, now, plan)
            return
        decision = self._obstacle(plan) or self.gate.review(plan, now)
        if isinstance(decision, Denied):
            if self.spot.note_refused(signal, now):
                self.recorder.record(
                    _seen(signal, now, verdict=str(decision)), self._denial(plan, decision, now)
                )
            return
        self.spot.note_traded(signal, now)
        self._open(plan, decision, now, _seen(signal, now, executed=True))

    def _pass_by(self, signal: Signal, now: int, verdict: str) -> None:
        if self.spot.note_refused(signal, now):
            self.recorder.record(_seen(signal, now, verdict=verdict))

    def propose(
        self, plan: Plan, beside: Callable[[TradeOpened], JournalEvent] | None = None
    ) -> TradeOpened | Denied:
        """Put any plan before the gate; approved, it is on the floor when this returns.

        `beside` makes one more event of the opened trade, recorded in the same transaction.
        """
        now = self._clock.now_ns()
        decision = self._obstacle(plan) or self.gate.review(plan, now)
        if isinstance(decision, Denied):
            self.recorder.record(self._denial(plan, decision, now))
            return decision
        return self._open(plan, decision, now, beside=beside)

    def _open(
        self,
        plan: Plan,
        approved: Approved,
        now: int,
        *before: JournalEvent,
        beside: Callable[[TradeOpened], JournalEvent] | None = None,
    ) -> TradeOpened:
        seq = self.ledger.next_trade_seq
        opened = intents(plan, approved, self._ids, seq, self.registry, now)
        self._unsent[opened.trade.id] = plan
        if beside is not None:
            before = (*before, beside(opened))
        self.floor.open(opened, *before)
        return opened

    def _denial(self, plan: Plan, denied: Denied, now: int) -> PlanDenied:
        orders = denied_orders(plan, denied, self._ids, self.registry, now)
        return PlanDenied(at_ns=now, denied=denied, orders=orders)

    # After the commit

    def _why_gone(self, trade: Trade) -> str | None:
        """Say why a committed trade no longer stands; None when it may be sent."""
        plan = self._unsent.pop(trade.id)
        denied = (
            self.gate.still_stands(plan, self._clock.now_ns())
            or self._obstacle(plan)
            or self._edge_gone(plan)
        )
        if denied is not None:
            return str(denied)
        stands = None if plan.reduce_only else self.standing.get(plan.family)
        return None if stands is None else stands(plan, self._clock.now_ns())

    def _spendable(self, venue: VenueId, asset: Asset) -> Decimal:
        return ZERO if (venue, asset) in self.frozen else self.gate.spendable(venue, asset)

    def _obstacle(self, plan: Plan) -> Denied | None:
        """Refuse to open where orders keep coming back, or from a balance that is in doubt."""
        if plan.reduce_only:
            return None
        refused = None if self._refusals.none else self._keeps_refusing(plan)
        return refused or (self._frozen_funds(plan) if self.frozen else None)

    def _keeps_refusing(self, plan: Plan) -> Denied | None:
        now = self._clock.monotonic_ns()
        for leg in plan.legs:
            venue = self.registry.by_id(leg.instrument).venue
            pause_ns = self._refusals.pause_ns(leg.instrument, venue, now)
            if pause_ns:
                return deny(
                    DenialCode.VENUE_UNHEALTHY,
                    instrument=leg.instrument,
                    refuses="orders",
                    again_in_ms=pause_ns // NS_PER_MS,
                )
        return None

    def _note_refusal(self, order: Order, refused: bool) -> None:
        now = self._clock.monotonic_ns()
        if not refused:
            self._refusals.accepted(order.instrument, order.venue)
        elif self._refusals.refused(order.instrument, order.venue, now):
            text = (
                f"{order.venue} keeps refusing orders on {order.instrument}: none is opened there"
            )
            self._alert("warning", "VENUE_REFUSES", text)

    def _lock_of(self, order: Order) -> tuple[Asset, Decimal]:
        instrument = self.registry.by_id(order.instrument)
        leverage = self.ledger.leverage(order.instrument)
        return lock_of(order, instrument, self.gate.limits, leverage)

    def _frozen_funds(self, plan: Plan) -> Denied | None:
        """Refuse to open from a balance whose truth is not known at the moment."""
        for leg in plan.legs:
            instrument = self.registry.by_id(leg.instrument)
            asset = instrument.quote if leg.side is Side.BUY else instrument.base
            if is_margined(instrument):
                asset = instrument.settle
            if (instrument.venue, asset) in self.frozen:
                return deny(
                    DenialCode.BALANCE,
                    venue=instrument.venue,
                    asset=asset,
                    frozen="it could not be compared with the venue's",
                )
        return None

    def _value_fee(self, fill: Fill, quote: Asset) -> Decimal | None:
        """Value a fee in a third asset by that venue's last price of it, however old.

        Before there is one, by the rate: the fee is worth what it would be in quote.
        """
        for instrument in self.registry.instruments:
            if (instrument.venue, instrument.base, instrument.quote) == (
                fill.venue,
                fill.fee_asset,
                quote,
            ):
                mark = self.board.mark(instrument.id)
                if mark is not None:
                    return fill.fee * from_float(mark)
        traded = self.registry.by_id(fill.instrument)
        maker = fill.liquidity is Liquidity.MAKER
        rate = traded.maker_fee if maker else traded.taker_fee
        return traded.notional(fill.size, fill.price) * rate

    def _edge_gone(self, plan: Plan) -> Denied | None:
        if plan.min_edge <= 0:
            return None
        buy, sell = plan.legs
        slot = self.registry.slot
        edge = self.board.edge(slot(buy.instrument), slot(sell.instrument))
        if edge >= float(plan.min_edge):
            return None
        return deny(DenialCode.EDGE_GONE, edge=f"{edge:.6f}", needed=plan.min_edge)

    def stop_when_breached(self) -> None:
        """Have everything closed and stopped once a loss limit is used up and orders may be sent."""
        now = self._clock.now_ns()
        if not self.state.started:
            return
        if self.gate.breached(now) and not self.ledger.kill_switch.engaged:
            self._on_breach("; ".join(self.gate.assess(now).warnings))

    def _closed(self, trade: Trade) -> None:
        self.stop_when_breached()
        if self._execution.hedge_residuals and trade.family is Family.SPOT:
            self._hedge_residual(trade)

    def _hedge_residual(self, trade: Trade) -> None:
        """Trade away what is left over in a symbol, while nothing else is under way there."""
        base, _, _ = trade.symbol.partition("/")
        key = (trade.strategy, Asset(base), Asset(trade.quote))
        residual = self.ledger.residuals.get(key)
        if residual is None or not residual.quantity:
            return
        now, switch = self._clock.now_ns(), self.ledger.kill_switch
        if switch.engaged or not self.state.started:
            return
        if any(
            (other.strategy, other.symbol) == (trade.strategy, trade.symbol)
            for other in self.ledger.open_trades()
        ):
            return
        tried_ns = self._residuals_tried.get(key)
        if tried_ns is not None and now - tried_ns < _RESIDUAL_PAUSE_NS:
            return
        leg = hedge(
            residual,
            self.ledger.positions,
            self.registry.instruments,
            self,
            self._execution.unwind_slippage_bps,
        )
        if leg is None:
            return
        self._residuals_tried[key] = now
        plan = Plan(
            strategy=trade.strategy,
            family=Family.MANUAL,
            actor=ENGINE,
            symbol=trade.symbol,
            legs=(leg,),
            reduce_only=True,
            created_ns=now,
        )
        _ = self.propose(plan)

    def _alert(self, severity: str, code: str, text: str) -> None:
        now = self._clock.now_ns()
        self.recorder.record(AlertRaised(at_ns=now, severity=severity, code=code, text=text))


def _seen(signal: Signal, now: int, *, executed: bool = False, verdict: str = "") -> SignalSeen:
    return SignalSeen(
        at_ns=now, signal=msgspec.structs.replace(signal, executed=executed, verdict=verdict)
    )

"""A pair of event markets in virtual time: the live desk, gate, ledger and machines over matching.

Whoever runs it says what both books show (`show`) and when (`advance`).
"""

import random
from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from arbiter.backtest.agenda import Agenda, SeededIds, VirtualClock
from arbiter.backtest.journal import VirtualJournal
from arbiter.backtest.loss_stop import stop_for_losses
from arbiter.backtest.outbox import BacktestOutbox
from arbiter.backtest.settings import BacktestSettings
from arbiter.books.registry import MarketRegistry
from arbiter.execution.settings import ExecutionSettings
from arbiter.kernels.plain_quote_step import plain_quote_step
from arbiter.ledger.ledger import Ledger
from arbiter.matching.event_exchange import EventExchange
from arbiter.model.changes import Changes
from arbiter.model.event_pairs import EventPair, Review
from arbiter.model.events import (
    BalanceOpened,
    Event,
    EventPairProposed,
    EventPairReviewed,
)
from arbiter.model.instruments import Instrument
from arbiter.model.money import use_wide_context
from arbiter.model.plans import Family
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.opportunities.event_settings import EventSettings
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.assembly import CoreSettings, assemble_core
from arbiter.runtime.clock import SignalIds
from arbiter.runtime.event_desk import EventDesk
from arbiter.runtime.hub import EventHub

Top = tuple[float, float, float, float]
"""Bid, ask and what is shown at either."""

DRAIN_NS = 120 * NS_PER_S
"""How long after the last books trades under way may still end."""


class EventWorld:
    """One account per venue, with the capital base of `limits` in each."""

    def __init__(
        self,
        instruments: tuple[Instrument, Instrument],
        pair: EventPair,
        settings: EventSettings,
        limits: RiskLimits,
        execution: ExecutionSettings,
        backtest: BacktestSettings,
        *,
        start_ns: int,
    ) -> None:
        """`pair` is approved; a person's word for it is part of the recording."""
        use_wide_context()
        self.registry = MarketRegistry(instruments)
        self.clock = VirtualClock(start_ns)
        self.agenda = Agenda(self.clock)
        self.ledger = Ledger()
        self.hub = EventHub()
        self.exchanges = {
            instrument.venue: EventExchange(
                instrument.venue,
                [instrument],
                backtest.latency,
                draw=random.Random(f"{backtest.seed} {instrument.venue}").random,
            )
            for instrument in instruments
        }
        outbox = BacktestOutbox(
            self.exchanges,
            self.agenda,
            self.clock,
            backtest.order_latency_ms + backtest.report_latency_ms,
        )
        ids = SeededIds(self.clock, backtest.seed)
        self.core = assemble_core(
            CoreSettings(
                mode="backtest",
                spot=SpotSettings(trend_filter_mode=TrendFilterMode.DISABLED),
                limits=limits,
                execution=execution,
            ),
            registry=self.registry,
            ledger=self.ledger,
            clock=self.clock,
            ids=ids,
            journal=VirtualJournal(
                self.agenda, self.clock, round(backtest.commit_latency_ms * NS_PER_MS)
            ),
            outbox=outbox,
            hub=self.hub,
            usd_rate=backtest.rates.word,
            baselines={},
            step=plain_quote_step,  # a few quotes an hour, none of them watched for spreads
        )
        outbox.open(self.core, self.core.board)
        self._outbox = outbox
        self._slots = [self.registry.slot(instrument.id) for instrument in instruments]
        self.desk = EventDesk(
            core=self.core,
            settings=settings,
            tradable=self.ledger.event_pairs.values,
            clock=self.clock,
            ids=SignalIds(ids, lambda: self.ledger.next_signal_seq),
            simulated=False,
        )
        self.core.standing[Family.EVENTS] = self.desk.spread.gone
        self.core.when_breached(partial(stop_for_losses, self.core))
        self.hub.listen(self._watch)
        self._open(instruments, limits, pair, start_ns)

    def show(self, first: Top, second: Top) -> None:
        """Show both books now, as one: neither is looked at beside what the other was before."""
        now = self.clock.now_ns()
        self.core.board.update(self._slots[0], *first, now, now)
        self.core.on_quote(self._slots[1], *second, now, now)
        if self._outbox.resting:
            self._outbox.show()
        self.desk.tick()

    def advance(self, to_ns: int) -> None:
        """Do what falls due before a time, and set the clock to it."""
        while self.agenda.next_ns <= to_ns:
            self.agenda.run_next()
        self.clock.set(to_ns)

    def finish(self) -> None:
        """Let trades under way end, and open nothing new."""
        self.core.state.stopping = True
        until = self.clock.now_ns() + DRAIN_NS
        while self.core.floor.open_count and self.agenda.next_ns <= until:
            self.agenda.run_next()

    def _open(
        self,
        instruments: tuple[Instrument, Instrument],
        limits: RiskLimits,
        pair: EventPair,
        now: int,
    ) -> None:
        record = self.core.recorder.record
        for instrument in instruments:
            venue, asset, capital = instrument.venue, instrument.settle, limits.capital_base_usd
            self.exchanges[venue].open_account({asset: capital}, now)
            record(BalanceOpened(at_ns=now, venue=venue, asset=asset, total=capital))
            self.core.board.set_venue_health(venue, True)
        self.desk.set_contracts()
        proposed = replace(pair, state=Review.PROPOSED, approved_by=None, approved_ns=None)
        record(EventPairProposed(at_ns=now, pair=proposed))
        actor = pair.approved_by or pair.proposed_by
        record(EventPairReviewed(at_ns=now, pair_id=pair.id, state=Review.APPROVED, actor=actor))
        self.core.state.started = True

    def _watch(self, events: Sequence[Event], changes: Changes) -> None:
        if self.desk.watch(events, changes):
            self.agenda.at(self.clock.now_ns(), self.desk.tick)

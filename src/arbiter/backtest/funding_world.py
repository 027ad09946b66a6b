"""A world of perpetuals in virtual time: the live desk, gate, ledger and machines over matching.

Whoever runs it says what the market does (`show`, `mark`, `settle`) and when (`advance`).
"""

from collections.abc import Iterable
from decimal import Decimal
from functools import partial

from arbiter.backtest.agenda import Agenda, SeededIds, VirtualClock
from arbiter.backtest.journal import VirtualJournal
from arbiter.backtest.loss_stop import stop_for_losses
from arbiter.backtest.outbox import BacktestOutbox
from arbiter.books.registry import MarketRegistry
from arbiter.execution.settings import ExecutionSettings
from arbiter.kernels.plain_quote_step import plain_quote_step
from arbiter.ledger.ledger import Ledger
from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.latency import NO_LATENCY, LatencySettings
from arbiter.model.events import BalanceOpened
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import use_wide_context
from arbiter.model.reports import VenueReport
from arbiter.opportunities.funding_settings import FundingSettings
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from arbiter.risk.limits import RiskLimits
from arbiter.risk.rates import UsdRateSettings
from arbiter.runtime.assembly import CoreSettings, assemble_core
from arbiter.runtime.funding_desk import FundingDesk
from arbiter.runtime.hub import EventHub


class FundingWorld:
    """One account per venue, `capital` of its settlement currency in each."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        settings: FundingSettings,
        *,
        start_ns: int,
        capital: Decimal = Decimal(100_000),
        limits: RiskLimits | None = None,
        rates: UsdRateSettings | None = None,
        execution: ExecutionSettings | None = None,
        latency: LatencySettings = NO_LATENCY,
        seed: int = 7,
    ) -> None:
        use_wide_context()
        self.registry = MarketRegistry(instruments)
        self.clock = VirtualClock(start_ns)
        self.agenda = Agenda(self.clock)
        self.ledger = Ledger()
        ids = SeededIds(self.clock, seed)
        self.exchanges: dict[VenueId, SimulatedExchange] = {
            venue: SimulatedExchange(
                venue, [i for i in self.registry.instruments if i.venue == venue], latency
            )
            for venue in self.registry.venues
        }
        outbox = BacktestOutbox(
            self.exchanges, self.agenda, self.clock, latency.order_ms + latency.report_ms
        )
        self.core = assemble_core(
            CoreSettings(
                mode="backtest",
                spot=SpotSettings(trend_filter_mode=TrendFilterMode.DISABLED),
                limits=limits or RiskLimits(),
                execution=execution or ExecutionSettings(),
            ),
            registry=self.registry,
            ledger=self.ledger,
            clock=self.clock,
            ids=ids,
            journal=VirtualJournal(self.agenda, self.clock, 0),
            outbox=outbox,
            hub=EventHub(),
            usd_rate=(rates or UsdRateSettings()).word,
            baselines={},
            step=plain_quote_step,  # a few quotes an hour, none of them watched for spreads
        )
        outbox.open(self.core, self.core.board)
        self.core.when_breached(partial(stop_for_losses, self.core))
        self._outbox = outbox
        self.desk = FundingDesk(core=self.core, settings=settings, clock=self.clock, ids=ids)
        self._slots = {i.id: self.registry.slot(i.id) for i in self.registry.instruments}
        self._open(capital, start_ns)

    def _open(self, capital: Decimal, start_ns: int) -> None:
        for venue, exchange in self.exchanges.items():
            for settle in dict.fromkeys(i.settle for i in exchange.instruments):
                exchange.open_account({settle: capital}, start_ns)
                self.core.recorder.record(
                    BalanceOpened(at_ns=start_ns, venue=venue, asset=settle, total=capital)
                )
        for instrument in self.desk.instruments:
            exchange = self.exchanges[instrument.venue]
            leverage = self.desk.leverage(instrument.symbol)
            exchange.set_leverage(instrument.id, leverage, start_ns)
        self.desk.set_contracts()
        self.core.state.started = True

    def show(self, instrument: InstrumentId, bid: float, ask: float, size: float) -> None:
        """Show a top of book now."""
        now = self.clock.now_ns()
        self.core.on_quote(self._slots[instrument], bid, ask, size, size, now, now)

    def mark(self, instrument: InstrumentId, price: Decimal) -> None:
        """Tell a venue's mark; whoever falls below the maintenance margin is liquidated."""
        exchange = self.exchanges[self.registry.by_id(instrument).venue]
        reports = exchange.on_mark(instrument, price, self.clock.now_ns())
        if reports or exchange.next_due_ns is not None:
            self._outbox.tell(exchange.venue, reports)

    def settle(
        self, instrument: InstrumentId, rate: Decimal, mark: Decimal, settled_ns: int
    ) -> list[VenueReport]:
        """Have a venue pay and take funding for what is open now; the reports are delivered."""
        exchange = self.exchanges[self.registry.by_id(instrument).venue]
        now = self.clock.now_ns()
        reports = exchange.settle_funding(instrument, rate, mark, settled_ns, now)
        self._outbox.tell(exchange.venue, reports)
        return reports

    def deliver(self, reports: Iterable[VenueReport]) -> None:
        for report in reports:
            self.core.on_report(report)

    def advance(self, to_ns: int) -> None:
        """Do what falls due up to a time, and set the clock to it."""
        while self.agenda.next_ns <= to_ns:
            self.agenda.run_next()
        self.clock.set(to_ns)

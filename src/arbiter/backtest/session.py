"""One run in virtual time: the live core over simulated exchanges, and its clockwork.

Replay and backtest differ in who finds candidates; all else is here and the same. The rule of time:
what is due at T is done before a quote received at T or later is looked at.
"""

import random
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from arbiter.backtest.agenda import NEVER, Agenda, SeededIds, VirtualClock
from arbiter.backtest.journal import VirtualJournal
from arbiter.backtest.listing import Listing
from arbiter.backtest.loss_stop import stop_for_losses
from arbiter.backtest.outbox import BacktestOutbox
from arbiter.backtest.settings import BacktestSettings
from arbiter.ledger.ledger import Ledger
from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.state import Step
from arbiter.model.events import BalanceOpened, BudgetSet
from arbiter.model.ids import ENGINE, Asset
from arbiter.model.money import use_wide_context
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.opportunities.spot_settings import TrendFilterMode
from arbiter.ports.journal import Journal
from arbiter.risk.rates import UsdRates
from arbiter.runtime.assembly import CoreSettings, assemble_core
from arbiter.runtime.hub import EventHub
from arbiter.runtime.rate_watch import RateWatch

DRAIN_NS = 120 * NS_PER_S
"""How long after the last quote trades under way may still end."""


class Session:
    """Core, exchanges, clock and agenda of one run over `listing`, from `start_ns` on.

    `kept` also stores every batch (a replay into the database). `watch` is told each step of the
    exchanges.
    """

    def __init__(
        self,
        listing: Listing,
        core: CoreSettings,
        settings: BacktestSettings,
        start_ns: int,
        *,
        budgets: dict[Asset, Decimal] | None = None,
        kept: Journal | None = None,
        hub: EventHub | None = None,
        watch: Callable[[Step], None] = lambda _step: None,
    ) -> None:
        use_wide_context()
        self.listing = listing
        self.settings = settings
        self.clock = VirtualClock(start_ns)
        self.agenda = Agenda(self.clock)
        self.ledger = Ledger()
        self.hub = hub or EventHub()
        self.exchanges = {
            venue: SimulatedExchange(
                venue,
                [i for i in listing.registry.instruments if i.venue == venue],
                settings.latency,
                draw=random.Random(f"{settings.seed} {venue}").random,
                record=watch,
            )
            for venue in listing.registry.venues
        }
        self.outbox = BacktestOutbox(
            self.exchanges,
            self.agenda,
            self.clock,
            settings.order_latency_ms + settings.report_latency_ms,
        )
        commit_ns = round(settings.commit_latency_ms * NS_PER_MS)
        self.rates = UsdRates(settings.rates)
        self.core = assemble_core(
            core,
            registry=listing.registry,
            ledger=self.ledger,
            clock=self.clock,
            ids=SeededIds(self.clock, settings.seed),
            journal=VirtualJournal(self.agenda, self.clock, commit_ns, kept),
            outbox=self.outbox,
            hub=self.hub,
            usd_rate=self.rates.lookup(self.clock.now_ns),
            baselines=listing.opening,
        )
        self.outbox.open(self.core, self.core.board)
        self.core.when_breached(partial(stop_for_losses, self.core))
        spot = core.spot
        self._quiet_s = _quiet_after(core, settings)
        self._rate_watch = RateWatch(self.core, self.rates)
        sampled = spot.premium_detection or spot.trend_filter is not TrendFilterMode.DISABLED
        sampled = sampled or not self._rate_watch.idle
        self._sample_ns = -(-start_ns // NS_PER_S) * NS_PER_S if sampled else NEVER
        self._last_quote_ns = start_ns
        self._look_ns = NEVER
        self._look: Callable[[int], int] = lambda _now_ns: NEVER
        self._open_accounts(core, budgets or {})

    @property
    def next_ns(self) -> int:
        """When something is due next; until then quotes alone change the board."""
        return min(self.agenda.next_ns, self._sample_ns, self._look_ns)

    def on_look(self, first_ns: int, look: Callable[[int], int]) -> None:
        """Have `look` called from `first_ns` on, at the times it asks for; it may only read.

        Times before the next quote are passed over: there is nothing new to see.
        """
        self._look_ns, self._look = first_ns, look

    def quote(
        self,
        slot: int,
        bid: float,
        ask: float,
        bid_size: float,
        ask_size: float,
        exchange_ns: int,
        receive_ns: int,
    ) -> None:
        """Take one quote as the live engine does, after all that is due before it."""
        self.advance(receive_ns)
        self.core.on_quote(slot, bid, ask, bid_size, ask_size, exchange_ns, receive_ns)
        if self.outbox.resting:
            self.outbox.show()

    def advance(self, to_ns: int) -> None:
        """Do all that is due up to the next quote's time of receipt, and set the clock to it."""
        while True:
            due = self.agenda.next_ns
            look_ns = self._look_ns
            if look_ns <= to_ns and look_ns <= due and look_ns <= self._sample_ns:
                at_ns = max(self._look_ns, self._last_quote_ns)
                self._look_ns = max(self._look(at_ns), to_ns)
            elif self._sample_ns <= to_ns and self._sample_ns <= due:
                self._sample(to_ns)
            elif due <= to_ns:
                self.agenda.run_next()
            else:
                break
        self.stand(to_ns)

    def stand(self, at_ns: int) -> None:
        """Set the clock to a quote before which nothing is due: one received before `next_ns`."""
        self.clock.set(at_ns)
        self._last_quote_ns = at_ns

    def finish(self) -> None:
        """Let trades under way end after the last quote, and open nothing new."""
        self.core.state.stopping = True
        self._sample_ns = NEVER
        until = self._last_quote_ns + DRAIN_NS
        while self.core.floor.open_count and self.agenda.next_ns <= until:
            self.agenda.run_next()

    def _sample(self, to_ns: int) -> None:
        """Take the samples of a whole second.

        Once every window holds nothing but silence and every rate is stale, further seconds of it
        change nothing and are passed over, up to the last one before the quote that ends it.
        """
        self.clock.set(self._sample_ns)
        self.core.spot.sample(self._sample_ns, ahead=False)
        self._rate_watch.look(self._sample_ns)
        following = self._sample_ns + NS_PER_S
        if following - self._last_quote_ns > self._quiet_s * NS_PER_S:
            following = max(following, to_ns // NS_PER_S * NS_PER_S)
        self._sample_ns = following

    def _open_accounts(self, core: CoreSettings, budgets: dict[Asset, Decimal]) -> None:
        now = self.clock.now_ns()
        for venue, exchange in self.exchanges.items():
            amounts = {a: total for (v, a), total in self.listing.opening.items() if v == venue}
            exchange.open_account(amounts, now)
            for asset, total in amounts.items():
                self.core.recorder.record(
                    BalanceOpened(at_ns=now, venue=venue, asset=asset, total=total)
                )
        for currency, allocated in budgets.items():
            self.core.recorder.record(
                BudgetSet(
                    at_ns=now,
                    strategy=core.spot.strategy,
                    currency=currency,
                    allocated=allocated,
                    actor=ENGINE,
                )
            )
        self.core.state.started = True


def _quiet_after(core: CoreSettings, settings: BacktestSettings) -> int:
    """Seconds without a quote after which every one-second window is empty, every rate too old."""
    spot = core.spot
    windows = [spot.moving_average_periods]
    if spot.premium_detection:
        windows.append(spot.premium_samples)
    windows_s = max(windows) + int(spot.max_spread_age_seconds)
    return max(windows_s, int(settings.usd_rate_max_age_s)) + 2

"""Spot venues with faults, a market that goes astray, and one engine after another.

Only time, the venues' transport and the disk are played.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from arbiter.books.registry import MarketRegistry
from arbiter.execution.settings import ExecutionSettings
from arbiter.execution.ways_out import excess
from arbiter.ledger.ledger import Ledger
from arbiter.matching.faults import Fault, FaultRates, Faults, Window
from arbiter.model.changes import Changes
from arbiter.model.events import AlertRaised, Event, ExternalChange
from arbiter.model.ids import Asset, InstrumentId, TradeId, VenueId
from arbiter.model.instruments import FeeCharge
from arbiter.model.money import ZERO, from_float
from arbiter.model.perpetuals import FundingRate
from arbiter.model.time import NS_PER_MINUTE, NS_PER_MS, NS_PER_S
from arbiter.model.trades import TradeState
from arbiter.opportunities.funding_settings import FundingSettings
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.assembly import CoreSettings
from arbiter.runtime.funding_desk import FundingDesk
from arbiter.runtime.funding_watch import FundingWatch
from tests.chaos.listings import (
    BNB,
    CHARGES,
    LOTS,
    MIDS,
    MINIMA,
    USDT,
    VENUES,
    perpetual,
    spot_pair,
)
from tests.chaos.venue import VirtualVenue
from tests.chaos.virtual_world import RECONCILE_S, Tasks, VirtualEngine, VirtualWorld
from tests.fakes.clock import START_NS


class WorldSettings(msgspec.Struct, frozen=True, kw_only=True):
    rates: FaultRates = FaultRates()
    windows: dict[VenueId, tuple[Window, ...]] = {}
    execution: ExecutionSettings = ExecutionSettings(flat_ms=20_000)
    limits: RiskLimits = RiskLimits(
        max_concurrent_trades=6,
        max_total_exposure_usd=Decimal(100_000),
        daily_loss_limit_usd=Decimal(1_000_000),
        max_drawdown_percent=Decimal(100),
    )
    quote_every_ms: int = 250
    dislocation: float = 0.04
    """Chance per symbol and quote round that one venue's price goes astray."""
    bases: tuple[str, ...] = ("BTC", "ETH")
    cooldown_s: float = 1.0
    lots: dict[str, str] = msgspec.field(default_factory=LOTS.copy)
    minima: dict[str, Decimal] = msgspec.field(default_factory=MINIMA.copy)
    charges: dict[str, FeeCharge] = msgspec.field(default_factory=CHARGES.copy)
    taker_fee: Decimal = Decimal("0.001")
    noise: float = 0.0003
    """Standard deviation of a price's change per quote round, a fraction."""
    closed_kept: int = 1_000
    """Closed trades an engine remembers."""
    external_per_minute: float = 0.0
    journal_outages_per_minute: float = 0.0
    perpetuals: tuple[str, ...] = ()
    """Bases whose perpetuals the first two venues list; their funding is worth a pair."""


class SpotEngine(VirtualEngine):
    """Trades spot spreads, and pairs of perpetuals where there are some."""

    def __init__(self, world: "World") -> None:
        spot = SpotSettings(
            trend_filter_mode=TrendFilterMode.DISABLED,
            cooldown_seconds=world.settings.cooldown_s,
            retry_seconds=0.2,
            max_trades_per_hour=100_000,
        )
        margin = dict(list(world.venues.items())[:2]) if world.settings.perpetuals else {}
        super().__init__(
            world,
            CoreSettings(
                mode="sim",
                spot=spot,
                limits=world.settings.limits,
                execution=world.settings.execution,
            ),
            ledger=Ledger(closed_kept=world.settings.closed_kept),
            usd_rate={USDT: Decimal(1)},
            margin=margin,
            strategies=(spot.strategy,),
        )
        self.world = world
        self.desk = FundingDesk(
            core=self.core,
            settings=FundingSettings(size_usd=Decimal(200), max_rate_age_seconds=Decimal(60)),
            clock=world.clock,
            ids=world.ids,
        )
        self._watch = FundingWatch(
            core=self.core, desk=self.desk, clients=margin, feeds=(), clock=world.clock
        )
        self.hub.listen(self._watch.watch)

    async def trade(self) -> None:
        if self.world.settings.perpetuals:
            await self._watch.initialise(Tasks(self))
        self.core.state.started = self.world.trading


class World(VirtualWorld):
    engine: SpotEngine

    def __init__(self, seed: int, settings: WorldSettings) -> None:
        super().__init__(seed)
        self.settings = settings
        self.alerts: Counter[str] = Counter()
        self.external: Counter[tuple[VenueId, Asset]] = Counter()
        self.moved: dict[tuple[VenueId, Asset], Decimal] = {}
        self.exposed: dict[TradeId, int] = {}
        self.flat_after_ns: list[int] = []
        self.stopped_at: dict[TradeId, int] = {}
        listed = [
            spot_pair(
                venue,
                base,
                lot=settings.lots[venue],
                min_notional=settings.minima[venue],
                charge=settings.charges[venue],
                taker_fee=settings.taker_fee,
            )
            for venue in VENUES
            for base in (*settings.bases, "BNB")
        ]
        listed += [perpetual(venue, base) for venue in VENUES[:2] for base in settings.perpetuals]
        self.registry = MarketRegistry(listed)
        self.venues: dict[VenueId, VirtualVenue] = {}
        for venue in VENUES:
            faults = Faults(
                settings.rates,
                self.random.random,
                windows=settings.windows.get(venue, ()),
            )
            own = [i for i in listed if i.venue == venue]
            self.venues[venue] = VirtualVenue(venue, own, faults, self.loop, self.random.random)
            balances = {Asset(base): Decimal(50) for base in settings.bases}
            balances |= {USDT: Decimal(20_000), BNB: Decimal(10)}
            self.venues[venue].exchange.open_account(balances, START_NS - NS_PER_MINUTE)
        self.mids = {base: MIDS.get(base, 10.0) for base in (*settings.bases, "BNB")}
        self.astray: dict[tuple[VenueId, str], tuple[float, int]] = {}
        self.heard_ns = dict.fromkeys(VENUES, 0)
        self.trading = True
        """Whether engines go on to trade once they have recovered."""
        self.begin()

    def make_engine(self) -> SpotEngine:
        return SpotEngine(self)

    # Running

    def dislocate(self, venue: str, base: str, shift: float, seconds: float) -> None:
        """Let one venue's price go astray by a fraction, for a while."""
        until = self.loop.now_ns + int(seconds * NS_PER_S)
        self.astray[VenueId(venue), base] = (shift, until)

    def crash(self) -> None:
        super().crash()
        self.exposed.clear()

    def settle(self, limit_s: float = 180.0) -> None:
        """Heal, open nothing new, and let everything come to rest."""
        self.heal()
        self.engine.core.state.stopping = True
        self.run(self.settings.rates.delay_ms / 1_000)
        for _ in range(int(limit_s)):
            self.run(1.0)
            if not self.engine.ledger.open_trades() and not self._differences():
                break
        self.run(3 * RECONCILE_S)

    # What must always hold

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        """Follow what stands alone, and count alerts."""
        ledger, now = self.engine.ledger, self.loop.now_ns
        for event in events:
            if isinstance(event, AlertRaised):
                self.alerts[event.code] += 1
            elif isinstance(event, ExternalChange):
                self.external[event.venue, event.asset] += 1
        for trade_id in changes.trades:
            trade = ledger.trade(trade_id)
            if trade is None:
                continue
            alone = bool(self._alone(trade_id))
            if alone and trade_id not in self.exposed:
                self.exposed[trade_id] = now
            elif not alone and trade_id in self.exposed:
                self.flat_after_ns.append(now - self.exposed.pop(trade_id))

    def _alone(self, trade_id: TradeId) -> Decimal:
        """Units of a trade that stand alone and that the venue of the filled leg would take back."""
        trade = self.engine.ledger.trade(trade_id)
        if trade is None:
            return ZERO
        over = excess(trade)
        for leg in trade.legs:
            listed = self.registry.by_id(leg.instrument)
            price = leg.planned_price * Decimal("0.95")  # minima are held against today's price
            size = listed.floor_size(abs(over))
            if over * leg.side.sign > ZERO and listed.size_problem(size, price) is None:
                return over
        return ZERO

    def check_clock(self) -> None:
        """Nothing stands alone past its time without being held, with an alert."""
        limit = self.settings.execution.flat_ms * NS_PER_MS + 6 * NS_PER_S
        for trade_id, since in self.exposed.items():
            trade = self.engine.ledger.trade(trade_id)
            if trade is None or self.loop.now_ns - since < limit:
                continue
            if trade.state is not TradeState.HELD:
                self.violations.append(
                    f"trade {trade.seq} stood alone since {since} and is {trade.state}"
                )
            elif not (self.alerts["UNHEDGED"] or self.alerts["NOT_REDUCED"]):
                self.violations.append(f"trade {trade.seq} is held without an alert")

    def check_rest(self) -> None:
        """After healing: venue truth is the ledger, nothing stands alone, nothing happened twice."""
        self.violations += self._differences()
        ledger = self.engine.ledger
        for trade in ledger.open_trades():
            dark = any(
                venue.faults.active(Fault.DELISTING, self.loop.now_ns, leg.instrument)
                for leg in trade.legs
                if (venue := self.venues[self.registry.by_id(leg.instrument).venue])
            )
            if not (dark and trade.state is TradeState.HELD):
                self.violations.append(f"trade {trade.seq} is still {trade.state}: {trade.reason}")
        for trade_id, trade in ledger.closed_trades.items():
            if self._alone(trade_id):
                self.violations.append(f"trade {trade.seq} ended {trade.state} with a lone leg")
        for place, balance in ledger.balances.items():
            if not ledger.open_trades() and balance.locked:
                self.violations.append(f"{place} still locks {balance.locked}")
        self._check_fills()
        for venue in self.venues.values():
            for key, times in venue.submitted.items():
                if times > 1:
                    self.violations.append(f"{key} was handed over {times} times")
        for place in self.external:
            if place not in self.moved:
                self.violations.append(f"{place} was booked as external though nobody moved it")
        self.violations += [f"a task failed: {error!r}" for error in self.errors]

    def check_restart(self) -> None:
        """A restart recovers, the next one changes nothing."""
        if self.engine.ledger.open_trades():
            return
        self.trading = False
        self.crash()
        self.start()
        self.run(2 * RECONCILE_S)
        self.crash()
        before = len(self.durable.batches)
        self.start()
        self.run(1.0)
        added = self.durable.events(before)
        if added:
            self.violations.append(f"the second restart booked {added}")
        self.violations += self._differences()

    def _check_fills(self) -> None:
        booked, truth = Counter(self.booked_fills()), self.true_fills()
        if booked.keys() != truth:
            missing, extra = truth - booked.keys(), booked.keys() - truth
            self.violations.append(f"fills missing {missing}, invented {extra}")
        twice = [key for key, times in booked.items() if times > 1]
        if twice:
            self.violations.append(f"fills booked twice: {twice}")

    def _differences(self) -> list[str]:
        return [
            f"{venue} holds {total} {asset}, the ledger "
            f"{self.engine.ledger.balances[venue, asset].total}"
            for venue, at in self.venues.items()
            for asset, total in at.totals().items()
            if (venue, asset) in self.engine.ledger.balances
            and self.engine.ledger.balances[venue, asset].total != total
        ]

    # The market

    async def run_market(self) -> None:
        period_s = self.settings.quote_every_ms / 1_000
        while True:
            await asyncio.sleep(period_s)
            self._step()
            self.check_clock()

    def _step(self) -> None:
        now, draw = self.loop.now_ns, self.random
        for base in self.mids:
            self.mids[base] *= 1 + draw.gauss(0, self.settings.noise)
            if base != "BNB" and draw.random() < self.settings.dislocation:
                length = int(draw.uniform(0.3, 4.0) * NS_PER_S)
                shift = draw.choice((-1, 1)) * draw.uniform(0.006, 0.02)
                self.astray[draw.choice(VENUES), base] = (shift, now + length)
            for venue in VENUES:
                self._quote(venue, base, now)
        for base in self.settings.perpetuals:
            self._show_perpetuals(base, now)
        for venue in VENUES:
            silent = now - self.heard_ns[venue] > 3 * NS_PER_S
            if not self.engine.dead:
                self.engine.core.on_venue_health(venue, connected=not silent, reason="silence")
        if draw.random() < self.settings.external_per_minute * self._rounds_per_minute():
            self._move_something()
        if draw.random() < self.settings.journal_outages_per_minute * self._rounds_per_minute():
            self.engine.journal.fail_until(now + int(draw.uniform(0.5, 8) * NS_PER_S))

    def _rounds_per_minute(self) -> float:
        return self.settings.quote_every_ms / 60_000

    def _move_something(self) -> None:
        if self.healed:
            return
        venue = self.random.choice(VENUES)
        asset = self.random.choice([USDT, *map(Asset, self.settings.bases)])
        delta = Decimal(self.random.choice((-1, 1))) * Decimal(self.random.randint(1, 500)) / 100
        self.moved[venue, asset] = self.moved.get((venue, asset), ZERO) + delta
        self.venues[venue].move(asset, delta)

    def _quote(self, venue: VenueId, base: str, now: int) -> None:
        at = self.venues[venue]
        listed = self.registry.by_id(InstrumentId(f"{base}USDT.{venue.upper()}"))
        shift, until = self.astray.get((venue, base), (0.0, 0))
        mid = self.mids[base] * (1 + (shift if now < until else 0.0))
        bid, ask = round(mid * 0.9996, 2), round(mid * 1.0004 + 0.01, 2)
        size = round(self.random.uniform(0.5, 5.0) * 100 / mid, 3)
        at.quote(listed.id, bid, ask, size)
        fault = at.faults.on_quote(listed.id, now)
        if fault is Fault.CROSSED:
            bid, ask = ask + 0.05, bid
        if fault in (None, Fault.CROSSED):
            self.loop.call_later(
                self.random.uniform(0.002, 0.02), self._hear, venue, listed.id, bid, ask, size
            )

    def _show_perpetuals(self, base: str, now: int) -> None:
        """Quote around one mid; the second venue takes from shorts what the first pays longs."""
        mid = self.mids[base]
        for venue, rate in zip(VENUES[:2], ("-0.001", "0.002"), strict=True):
            at = self.venues[venue]
            listed = self.registry.by_id(InstrumentId(f"{base}USDT-PERP.{venue.upper()}"))
            bid, ask = round(mid * 0.9998, 2), round(mid * 1.0002, 2)
            at.quote(listed.id, bid, ask, 50.0)
            at.mark(listed.id, mid)
            if at.faults.on_quote(listed.id, now) is not None:
                continue
            self.loop.call_later(0.005, self._hear, venue, listed.id, bid, ask, 50.0)
            if self.engine.dead:
                continue
            told = FundingRate(
                instrument=listed.id,
                venue=venue,
                symbol=listed.symbol,
                rate=Decimal(rate),
                interval_hours=8,
                next_funding_ns=self.clock.now_ns() + 3_600 * NS_PER_S,
                mark=from_float(mid),
                updated_ns=self.clock.now_ns(),
            )
            self.engine.desk.on_funding([told])

    def _hear(
        self, venue: VenueId, listed: InstrumentId, bid: float, ask: float, size: float
    ) -> None:
        self.heard_ns[venue] = self.loop.now_ns
        if self.engine.dead:
            return
        now = self.clock.now_ns()
        slot = self.registry.slot(listed)
        self.engine.core.on_quote(slot, bid, ask, size, size, now, now)

"""Queries: what anybody may read of the running engine, from memory, never from a venue."""

from collections import deque
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from arbiter.model.changes import Changes
from arbiter.model.events import AlertRaised, Event, TradeAdvanced
from arbiter.model.holdings import KillSwitch
from arbiter.model.ids import StrategyId, VenueId
from arbiter.model.time import NS_PER_S, day_start
from arbiter.model.trades import Trade, TradeState
from arbiter.ports.clock import Clock
from arbiter.risk.staircase import Assessment
from arbiter.runtime.core import TradingCore

_ALERTS_KEPT = 50


class VenueFacts(msgspec.Struct, frozen=True, kw_only=True):
    venue: VenueId
    connected: bool
    reason: str
    last_quote_ns: int | None
    quotes: int
    """Good quotes since the start."""
    faults: int
    """Quotes refused since the start."""


class SpreadFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The best pair of one symbol; edge net of fees and slippage, a fraction."""

    symbol: str
    buy_venue: VenueId
    sell_venue: VenueId
    buy_price: float
    sell_price: float
    edge: float


class EngineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One picture of the engine, for a view or a status call."""

    mode: str
    version: str
    started_ns: int
    now_ns: int
    ready: bool
    stopping: bool
    journal_healthy: bool
    kill_switch: KillSwitch
    idle: tuple[StrategyId, ...]
    """Strategies that were stopped, or left out of this run."""
    venues: tuple[VenueFacts, ...]
    symbols: int
    quotes_total: int
    open_trades: tuple[Trade, ...]
    recent_trades: tuple[Trade, ...]
    """Ended ones, newest first."""
    trades_today: int
    """Completed ones since 00:00 UTC."""
    signals_total: int
    pnl_today: Decimal
    pnl_total: Decimal
    assessment: Assessment
    alerts: tuple[AlertRaised, ...]
    """Newest first."""

    @property
    def uptime_s(self) -> int:
        return (self.now_ns - self.started_ns) // NS_PER_S


class Queries:
    """`completed_today` are the trades that completed since 00:00 UTC before this start."""

    def __init__(
        self, core: TradingCore, clock: Clock, version: str, completed_today: int = 0
    ) -> None:
        self._core = core
        self._clock = clock
        self._version = version
        self._started_ns = clock.now_ns()
        self._alerts: deque[AlertRaised] = deque(maxlen=_ALERTS_KEPT)
        self._day = day_start(self._started_ns)
        self._completed = completed_today

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        """Keep what memory elsewhere does not: a listener of the event hub."""
        del changes
        for event in events:
            if isinstance(event, AlertRaised):
                self._alerts.appendleft(event)
            elif isinstance(event, TradeAdvanced) and event.state is TradeState.COMPLETED:
                self._completed = self.completed_today(event.at_ns) + 1

    def completed_today(self, now_ns: int) -> int:
        """Trades that completed since 00:00 UTC."""
        if day_start(now_ns) != self._day:
            self._day, self._completed = day_start(now_ns), 0
        return self._completed

    @property
    def ready(self) -> bool:
        """Recovered, and at least one venue is connected."""
        return self.recovered and any(venue.connected for venue in self.venues())

    @property
    def recovered(self) -> bool:
        """Every venue was asked and the ledger agrees."""
        return self._core.state.started

    @property
    def journal_healthy(self) -> bool:
        """The database takes what is written; otherwise nothing is opened."""
        return self._core.state.journal_healthy

    def venues(self) -> tuple[VenueFacts, ...]:
        board = self._core.board
        last, faults, counts = board.last_receive_ns, board.fault_counts, board.accepted_counts
        return tuple(
            VenueFacts(
                venue=venue,
                connected=board.healthy(venue) and last[venue] is not None,
                reason=board.health_reason(venue),
                last_quote_ns=last[venue],
                quotes=counts[venue],
                faults=sum(faults[venue].values()),
            )
            for venue in self._core.registry.venues
        )

    def spot_venues(self) -> tuple[VenueFacts, ...]:
        """Only those that list something for spot."""
        spot = self._core.registry.spot_venues
        return tuple(facts for facts in self.venues() if facts.venue in spot)

    def spreads(self, limit: int | None = None) -> tuple[SpreadFacts, ...]:
        """Best pair per symbol, best edge first."""
        registry = self._core.registry
        rows = self._core.board.spread_rows(self._clock.now_ns(), limit=limit)
        facts: list[SpreadFacts] = []
        for row in rows:
            buy, sell = registry.instrument_at(row.buy_slot), registry.instrument_at(row.sell_slot)
            if buy is None or sell is None:
                continue
            facts.append(
                SpreadFacts(
                    symbol=registry.compact_name(buy.symbol),
                    buy_venue=buy.venue,
                    sell_venue=sell.venue,
                    buy_price=row.buy_price,
                    sell_price=row.sell_price,
                    edge=row.edge,
                )
            )
        return tuple(facts)

    def _idle(self) -> tuple[StrategyId, ...]:
        left_out = () if self._core.state.hunting else (self._core.spot.settings.strategy,)
        switches = self._core.ledger.strategies.items()
        stopped = (strategy for strategy, running in switches if not running)
        return tuple(dict.fromkeys((*left_out, *stopped)))

    def facts(self) -> EngineFacts:
        core, now = self._core, self._clock.now_ns()
        ledger = core.ledger
        closed = tuple(ledger.closed_trades.values())
        return EngineFacts(
            mode=core.state.mode,
            version=self._version,
            started_ns=self._started_ns,
            now_ns=now,
            ready=self.ready,
            stopping=core.state.stopping,
            journal_healthy=self.journal_healthy,
            kill_switch=ledger.kill_switch,
            idle=self._idle(),
            venues=self.venues(),
            symbols=len(core.registry.symbols),
            quotes_total=core.board.quotes_total,
            open_trades=ledger.open_trades(),
            recent_trades=closed[:-16:-1],
            trades_today=self.completed_today(now),
            signals_total=ledger.next_signal_seq - 1,
            pnl_today=ledger.realized_today(now),
            pnl_total=ledger.cumulative_pnl,
            assessment=core.gate.assess(now),
            alerts=tuple(self._alerts),
        )

"""What is measured of a running engine: counted from its events, read from its books when asked."""

import asyncio
from collections.abc import Sequence
from functools import partial

from arbiter.model.changes import Changes
from arbiter.model.events import (
    Event,
    FundingPaid,
    OrderSent,
    PlanDenied,
    PositionForced,
    SignalSeen,
    TradeAdvanced,
)
from arbiter.model.ids import VenueId
from arbiter.model.money import ZERO
from arbiter.model.orders import Order
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.observe.metrics import Metrics
from arbiter.ports.clock import Clock
from arbiter.runtime.core import TradingCore

_LAG_S = 0.1


class EngineMetrics:
    """A listener of the event hub; `metrics` is what exporters read."""

    def __init__(self, core: TradingCore, clock: Clock) -> None:
        self.metrics = Metrics()
        self._core = core
        self._clock = clock
        self._quote_to_order = self.metrics.histogram(
            "arbiter_quote_to_order_ns", "From the newer leg's quote to the order being sent."
        )
        self._lag = self.metrics.histogram("arbiter_loop_lag_ns", "How late the event loop is.")
        self._commit = self.metrics.histogram(
            "arbiter_intent_commit_ns", "From an intent to its being durable and sent."
        )
        self._watch_books()

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        """Count; called in the same step as the events."""
        metrics = self.metrics
        for event in events:
            match event:
                case SignalSeen():
                    metrics.counter("arbiter_signals_total", "Signals seen.").add()
                case PlanDenied(denied=denied):
                    metrics.counter(
                        "arbiter_denials_total", "Plans the gate refused.", code=denied.code
                    ).add()
                case OrderSent(client_order_id=key):
                    self._sent(self._core.ledger.orders[key])
                case FundingPaid(payment=payment):
                    metrics.counter(
                        "arbiter_funding_payments_total",
                        "Funding payments booked.",
                        venue=payment.venue,
                    ).add()
                case PositionForced(forced=forced):
                    metrics.counter(
                        "arbiter_forced_closes_total",
                        "Positions a venue closed.",
                        venue=forced.venue,
                        cause=forced.cause,
                    ).add()
                case TradeAdvanced(state=state) if state.terminal:
                    metrics.counter("arbiter_trades_total", "Trades that ended.", state=state).add()
        for order in changes.orders.values():
            if order.status.terminal:
                metrics.counter(
                    "arbiter_orders_total", "Orders by outcome.", status=order.status
                ).add()

    async def measure_lag(self) -> None:
        """Sleep and see how late it wakes, for ever."""
        while True:
            began = self._clock.monotonic_ns()
            await asyncio.sleep(_LAG_S)
            self._lag.record(self._clock.monotonic_ns() - began - int(_LAG_S * NS_PER_S))

    def _sent(self, order: Order) -> None:
        now = self._clock.now_ns()
        age = self._core.board.age_ns(order.instrument, now)
        if age is not None and not order.reduce_only:
            self._quote_to_order.record(age)
        self._commit.record(now - order.created_ns)

    def _watch_books(self) -> None:
        core, metrics = self._core, self.metrics
        ledger = core.ledger
        watch = metrics.watch
        watch("arbiter_quotes_total", "Quotes taken.", lambda: float(core.board.quotes_total))
        for venue in core.registry.venues:
            watch(
                "arbiter_quote_age_ms",
                "Age of the venue's newest quote; -1 before the first.",
                partial(self._quote_age_ms, venue),
                venue=venue,
            )
        watch("arbiter_open_trades", "Trades under way.", lambda: float(len(ledger.trades)))
        watch("arbiter_pnl_total_usd", "Trading PnL.", lambda: float(ledger.cumulative_pnl))
        watch(
            "arbiter_pnl_today_usd",
            "Trading PnL since 00:00 UTC.",
            lambda: float(ledger.realized_today(self._clock.now_ns())),
        )
        watch(
            "arbiter_funding_collected_usd",
            "Funding of active pairs.",
            lambda: float(sum(pair.funding_collected for pair in ledger.active_pairs())),
        )
        watch(
            "arbiter_pairs_open", "Active funding pairs.", lambda: float(len(ledger.active_pairs()))
        )
        watch(
            "arbiter_leg_imbalance",
            "Σ base units by which legs of open trades and pairs differ.",
            self._imbalance,
        )
        watch(
            "arbiter_budget_used",
            "Largest used part of any budget.",
            self._budget_used,
        )
        watch("arbiter_journal_healthy", "1 while events become durable.", self._journal_healthy)

    def _quote_age_ms(self, venue: VenueId) -> float:
        last = self._core.board.last_receive_ns[venue]
        return -1.0 if last is None else (self._clock.now_ns() - last) / NS_PER_MS

    def _imbalance(self) -> float:
        ledger = self._core.ledger
        total = sum((abs(trade.residual) for trade in ledger.open_trades()), ZERO)
        for pair in ledger.active_pairs():
            rows = (ledger.positions.get((pair.strategy, name)) for name in pair.instruments)
            total += abs(sum((row.quantity for row in rows if row is not None), ZERO))
        return float(total)

    def _budget_used(self) -> float:
        used = [
            float(row.reserved / row.allocated)
            for row in self._core.ledger.budgets.values()
            if row.allocated
        ]
        return max(used, default=0.0)

    def _journal_healthy(self) -> float:
        return float(self._core.state.journal_healthy)

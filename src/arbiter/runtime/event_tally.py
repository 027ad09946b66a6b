"""What event arbitrage did since 00:00 UTC, as the control API tells it."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from arbiter.model.changes import Changes
from arbiter.model.events import Event, SignalSeen
from arbiter.model.holdings import Residual
from arbiter.model.ids import Asset, SignalId, StrategyId, TradeId
from arbiter.model.money import ZERO
from arbiter.model.plans import Signal
from arbiter.model.time import day_start
from arbiter.model.trades import Trade, TradeState


class EventTally:
    """A listener of the event hub; `earlier` is what the database has of this day."""

    def __init__(
        self,
        strategy: StrategyId,
        now_ns: int,
        *,
        earlier_trades: Iterable[Trade] = (),
        earlier_signals: Iterable[Signal] = (),
        earlier_pnl: Decimal | None = None,
        residuals: Mapping[tuple[StrategyId, Asset, Asset], Residual] | None = None,
    ) -> None:
        """`residuals` are the ledger's leftovers as they stand: what they make is counted from here.

        `earlier_pnl` is all that was booked this day: what `earlier_trades` do not account for,
        leftovers made before.
        """
        self._strategy = strategy
        self._day = day_start(now_ns)
        self._trades: dict[TradeId, Trade] = {}
        self._seen: set[SignalId] = set()
        self._met = {key: row.realized_pnl for key, row in (residuals or {}).items()}
        self._made = ZERO
        self.last_activity_ns: int | None = None
        """The last opening or trade, of any day."""
        for trade in earlier_trades:
            self._count_trade(trade)
        for signal in earlier_signals:
            self._count_signal(signal)
        if earlier_pnl is not None:
            self._made = earlier_pnl - self.pnl(now_ns)

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        for trade in changes.trades.values():
            self._count_trade(trade)
        for key, row in changes.residuals.items():
            if row.strategy == self._strategy:
                self._turn(row.updated_ns)
                self._made += row.realized_pnl - self._met.get(key, ZERO)
                self._met[key] = row.realized_pnl
        for event in events:
            if isinstance(event, SignalSeen):
                self._count_signal(event.signal)

    def opportunities(self, now_ns: int) -> int:
        """Distinct openings since 00:00 UTC."""
        self._turn(now_ns)
        return len(self._seen)

    def trades(self, now_ns: int) -> int:
        """Trades whose both legs filled since 00:00 UTC."""
        self._turn(now_ns)
        return sum(trade.state is TradeState.COMPLETED for trade in self._trades.values())

    def pnl(self, now_ns: int) -> Decimal:
        """Realised since 00:00 UTC, net of fees and of way-outs: by trades, and where leftovers of
        opposite sign met, as those of a market that was resolved do."""
        self._turn(now_ns)
        return sum((trade.pnl or ZERO for trade in self._trades.values()), self._made)

    def _turn(self, now_ns: int) -> None:
        if day_start(now_ns) != self._day:
            self._day = day_start(now_ns)
            self._trades.clear()
            self._seen.clear()
            self._made = ZERO

    def _count_trade(self, trade: Trade) -> None:
        if trade.strategy != self._strategy:
            return
        at_ns = trade.completed_ns or trade.started_ns
        self._note(at_ns)
        if trade.completed_ns is not None and day_start(at_ns) >= self._day:
            self._turn(at_ns)
            self._trades[trade.id] = trade

    def _count_signal(self, signal: Signal) -> None:
        if signal.strategy != self._strategy:
            return
        self._note(signal.detected_ns)
        if day_start(signal.detected_ns) >= self._day:
            self._turn(signal.detected_ns)
            self._seen.add(signal.id)

    def _note(self, at_ns: int) -> None:
        self.last_activity_ns = max(self.last_activity_ns or 0, at_ns)

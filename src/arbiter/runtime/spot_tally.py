"""Counts of the spot family that a status call asks for, kept as events come by."""

from bisect import insort
from collections import deque
from collections.abc import Iterable, Sequence

from arbiter.ledger.ledger import Ledger
from arbiter.model.changes import Changes
from arbiter.model.events import Event, SignalSeen, StrategySwitched, TradeAdvanced
from arbiter.model.ids import StrategyId
from arbiter.model.plans import Family
from arbiter.model.time import NS_PER_HOUR, day_start
from arbiter.model.trades import TradeState


class SpotTally:
    """A listener of the event hub.

    `earlier` are signal times of the hour before this start, `completed_today` the trades that
    completed since 00:00 UTC before it.
    """

    def __init__(
        self,
        ledger: Ledger,
        strategy: StrategyId,
        started_ns: int,
        earlier: Iterable[int] = (),
        completed_today: int = 0,
    ) -> None:
        self._ledger = ledger
        self._strategy = strategy
        self._signals: deque[int] = deque(sorted(earlier))
        self.started_ns = started_ns
        """When this engine started."""
        self.run_started_ns = started_ns
        """When trading was last started."""
        self.completed_in_run = 0
        """Trades completed since then."""
        self._day = day_start(started_ns)
        self._completed_today = completed_today

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        del changes
        for event in events:
            if isinstance(event, SignalSeen) and event.signal.strategy == self._strategy:
                self._see(event.signal.detected_ns)
            elif isinstance(event, TradeAdvanced) and event.state is TradeState.COMPLETED:
                trade = self._ledger.trade(event.trade_id)
                if trade is not None and trade.family is Family.SPOT:
                    self.completed_in_run += 1
                    self._completed_today = self.completed_today(event.at_ns) + 1
            elif isinstance(event, StrategySwitched) and self._starts(event):
                self.run_started_ns, self.completed_in_run = event.at_ns, 0

    def completed_today(self, now_ns: int) -> int:
        """Trades of the family that completed since 00:00 UTC."""
        if day_start(now_ns) != self._day:
            self._day, self._completed_today = day_start(now_ns), 0
        return self._completed_today

    def signals_last_hour(self, now_ns: int) -> int:
        while self._signals and now_ns - self._signals[0] >= NS_PER_HOUR:
            self._signals.popleft()
        return len(self._signals)

    def _starts(self, event: StrategySwitched) -> bool:
        return event.running and event.strategy == self._strategy

    def _see(self, at_ns: int) -> None:
        """A signal stored a second time, as executed, is no second signal."""
        if not self._signals or at_ns > self._signals[-1]:
            self._signals.append(at_ns)
        elif at_ns not in self._signals:
            insort(self._signals, at_ns)

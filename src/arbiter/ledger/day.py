"""Trading PnL by UTC day, by strategy and minute, and the sum that drawdown is measured on.

A trade's PnL counts on the day it ended, and a late fill corrects that day; leftovers that meet
count when they meet. By the minute everything counts when it is booked, so that a curve of it never
changes behind its end. Quote currencies are dollars or at par with them. Marks of inventory are no
part of this: a falling market does not look like a losing strategy.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from arbiter.model.changes import Changes
from arbiter.model.holdings import PnlMinute, TradingDay
from arbiter.model.ids import StrategyId
from arbiter.model.money import ZERO
from arbiter.model.time import NS_PER_MINUTE, day_start

DAYS_KEPT = 8
"""A correction of an older day than these counts on the day it arrives."""


class TradingDays:
    def __init__(self) -> None:
        self.rows: Final[dict[int, TradingDay]] = {}
        self.minutes: dict[tuple[int, StrategyId], PnlMinute] = {}
        """Of the newest minute alone."""
        self._minute = 0
        self.cumulative = ZERO
        self.peak = ZERO

    def restore(self, rows: Iterable[TradingDay], minutes: Iterable[PnlMinute]) -> None:
        for made in minutes:
            self._minute = max(self._minute, made.minute_ns)
            self.minutes[made.minute_ns, made.strategy] = made
        for row in sorted(rows, key=lambda row: row.day_ns)[-DAYS_KEPT:]:
            self.rows[row.day_ns] = row
            self.cumulative, self.peak = row.cumulative, row.peak

    def realized(self, now_ns: int) -> Decimal:
        """Give today's realized PnL (UTC)."""
        row = self.rows.get(day_start(now_ns))
        return ZERO if row is None else row.realized

    def add(
        self, strategy: StrategyId, counted_ns: int, amount: Decimal, at_ns: int, changes: Changes
    ) -> None:
        """Count `amount` on the day of `counted_ns`, as known at `at_ns`."""
        if not amount:
            return
        self._book(strategy, amount, at_ns, changes)
        self.cumulative += amount
        self.peak = max(self.peak, self.cumulative)
        day = day_start(counted_ns)
        if len(self.rows) >= DAYS_KEPT and day < min(self.rows):
            day = max(day_start(at_ns), *self.rows)
        row = self.rows.get(day) or TradingDay(day_ns=day)
        realized = row.realized + amount
        newest = max(self.rows, default=day)
        if newest > day:
            self.rows[day] = changes.days[day] = replace(row, realized=realized, updated_ns=at_ns)
            day, row = newest, self.rows[newest]
            realized = row.realized
        self.rows[day] = changes.days[day] = TradingDay(
            day_ns=day,
            realized=realized,
            cumulative=self.cumulative,
            peak=self.peak,
            updated_ns=at_ns,
        )
        if len(self.rows) > DAYS_KEPT:
            del self.rows[min(self.rows)]

    def _book(self, strategy: StrategyId, amount: Decimal, at_ns: int, changes: Changes) -> None:
        minute = at_ns - at_ns % NS_PER_MINUTE
        if minute > self._minute:
            self._minute = minute
            self.minutes.clear()
        key = (self._minute, strategy)
        row = self.minutes.get(key) or PnlMinute(strategy=strategy, minute_ns=self._minute)
        row = replace(row, realized=row.realized + amount)
        self.minutes[key] = changes.minutes[key] = row

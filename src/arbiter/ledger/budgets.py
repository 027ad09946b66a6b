"""Budgets: how much of its allocation a strategy has in use, per currency.

reserved = what open orders still need + cost of open (long) positions; a fill moves an order's share
to the position at its price, an end of the order returns what is left of its share, a reduction
returns cost. Realized PnL and fees are told beside it and change nothing about what is available.
"""

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from arbiter.model.changes import Changes
from arbiter.model.errors import LedgerError
from arbiter.model.events import BudgetRemoved, BudgetSet
from arbiter.model.holdings import Budget
from arbiter.model.ids import Asset, StrategyId
from arbiter.model.money import ZERO


class Budgets:
    def __init__(self) -> None:
        self.rows: Final[dict[tuple[StrategyId, Asset], Budget]] = {}

    def set(self, event: BudgetSet, changes: Changes) -> None:
        """Allocate; less than what is reserved is allowed and leaves a negative availability."""
        if not event.allocated.is_finite() or event.allocated < ZERO:
            raise LedgerError(f"{event.allocated} {event.currency} cannot be allocated")
        key = (event.strategy, event.currency)
        row = self.rows.get(key) or Budget(strategy=event.strategy, currency=event.currency)
        self._record(replace(row, allocated=event.allocated, updated_ns=event.at_ns), changes)

    def remove(self, event: BudgetRemoved, changes: Changes) -> None:
        """Lift the limit; the row stays, without one, while something is still reserved."""
        key = (event.strategy, event.currency)
        row = self.rows.get(key)
        if row is None:
            raise LedgerError(f"{event.strategy} has no budget in {event.currency}")
        if row.reserved:
            self._record(replace(row, allocated=None, updated_ns=event.at_ns), changes)
        else:
            del self.rows[key]
            changes.budgets.pop(key, None)
            changes.removed_budgets.add(key)

    def move(
        self,
        strategy: StrategyId,
        currency: Asset,
        at_ns: int,
        changes: Changes,
        *,
        reserved: Decimal = ZERO,
        released: Decimal = ZERO,
        realized: Decimal = ZERO,
        fees: Decimal = ZERO,
    ) -> None:
        """Add to the figures; a strategy without a budget gets a row that limits nothing.

        `released` is the (negative) change of what an order still needs.
        """
        if not (reserved or released or realized or fees):
            return
        row = self.rows.get((strategy, currency)) or Budget(strategy=strategy, currency=currency)
        self._record(
            Budget(
                strategy=strategy,
                currency=currency,
                allocated=row.allocated,
                reserved=row.reserved + reserved + released,
                realized_pnl=row.realized_pnl + realized,
                total_fees=row.total_fees + fees,
                updated_ns=at_ns,
            ),
            changes,
        )

    def _record(self, row: Budget, changes: Changes) -> None:
        key = (row.strategy, row.currency)
        self.rows[key] = changes.budgets[key] = row
        if changes.removed_budgets:
            changes.removed_budgets.discard(key)

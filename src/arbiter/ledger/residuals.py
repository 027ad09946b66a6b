"""Leftovers of finished trades, per strategy, asset and quote, carried at cost and in view.

They gather until they are worth a hedging trade of their own. Where leftovers of opposite sign meet
they realize the difference of their costs; exactly: realized = cost after − (cost before + added).
"""

from decimal import Decimal
from typing import Final

from arbiter.model.changes import Changes
from arbiter.model.holdings import Residual
from arbiter.model.ids import Asset, StrategyId
from arbiter.model.money import ZERO, quotient


class Residuals:
    def __init__(self) -> None:
        self.rows: Final[dict[tuple[StrategyId, Asset, Asset], Residual]] = {}

    def add(
        self,
        key: tuple[StrategyId, Asset, Asset],
        quantity: Decimal,
        cost: Decimal,
        at_ns: int,
        changes: Changes,
    ) -> Decimal:
        """Carry signed units at a signed cost; return what meeting the opposite sign realized."""
        if not quantity and not cost:
            return ZERO
        strategy, asset, quote = key
        row = self.rows.get(key) or Residual(strategy=strategy, asset=asset, quote=quote)
        total = row.quantity + quantity
        kept = _cost_kept(row, quantity, cost, total)
        realized = kept - (row.cost + cost)
        self.rows[key] = changes.residuals[key] = Residual(
            strategy=strategy,
            asset=asset,
            quote=quote,
            quantity=total,
            cost=kept,
            realized_pnl=row.realized_pnl + realized,
            updated_ns=at_ns,
        )
        return realized


def _cost_kept(row: Residual, quantity: Decimal, cost: Decimal, total: Decimal) -> Decimal:
    """Cost of what is left: of the larger side, pro rata, when the two signs differ."""
    if not total:
        return ZERO
    if row.quantity * quantity >= ZERO:
        return row.cost + cost
    if abs(row.quantity) >= abs(quantity):
        return quotient(row.cost * total, row.quantity)
    return quotient(cost * total, quantity)

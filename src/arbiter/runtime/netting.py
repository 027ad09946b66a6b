"""What a venue would reduce: it knows one account, in which the strategies are netted."""

from decimal import Decimal

from arbiter.ledger.ledger import Ledger
from arbiter.model.ids import InstrumentId, StrategyId
from arbiter.model.money import ZERO
from arbiter.model.orders import Side


def in_account(ledger: Ledger, instrument: InstrumentId, side: Side) -> Decimal:
    """Contracts that an order of this side would reduce at the venue, of all strategies."""
    row = ledger.margin_positions.get(instrument)
    return ZERO if row is None else max(-row.quantity * side.sign, ZERO)


def of_strategy(
    ledger: Ledger, strategy: StrategyId, instrument: InstrumentId, side: Side
) -> Decimal:
    """Units that an order of this side would take off a strategy's own position."""
    row = ledger.positions.get((strategy, instrument))
    return ZERO if row is None else max(-row.quantity * side.sign, ZERO)


def reducible(
    ledger: Ledger, strategy: StrategyId, instrument: InstrumentId, side: Side
) -> Decimal:
    """What the strategy holds, as far as the account holds it too where a venue nets positions.

    Another strategy may have the other side there; the venue would then refuse a reduction.
    """
    own = of_strategy(ledger, strategy, instrument, side)
    if instrument not in ledger.margin_positions:
        return own
    return min(own, in_account(ledger, instrument, side))

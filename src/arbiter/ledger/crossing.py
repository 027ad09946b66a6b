"""Strategies that are against each other in one contract: how much, and who gives up what.

A venue nets them, so what they hold against each other exists in the books alone and no order can
end it. Ended at one price for all, it moves realized PnL from one to the other and adds nothing:
what the long ones are paid is what the short ones pay.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from arbiter.model.crossing import CrossedPart
from arbiter.model.errors import LedgerError
from arbiter.model.holdings import Position
from arbiter.model.ids import InstrumentId, StrategyId
from arbiter.model.money import ZERO


def opposed(quantities: Iterable[Decimal]) -> Decimal:
    """How much of signed quantities is on both sides."""
    long = short = ZERO
    for quantity in quantities:
        if quantity > ZERO:
            long += quantity
        else:
            short -= quantity
    return min(long, short)


def parts_of(rows: Iterable[Position]) -> tuple[CrossedPart, ...]:
    """Give what ends all that is on both sides of one contract; the larger side by name."""
    held = sorted((row for row in rows if row.quantity), key=lambda row: row.strategy)
    met = opposed(row.quantity for row in held)
    left = {True: met, False: met}
    parts: list[CrossedPart] = []
    for row in held:
        long = row.quantity > ZERO
        part = min(abs(row.quantity), left[long])
        if part:
            left[long] -= part
            parts.append(CrossedPart(strategy=row.strategy, contracts=-part if long else part))
    return tuple(parts)


def check_parts(
    rows: Mapping[tuple[StrategyId, InstrumentId], Position],
    instrument: InstrumentId,
    parts: Sequence[CrossedPart],
    price: Decimal,
) -> None:
    """Raise `LedgerError` unless every part only takes off what is held, and nothing is left over."""
    if not (price.is_finite() and price > ZERO):
        raise LedgerError(f"positions in {instrument} cannot be crossed at {price}")
    if sum((part.contracts for part in parts), ZERO):
        raise LedgerError(f"the sides crossed in {instrument} are not equal")
    if len({part.strategy for part in parts}) != len(parts):
        raise LedgerError(f"a strategy is crossed twice in {instrument}")
    for part in parts:
        row = rows.get((part.strategy, instrument))
        held = ZERO if row is None else row.quantity
        if held * part.contracts >= ZERO or abs(part.contracts) > abs(held):
            raise LedgerError(
                f"{part.strategy} holds {held} of {instrument}, not {-part.contracts}"
            )

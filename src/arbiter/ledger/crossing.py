"""Strategies that are against each other in one contract: how much, and who gives up what.

A venue nets them, so what they hold against each other exists in the books alone and no order can
end it. Ended at one price for all, it moves realized PnL from one to the other and adds nothing:
what the long ones are paid is what the short ones pay.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from arbiter.model.crossing import CrossedPart
from arbiter.model.errors import LedgerError
from arbiter.model.holdings import Position
from arbiter.model.ids import InstrumentId, StrategyId
from arbiter.model.money import ZERO

K = TypeVar("K")


def opposed(quantities: Iterable[Decimal]) -> Decimal:
    """How much of signed quantities is on both sides."""
    long = short = ZERO
    for quantity in quantities:
        if quantity > ZERO:
            long += quantity
        else:
            short -= quantity
    return min(long, short)


def given_up(
    held: Iterable[tuple[K, Decimal]], long: Decimal, short: Decimal
) -> Iterator[tuple[K, Decimal]]:
    """Take so much off signed holdings that are long, and so much off short ones, in their order.

    Gives what each loses, the opposite of what it holds.
    """
    left = {True: long, False: short}
    for key, quantity in held:
        side = quantity > ZERO
        part = min(abs(quantity), left[side])
        if part:
            left[side] -= part
            yield key, -part if side else part


def parts_of(rows: Iterable[Position]) -> tuple[CrossedPart, ...]:
    """Give what ends all that is on both sides of one contract; the larger side by name."""
    held = sorted((row.strategy, row.quantity) for row in rows if row.quantity)
    met = opposed(quantity for _, quantity in held)
    return tuple(
        CrossedPart(strategy=strategy, contracts=contracts)
        for strategy, contracts in given_up(held, met, met)
    )


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

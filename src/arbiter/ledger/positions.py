"""Positions per strategy and instrument, at average cost.

Fees in the base asset take units away: a buy of s with a base fee f is a purchase of s − f units
plus a fee worth f × price, a sell of s one of s + f, so quantity is always what is really held.

In spot arbitrage the base bought on one venue is the base sold on another. Fills of such trades
therefore close the strategy's opposite positions in the same symbol on other venues as well: what
stays is what is not hedged. Otherwise every trade would leave a pair of growing positions, tying up
budget for ever and turning the price of pre-funded inventory into PnL.

Invariant, exact whatever is rounded: Σ d × price = Σ sign(quantity) × cost − Σ realized_pnl, with
d the signed units of each fill; closing takes a part of cost out and books the rest as realized.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from arbiter.model.changes import Changes
from arbiter.model.holdings import ClosedPosition, Position
from arbiter.model.ids import InstrumentId, StrategyId, Symbol
from arbiter.model.money import ZERO, quotient
from arbiter.model.orders import Order
from arbiter.model.perpetuals import Contract


class Effect(msgspec.Struct, frozen=True, gc=False):
    """What one fill did to a strategy, in quote."""

    capital: Decimal
    """Change of the cost of long positions: what the budget must carry."""
    realized: Decimal


class Positions:
    def __init__(self) -> None:
        self.rows: Final[dict[tuple[StrategyId, InstrumentId], Position]] = {}
        self._held: dict[tuple[StrategyId, Symbol], set[InstrumentId]] = {}

    def restore(self, rows: Iterable[Position]) -> None:
        for row in rows:
            self._put(row)

    def fill(
        self,
        order: Order,
        units: Decimal,
        price: Decimal,
        fee: Decimal,
        *,
        netted: bool,
        at_ns: int,
        changes: Changes,
    ) -> Effect:
        """Book signed `units` at `price` and a `fee` in quote; `netted` closes across venues."""
        capital = realized = ZERO
        own = self.rows.get((order.strategy, order.instrument))
        if own is None:
            own = Position(
                strategy=order.strategy, instrument=order.instrument, symbol=order.symbol
            )
        if netted:
            for other in self._opposite(order, own, units):
                part = max(units, -other.quantity) if units < ZERO else min(units, -other.quantity)
                after = _execute(other, part, price, ZERO, at_ns, changes)
                capital += capital_in(after) - capital_in(other)
                realized += after.realized_pnl - other.realized_pnl
                self._record(after, changes)
                units -= part
        if units:
            after = _execute(own, units, price, fee, at_ns, changes)
            capital += capital_in(after) - capital_in(own)
            realized += after.realized_pnl - own.realized_pnl
            self._record(after, changes)
        elif fee:
            self._record(replace(own, fees=own.fees + fee, updated_ns=at_ns), changes)
        return Effect(capital, realized)

    def margined(
        self,
        strategy: StrategyId,
        contract: Contract,
        contracts: Decimal,
        unit_value: Decimal,
        fee: Decimal,
        at_ns: int,
        changes: Changes,
    ) -> Effect:
        """Book signed contracts on margin; values in their settlement currency.

        The capital of a position is its margin: its cost over the leverage.
        """
        key = (strategy, contract.instrument)
        before = self.rows.get(key) or Position(
            strategy=strategy, instrument=contract.instrument, symbol=contract.symbol
        )
        after = _execute(before, contracts, unit_value, fee, at_ns, changes)
        realized = after.realized_pnl - before.realized_pnl
        if contract.inverse:
            realized = -realized
            after = replace(after, realized_pnl=before.realized_pnl + realized)
        self._record(after, changes)
        capital = contract.margin(after.quantity, after.cost)
        return Effect(capital - contract.margin(before.quantity, before.cost), realized)

    def _opposite(self, order: Order, own: Position, units: Decimal) -> list[Position]:
        """Other venues' positions that these units close, once our own venue's is closed."""
        held = self._held.get((order.strategy, order.symbol))
        if not held or (len(held) == 1 and order.instrument in held):
            return []
        if own.quantity and (own.quantity > ZERO) != (units > ZERO):
            units += own.quantity
            if not units or (units > ZERO) == (own.quantity > ZERO):
                return []
        found = []
        for instrument in sorted(held):
            row = self.rows[order.strategy, instrument]
            if row is not own and units and (row.quantity > ZERO) != (units > ZERO):
                found.append(row)
                left = units + row.quantity
                units = left if (left > ZERO) == (units > ZERO) else ZERO
        return found

    def put_back(self, row: Position, changes: Changes) -> None:
        """Keep a row as it would stand without something that is void."""
        self._record(row, changes)

    def _record(self, row: Position, changes: Changes) -> None:
        self._put(row)
        changes.positions[row.strategy, row.instrument] = row

    def _put(self, row: Position) -> None:
        strategy, instrument = row.strategy, row.instrument
        self.rows[strategy, instrument] = row
        held = self._held.get((strategy, row.symbol))
        if held is None:
            held = self._held[strategy, row.symbol] = set()
        if row.quantity:
            held.add(instrument)
        else:
            held.discard(instrument)


def executed(row: Position, units: Decimal, price: Decimal, fee: Decimal, at_ns: int) -> Position:
    """Buy (> 0) or sell (< 0) units: enlarge at cost, close at average cost, flip with the rest."""
    before = row.quantity
    after = before + units
    size = abs(units)
    value = size * price
    if not before:
        return replace(
            row,
            quantity=after,
            cost=value,
            fees=row.fees + fee,
            number=row.number + 1,
            entered=size,
            entered_value=value,
            left=ZERO,
            left_value=ZERO,
            opened_ns=at_ns,
            closed_ns=None,
            updated_ns=at_ns,
        )
    if (before > ZERO) == (units > ZERO):
        return replace(
            row,
            quantity=after,
            cost=row.cost + value,
            fees=row.fees + fee,
            entered=row.entered + size,
            entered_value=row.entered_value + value,
            updated_ns=at_ns,
        )
    if size > abs(before):
        return executed(executed(row, -before, price, fee, at_ns), after, price, ZERO, at_ns)
    part = quotient(row.cost * size, abs(before)) if after else row.cost
    gain = value - part
    return replace(
        row,
        quantity=after,
        cost=row.cost - part,
        realized_pnl=row.realized_pnl + (gain if before > ZERO else -gain),
        fees=row.fees + fee,
        left=row.left + size,
        left_value=row.left_value + value,
        closed_ns=None if after else at_ns,
        updated_ns=at_ns,
    )


def _execute(
    row: Position, units: Decimal, price: Decimal, fee: Decimal, at_ns: int, changes: Changes
) -> Position:
    """Do as `executed` and keep the position that ends by it, if one does."""
    before = row.quantity
    if before and (before > ZERO) != (units > ZERO) and abs(units) >= abs(before):
        ended = executed(row, -before, price, fee, at_ns)
        key = (row.strategy, row.instrument, row.number)
        changes.closed_positions[key] = _closed(ended, long=before > ZERO)
        rest = units + before
        return executed(ended, rest, price, ZERO, at_ns) if rest else ended
    return executed(row, units, price, fee, at_ns)


def _closed(row: Position, *, long: bool) -> ClosedPosition:
    gain = row.left_value - row.entered_value
    return ClosedPosition(
        strategy=row.strategy,
        instrument=row.instrument,
        number=row.number,
        symbol=row.symbol,
        long=long,
        size=row.entered,
        entered_value=row.entered_value,
        left_value=row.left_value,
        realized_pnl=gain if long else -gain,
        opened_ns=row.opened_ns,
        closed_ns=row.updated_ns,
    )


def capital_in(row: Position) -> Decimal:
    """Quote tied up in a position: the cost of a long one. A spot short is inventory sold."""
    return row.cost if row.quantity > ZERO else ZERO

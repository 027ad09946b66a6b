"""Perpetuals in the ledger: contracts, positions on margin, funding, forced closes.

Cash rules. Opening costs a fee and sets margin aside; closing realizes PnL; funding is cash. All of
it in the settlement currency of the venue's account:

    Δ total  = realized PnL − fee              (an execution or a forced close)
    Δ total  = amount                          (a funding payment)
    Δ locked = Δ margin                        (beside what open orders lock)

Positions exist twice: per instrument over all strategies, because that is what the venue nets and
margins, and per strategy, because that is whose they are. With one strategy on an instrument the
two are equal.
"""

from collections import OrderedDict
from decimal import Decimal
from typing import NamedTuple

from arbiter.ledger.balances import Balances
from arbiter.ledger.budgets import Budgets
from arbiter.ledger.positions import Positions
from arbiter.ledger.settling import SettlingBooks
from arbiter.model.changes import Changes
from arbiter.model.errors import LedgerError
from arbiter.model.ids import Asset, InstrumentId, StrategyId, VenueId
from arbiter.model.image import LedgerImage
from arbiter.model.money import ONE, ZERO, quotient
from arbiter.model.orders import Fill
from arbiter.model.perpetuals import (
    Contract,
    ForcedClose,
    FundingPayment,
    MarginPosition,
    executed,
)


class Booked(NamedTuple):
    """One execution in the terms of a trade's account."""

    units: Decimal
    """Base units, never negative."""
    price: Decimal
    """Quote per base."""
    fee: Decimal
    """In quote."""


class MarginBooks:
    """Contracts, positions and what was booked on them; cash and locks are the `Balances`'."""

    def __init__(
        self, balances: Balances, positions: Positions, budgets: Budgets, *, keys_kept: int
    ) -> None:
        self._balances = balances
        self._strategies = positions
        self._budgets = budgets
        self._keys_kept = keys_kept
        self.contracts: dict[InstrumentId, Contract] = {}
        self.positions: dict[InstrumentId, MarginPosition] = {}
        self.payment_keys: OrderedDict[tuple[VenueId, str], None] = OrderedDict()
        self.settling = SettlingBooks(keys_kept=keys_kept)

    def restore(self, image: LedgerImage) -> None:
        self.contracts.update((row.instrument, row) for row in image.contracts)
        self.positions.update((row.instrument, row) for row in image.margin_positions)
        self.payment_keys.update(dict.fromkeys(sorted(image.payment_keys)))

    def leverage(self, instrument: InstrumentId) -> Decimal:
        contract = self.contracts.get(instrument)
        return ONE if contract is None else contract.leverage

    def set(self, contract: Contract, changes: Changes) -> None:
        """Take terms; while a position is open only the very same ones."""
        position = self.positions.get(contract.instrument)
        if position is not None and position.quantity:
            if contract != self.contracts[contract.instrument]:
                raise LedgerError(f"the terms of {contract.instrument} change under a position")
            return
        self.contracts[contract.instrument] = contract
        changes.contracts[contract.instrument] = contract

    def fill(
        self,
        contract: Contract,
        fill: Fill,
        strategy: StrategyId,
        at_ns: int,
        changes: Changes,
    ) -> Booked:
        """Book an execution of a strategy's order."""
        if fill.fee_asset != contract.settle and fill.fee:
            self._balances.move(fill.venue, Asset(fill.fee_asset), -fill.fee, ZERO, at_ns, changes)
        cash_fee = fill.fee if fill.fee_asset == contract.settle else ZERO
        contracts = fill.size * fill.side.sign
        self._execute(contract, contracts, fill.price, cash_fee, at_ns, changes)
        self._attribute(strategy, contract, contracts, fill.price, fill.fee, at_ns, changes)
        return _booked(contract, fill.size, fill.price, fill.fee)

    def force(
        self, close: ForcedClose, at_ns: int, changes: Changes
    ) -> list[tuple[StrategyId, Booked]]:
        """Book a forced close; it goes to the strategies that hold what it closed, by size."""
        contract = self.contract(close.instrument)
        holders = self._holders(close)
        self._execute(contract, close.contracts, close.price, close.fee, at_ns, changes)
        changes.forced_closes[close.venue, close.venue_trade_id] = close
        told: list[tuple[StrategyId, Booked]] = []
        for strategy, size in holders:
            fee = close.fee if size == close.size else quotient(close.fee * size, close.size)
            units = size * close.side.sign
            self._attribute(strategy, contract, units, close.price, fee, at_ns, changes)
            told.append((strategy, _booked(contract, size, close.price, fee)))
        return told

    def pay(self, payment: FundingPayment, at_ns: int, changes: Changes) -> bool:
        """Book a payment once; whether it was new."""
        key = (payment.venue, payment.payment_id)
        if key in self.payment_keys:
            return False
        self.payment_keys[key] = None
        if len(self.payment_keys) > self._keys_kept:
            self.payment_keys.popitem(last=False)
        self._balances.move(payment.venue, payment.asset, payment.amount, ZERO, at_ns, changes)
        changes.funding_payments[key] = payment
        return True

    def contract(self, instrument: InstrumentId) -> Contract:
        contract = self.contracts.get(instrument)
        if contract is None:
            raise LedgerError(f"the terms of {instrument} are not known")
        return contract

    def _execute(
        self,
        contract: Contract,
        contracts: Decimal,
        price: Decimal,
        fee: Decimal,
        at_ns: int,
        changes: Changes,
    ) -> None:
        name = contract.instrument
        before = self.positions.get(name) or MarginPosition(instrument=name)
        after = executed(before, contract, contracts, price, at_ns)
        self.positions[name] = changes.margin_positions[name] = after
        cash = after.realized_pnl - before.realized_pnl - fee
        margin = after.margin - before.margin
        self._balances.move(contract.venue, contract.settle, cash, margin, at_ns, changes)

    def _attribute(
        self,
        strategy: StrategyId,
        contract: Contract,
        contracts: Decimal,
        price: Decimal,
        fee: Decimal,
        at_ns: int,
        changes: Changes,
    ) -> None:
        """Move the strategy's own position, and what its budget carries for it."""
        effect = self._strategies.margined(
            strategy, contract, contracts, contract.unit_value(price), fee, at_ns, changes
        )
        self._budgets.move(
            strategy,
            contract.settle,
            at_ns,
            changes,
            reserved=effect.capital,
            realized=effect.realized,
            fees=fee,
        )

    def _holders(self, close: ForcedClose) -> list[tuple[StrategyId, Decimal]]:
        left = close.size
        found: list[tuple[StrategyId, Decimal]] = []
        held = [
            (-row.quantity * close.side.sign, strategy)
            for (strategy, instrument), row in self._strategies.rows.items()
            if instrument == close.instrument
        ]
        for size, strategy in sorted(held, reverse=True):
            part = min(size, left)
            if part > ZERO:
                found.append((strategy, part))
                left -= part
        return found


def _booked(contract: Contract, size: Decimal, price: Decimal, fee: Decimal) -> Booked:
    in_quote = fee * price if contract.inverse else fee
    return Booked(contract.units(size, price), price, in_quote)

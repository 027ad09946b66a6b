"""Contracts on margin in the ledger: positions, funding, forced closes, resolutions, void fills.

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
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from msgspec.structs import replace

from arbiter.ledger.balances import Balances
from arbiter.ledger.budgets import Budgets
from arbiter.ledger.copies import Copies
from arbiter.ledger.crossing import check_parts
from arbiter.ledger.positions import Positions
from arbiter.ledger.settling import Paid, SettlingBooks, Standing, to_pay
from arbiter.model.changes import Changes
from arbiter.model.copying import COPY_TRADING, CopyPosition
from arbiter.model.crossing import CrossedPart
from arbiter.model.errors import LedgerError
from arbiter.model.holdings import Position
from arbiter.model.ids import Asset, InstrumentId, StrategyId, VenueId
from arbiter.model.image import LedgerImage
from arbiter.model.money import ONE, ZERO, quotient
from arbiter.model.orders import Fill, Order
from arbiter.model.perpetuals import (
    Contract,
    ForcedCause,
    ForcedClose,
    FundingPayment,
    MarginPosition,
    executed,
)
from arbiter.model.settling import SettledFill, Settling, SettlingStep


class Booked(NamedTuple):
    """One execution in the terms of a trade's account."""

    units: Decimal
    """Base units, never negative."""
    price: Decimal
    """Quote per base."""
    fee: Decimal
    """In quote."""


class Void(NamedTuple):
    """A fill that was taken out of the books, and what that undid beside it."""

    step: SettlingStep
    booked: Booked
    paid: list[Paid]
    """What payouts come to without it, and with the opposite sign what they came to with it."""


class MarginBooks:
    """Contracts, positions and what was booked on them; cash and locks are the `Balances`'."""

    def __init__(
        self,
        balances: Balances,
        positions: Positions,
        budgets: Budgets,
        copies: Copies,
        *,
        keys_kept: int,
    ) -> None:
        self._balances = balances
        self._strategies = positions
        self._budgets = budgets
        self._copies = copies
        self._keys_kept = keys_kept
        self.contracts: Final[dict[InstrumentId, Contract]] = {}
        self.positions: Final[dict[InstrumentId, MarginPosition]] = {}
        self.payment_keys: OrderedDict[tuple[VenueId, str], None] = OrderedDict()
        self.settling = SettlingBooks(keys_kept=keys_kept)

    def restore(self, image: LedgerImage) -> None:
        self.contracts.update((row.instrument, row) for row in image.contracts)
        self.positions.update((row.instrument, row) for row in image.margin_positions)
        self.payment_keys.update(dict.fromkeys(sorted(image.payment_keys)))
        self.settling.restore(image)

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
        order: Order,
        at_ns: int,
        changes: Changes,
    ) -> Booked:
        """Book an execution of an order."""
        strategy = order.strategy
        if contract.settles_fills:
            self._await(contract, fill, order, at_ns, changes)
        if fill.fee_asset != contract.settle and fill.fee:
            self._balances.move(fill.venue, Asset(fill.fee_asset), -fill.fee, ZERO, at_ns, changes)
        cash_fee = fill.fee if fill.fee_asset == contract.settle else ZERO
        contracts = fill.size * fill.side.sign
        self._execute(contract, contracts, fill.price, cash_fee, at_ns, changes)
        self._attribute(strategy, contract, contracts, fill.price, fill.fee, at_ns, changes)
        return _booked(contract, fill.size, fill.price, fill.fee)

    def pay_late(
        self, contract: Contract, fill: Fill, order: Order, at_ns: int, changes: Changes
    ) -> Paid | None:
        """Pay out a fill, booked just now, that its market's resolution had closed at the venue."""
        resolution = self.settling.resolved(fill)
        if resolution is None:
            return None
        contracts, price = -fill.size * fill.side.sign, resolution.price
        self._attribute(order.strategy, contract, contracts, price, ZERO, at_ns, changes)
        self._copies.pay_out(order, contract.units(contracts, price), price, at_ns, changes)
        row = self.settling.rows.get(contract.instrument)
        if row is not None and row.steps:
            step = replace(
                row.steps[-1], payout=True, side=fill.side.opposite, price=price, fee=ZERO
            )
            row = replace(row, steps=(*row.steps, step))
            self.settling.keep(row, contract, changes)
        return Paid(order.strategy, contract.units(contracts, price), price, ZERO)

    def force(self, close: ForcedClose, at_ns: int, changes: Changes) -> list[Paid]:
        """Book a forced close; it goes to the strategies that hold what it closed, by size."""
        contract = self.contract(close.instrument)
        if close.cause is ForcedCause.RESOLUTION:
            return self._resolve(contract, close, at_ns, changes)
        holders = self._holders(close)
        self._execute(contract, close.contracts, close.price, close.fee, at_ns, changes)
        changes.forced_closes[close.venue, close.venue_trade_id] = close
        told: list[Paid] = []
        for strategy, size in holders:
            fee = close.fee if size == close.size else quotient(close.fee * size, close.size)
            contracts = size * close.side.sign
            self._attribute(strategy, contract, contracts, close.price, fee, at_ns, changes)
            booked = _booked(contract, size, close.price, fee)
            told.append(Paid(strategy, booked.units * close.side.sign, booked.price, booked.fee))
        return told

    def cross(
        self,
        contract: Contract,
        parts: Sequence[CrossedPart],
        price: Decimal,
        at_ns: int,
        changes: Changes,
    ) -> list[Paid]:
        """End what strategies hold against each other; the account, which nets them, is as before."""
        name = contract.instrument
        if self.settling.unsettled(name):
            raise LedgerError(f"positions in {name} are crossed while a fill there may still fail")
        check_parts(self._strategies.rows, name, parts, price)
        told: list[Paid] = []
        copied = ZERO
        for part in parts:
            self._attribute(part.strategy, contract, part.contracts, price, ZERO, at_ns, changes)
            units = contract.units(part.contracts, price)
            told.append(Paid(part.strategy, units, price, ZERO))
            if part.strategy == COPY_TRADING:
                copied = units
        self._copies.cross(name, copied, price, at_ns, changes)
        return told

    def settle(self, word: SettledFill, at_ns: int, changes: Changes) -> Void | None:
        """Take a venue's last word on a fill, once; what it took out of the books, if anything."""
        if not self.settling.heard(word, changes):
            return None
        row = self.settling.rows.get(word.instrument)
        step = None if row is None else row.step(word.venue_trade_id)
        if row is None or step is None:
            return None
        contract = self.contract(word.instrument)
        if word.ok:
            self.settling.keep(row.confirmed(word.venue_trade_id), contract, changes)
            return None
        left = row.without(word.venue_trade_id)
        before, after = Standing(row, contract), Standing(left, contract)
        self._stand(contract, before, after, step, at_ns, changes)
        self.settling.keep(left, contract, changes)
        paid = [Paid(p.strategy, -p.units, p.price, -p.fee) for p in before.paid] + after.paid
        booked = _booked(contract, step.size, step.price, step.fee)
        return Void(step, booked, paid if before.paid != after.paid else [])

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

    def _await(
        self, contract: Contract, fill: Fill, order: Order, at_ns: int, changes: Changes
    ) -> None:
        """Remember the rows a fill is about to change, until the venue's last word on it."""
        name = contract.instrument
        final = (fill.venue, fill.venue_trade_id) in self.settling.settled
        row = self.settling.rows.get(name)
        if row is None or not row.steps:
            if final:
                return
            held = self._strategies.rows.items()
            row = Settling(
                instrument=name,
                account=self.positions.get(name),
                positions=tuple(row for (_, instrument), row in held if instrument == name),
                copies=self._copies.of(name),
            )
        step = SettlingStep(
            venue_trade_id=fill.venue_trade_id,
            side=fill.side,
            size=fill.size,
            price=fill.price,
            fee=fill.fee,
            fee_asset=None if fill.fee_asset == contract.settle else Asset(fill.fee_asset),
            client_order_id=order.client_order_id,
            strategy=order.strategy,
            actor=order.actor,
            final=final,
            at_ns=at_ns,
        )
        self.settling.keep(replace(row, steps=(*row.steps, step)), contract, changes)

    def _resolve(
        self, contract: Contract, close: ForcedClose, at_ns: int, changes: Changes
    ) -> list[Paid]:
        """End what every strategy holds; the account is closed by what the venue told."""
        name = contract.instrument
        row = self.settling.rows.get(name)
        if row is not None and row.steps:
            step = SettlingStep(
                venue_trade_id=close.venue_trade_id,
                side=close.side,
                size=close.size,
                price=close.price,
                fee=close.fee,
                resolution=True,
                final=True,
                at_ns=at_ns,
            )
            self.settling.keep(replace(row, steps=(*row.steps, step)), contract, changes)
        self._execute(contract, close.contracts, close.price, close.fee, at_ns, changes)
        self.settling.paid_out(close)
        changes.forced_closes[close.venue, close.venue_trade_id] = close
        paid, fee = [], close.fee
        for strategy, contracts in to_pay(self._strategies, name):
            self._attribute(strategy, contract, contracts, close.price, fee, at_ns, changes)
            units = contract.units(contracts, close.price)
            paid.append(Paid(strategy, units, close.price, fee))
            fee = ZERO
        self._copies.close(name, close.price, at_ns, changes)
        return paid

    def _stand(
        self,
        contract: Contract,
        before: Standing,
        after: Standing,
        void: SettlingStep,
        at_ns: int,
        changes: Changes,
    ) -> None:
        """Move every row from where it stands with a fill to where it stands without it."""
        name, settle = contract.instrument, contract.settle
        cash = after.account.realized_pnl - before.account.realized_pnl
        margin = after.account.margin - before.account.margin
        self.positions[name] = changes.margin_positions[name] = after.account
        self._balances.move(contract.venue, settle, cash, margin, at_ns, changes)
        fee_asset = void.fee_asset or settle
        self._balances.move(contract.venue, fee_asset, void.fee, ZERO, at_ns, changes)
        for key, was in before.positions.rows.items():
            blank = Position(strategy=was.strategy, instrument=name, symbol=was.symbol)
            now = after.positions.rows.get(key, blank)
            self._strategies.put_back(now, changes)
            self._budgets.move(
                was.strategy,
                settle,
                at_ns,
                changes,
                reserved=contract.margin(now.quantity, now.cost)
                - contract.margin(was.quantity, was.cost),
                realized=now.realized_pnl - was.realized_pnl,
                fees=now.fees - was.fees,
            )
        reopened = before.closed.keys() - after.closed.keys()
        for key_of_closed in reopened:
            changes.closed_positions.pop(key_of_closed, None)
        changes.closed_positions.update(after.closed)
        settlement = changes.of_settlement()
        settlement.reopened |= reopened
        settlement.reopened -= after.closed.keys()
        for subscription in before.copies:
            bare = CopyPosition(subscription=subscription, instrument=name)
            self._copies.put_back(after.copies.get(subscription, bare), changes)

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

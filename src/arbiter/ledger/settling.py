"""Fills that are matched and not final yet, and how the books stand without one that failed.

A market's rows are kept as they stood before its oldest fill that is not final, with every step
since (see `model/settling.py`). `Standing` takes the steps on copies of those rows, by the very
functions that booked them; what it gives with a step and without it differs by that step exactly.
"""

from collections import OrderedDict
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from arbiter.ledger.positions import Positions
from arbiter.model.changes import Changes
from arbiter.model.copying import CopyPosition, SubscriptionId, subscription_of
from arbiter.model.holdings import ClosedPosition
from arbiter.model.ids import InstrumentId, StrategyId, VenueId
from arbiter.model.image import LedgerImage
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill
from arbiter.model.perpetuals import Contract, ForcedClose, MarginPosition, executed
from arbiter.model.settling import SettledFill, Settling, SettlingStep

RESOLUTIONS_KEPT = 8
"""Of each market: a fill may be told that much later than it was made."""


class Paid(NamedTuple):
    """What an end that no order of ours made did to one strategy."""

    strategy: StrategyId
    units: Decimal
    """Signed base units."""
    price: Decimal
    fee: Decimal
    """In quote."""


class Standing:
    """Copies of a market's rows, to take steps on."""

    def __init__(self, row: Settling, contract: Contract) -> None:
        self._contract = contract
        self.account = row.account or MarginPosition(instrument=row.instrument)
        self.positions = Positions()
        self.positions.restore(row.positions)
        self.copies: dict[SubscriptionId, CopyPosition] = {
            copy.subscription: copy for copy in row.copies
        }
        self.paid: list[Paid] = []
        self._changes = Changes()
        for step in row.steps:
            self.take(step)

    @property
    def closed(self) -> dict[tuple[StrategyId, InstrumentId, int], ClosedPosition]:
        """Positions that the steps ended."""
        return self._changes.closed_positions

    def take(self, step: SettlingStep) -> None:
        if step.contracts and not step.payout:
            self.account = executed(
                self.account, self._contract, step.contracts, step.price, step.at_ns
            )
        if step.resolution:
            self._resolve(step)
        elif step.strategy is not None:
            self._book(step.strategy, step.contracts, step.price, step.fee, step.at_ns)
            if step.payout:
                self._note(step.strategy, step.contracts, step.price, ZERO)
            self._copy(step)

    def _resolve(self, step: SettlingStep) -> None:
        fee = step.fee
        for strategy, contracts in to_pay(self.positions, self._contract.instrument):
            self._book(strategy, contracts, step.price, fee, step.at_ns)
            self._note(strategy, contracts, step.price, fee)
            fee = ZERO
        for name, copy in self.copies.items():
            if copy.quantity:
                self.copies[name] = copy.traded(-copy.quantity, step.price, step.at_ns)

    def _book(
        self, strategy: StrategyId, contracts: Decimal, price: Decimal, fee: Decimal, at_ns: int
    ) -> None:
        unit = self._contract.unit_value(price)
        self.positions.margined(
            strategy, self._contract, contracts, unit, fee, at_ns, self._changes
        )

    def _note(self, strategy: StrategyId, contracts: Decimal, price: Decimal, fee: Decimal) -> None:
        units = self._contract.units(contracts, price)
        self.paid.append(Paid(strategy, units, price, fee))

    def _copy(self, step: SettlingStep) -> None:
        name = None if step.actor is None else subscription_of(step.actor)
        if name is None:
            return
        copy = self.copies.get(name) or CopyPosition(
            subscription=name, instrument=self._contract.instrument
        )
        units = self._contract.units(step.contracts, step.price)
        copy = copy.traded(units, step.price, step.at_ns)
        if not step.payout:
            copy = replace(copy, fees=copy.fees + step.fee, fills=copy.fills + 1)
        self.copies[name] = copy


def to_pay(positions: Positions, instrument: InstrumentId) -> list[tuple[StrategyId, Decimal]]:
    """Signed contracts that end what each strategy holds of a market, in a fixed order."""
    return sorted(
        (strategy, -row.quantity)
        for (strategy, name), row in positions.rows.items()
        if name == instrument and row.quantity
    )


class SettlingBooks:
    """Words are kept until `keys_kept` newer ones came; storage has them for ever."""

    def __init__(self, *, keys_kept: int) -> None:
        self._keys_kept = keys_kept
        self.rows: dict[InstrumentId, Settling] = {}
        self.settled: OrderedDict[tuple[VenueId, str], SettledFill] = OrderedDict()
        self.resolutions: dict[InstrumentId, tuple[ForcedClose, ...]] = {}
        """The newest of each market, oldest first."""

    def restore(self, image: LedgerImage) -> None:
        self.rows.update((row.instrument, row) for row in image.settling)
        for close in sorted(image.resolutions, key=lambda close: close.at_ns):
            self.paid_out(close)
        words = sorted(image.settled, key=lambda word: (word.at_ns, word.venue_trade_id))
        self.settled.update(((word.venue, word.venue_trade_id), word) for word in words)

    def unsettled(self, instrument: InstrumentId) -> bool:
        row = self.rows.get(instrument)
        return row is not None and row.unsettled

    def failed(self, venue: VenueId, venue_trade_id: str) -> bool:
        """Whether the fill was called void before it was ever told."""
        word = self.settled.get((venue, venue_trade_id))
        return word is not None and not word.ok

    def heard(self, word: SettledFill, changes: Changes) -> bool:
        """Keep a venue's last word; whether it was news."""
        key = (word.venue, word.venue_trade_id)
        if key in self.settled:
            return False
        self.settled[key] = changes.of_settlement().settled[key] = word
        if len(self.settled) > self._keys_kept:
            self.settled.popitem(last=False)
        return True

    def paid_out(self, close: ForcedClose) -> None:
        known = (*self.resolutions.get(close.instrument, ()), close)
        in_time = sorted(known, key=lambda close: close.at_ns)
        self.resolutions[close.instrument] = tuple(in_time[-RESOLUTIONS_KEPT:])

    def resolved(self, fill: Fill) -> ForcedClose | None:
        """The resolution that closed what this fill had brought, if there was one since."""
        for close in self.resolutions.get(fill.instrument, ()):
            if close.at_ns >= fill.at_ns:
                return close
        return None

    def keep(self, row: Settling, contract: Contract, changes: Changes) -> None:
        """Keep a row; what is final at its front becomes the standing the rest is counted from."""
        final = 0
        while final < len(row.steps) and row.steps[final].final:
            final += 1
        if final == len(row.steps):
            row = Settling(instrument=row.instrument)
        elif final:
            stands = Standing(replace(row, steps=row.steps[:final]), contract)
            row = replace(
                row,
                account=stands.account,
                positions=tuple(stands.positions.rows.values()),
                copies=tuple(stands.copies.values()),
                steps=row.steps[final:],
            )
        self.rows[row.instrument] = changes.of_settlement().settling[row.instrument] = row

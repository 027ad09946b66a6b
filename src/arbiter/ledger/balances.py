"""Balances: cash and coins per venue, as our own fills and transfers make them.

A buy adds its size in base and takes size × price in quote, a sell the reverse; the fee leaves the
balance of its own asset, and a rebate (negative fee) enters it.
"""

from decimal import Decimal

from arbiter.model.changes import Changes
from arbiter.model.errors import LedgerError
from arbiter.model.events import BalanceOpened, ExternalChange, Transferred
from arbiter.model.holdings import Balance
from arbiter.model.ids import Asset, VenueId
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Side


class Balances:
    def __init__(self) -> None:
        self.rows: dict[tuple[VenueId, Asset], Balance] = {}

    def free(self, venue: VenueId, asset: Asset) -> Decimal:
        row = self.rows.get((venue, asset))
        return ZERO if row is None else row.total - row.locked

    def open(self, event: BalanceOpened, changes: Changes) -> None:
        if (event.venue, event.asset) in self.rows:
            raise LedgerError(f"the balance of {event.asset} on {event.venue} is open already")
        _check_finite(event.total)
        self.move(event.venue, event.asset, event.total, ZERO, event.at_ns, changes)

    def change(self, event: ExternalChange, changes: Changes) -> None:
        _check_finite(event.delta)
        self.move(event.venue, event.asset, event.delta, ZERO, event.at_ns, changes)

    def transfer(self, event: Transferred, changes: Changes) -> None:
        _check_finite(event.amount)
        _check_finite(event.network_fee)
        if event.amount < ZERO or event.network_fee < ZERO:
            raise LedgerError(f"a transfer of {event.amount} {event.asset} runs backwards")
        out = -(event.amount + event.network_fee)
        self.move(event.source, event.asset, out, ZERO, event.at_ns, changes)
        self.move(event.target, event.asset, event.amount, ZERO, event.at_ns, changes)

    def fill(self, fill: Fill, base: Asset, quote: Asset, at_ns: int, changes: Changes) -> None:
        value = fill.size * fill.price
        if fill.side is Side.BUY:
            base_delta, quote_delta = fill.size, -value
        else:
            base_delta, quote_delta = -fill.size, value
        if fill.fee_asset == quote:
            quote_delta -= fill.fee
        elif fill.fee_asset == base:
            base_delta -= fill.fee
        elif fill.fee:
            self.move(fill.venue, Asset(fill.fee_asset), -fill.fee, ZERO, at_ns, changes)
        self.move(fill.venue, base, base_delta, ZERO, at_ns, changes)
        self.move(fill.venue, quote, quote_delta, ZERO, at_ns, changes)

    def move(
        self,
        venue: VenueId,
        asset: Asset,
        total: Decimal,
        locked: Decimal,
        at_ns: int,
        changes: Changes,
    ) -> None:
        """Add to what is held and to what is locked; an asset not seen before starts at zero."""
        key = (venue, asset)
        row = self.rows.get(key)
        if row is not None:
            total += row.total
            locked += row.locked
        self.rows[key] = changes.balances[key] = Balance(
            venue=venue, asset=asset, total=total, locked=locked, updated_ns=at_ns
        )


def _check_finite(amount: Decimal) -> None:
    if not amount.is_finite():
        raise LedgerError(f"{amount} is no amount of money")

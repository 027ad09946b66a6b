"""Balances: cash and coins per venue, as our own fills and transfers make them.

A buy adds its size in base and takes size × price in quote, a sell the reverse; the fee leaves the
balance of its own asset, and a rebate (negative fee) enters it.
"""

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from arbiter.model.changes import Changes
from arbiter.model.errors import LedgerError
from arbiter.model.events import BalanceOpened, ExternalChange, Transferred
from arbiter.model.holdings import Balance
from arbiter.model.ids import Asset, VenueId
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Side

# Looking a member up on its enum costs more than comparing with it.
_BUY = Side.BUY


class Balances:
    def __init__(self) -> None:
        self.rows: Final[dict[tuple[VenueId, Asset], Balance]] = {}

    def open(self, event: BalanceOpened, changes: Changes) -> None:
        if (event.venue, event.asset) in self.rows:
            raise LedgerError(f"the balance of {event.asset} on {event.venue} is open already")
        _check_finite(event.total)
        self._put_there(event.venue, event.asset, event.total, event.at_ns, changes)

    def change(self, event: ExternalChange, changes: Changes) -> None:
        _check_finite(event.delta)
        self._put_there(event.venue, event.asset, event.delta, event.at_ns, changes)

    def transfer(self, event: Transferred, changes: Changes) -> None:
        _check_finite(event.amount)
        _check_finite(event.network_fee)
        if event.amount < ZERO or event.network_fee < ZERO:
            raise LedgerError(f"a transfer of {event.amount} {event.asset} runs backwards")
        out = -(event.amount + event.network_fee)
        self._put_there(event.source, event.asset, out, event.at_ns, changes)
        self._put_there(event.target, event.asset, event.amount, event.at_ns, changes)

    def fill(
        self,
        fill: Fill,
        base: Asset,
        quote: Asset,
        lock_asset: Asset | None,
        lock: Decimal,
        at_ns: int,
        changes: Changes,
    ) -> None:
        """Book an execution; `lock` is the change of what its order holds of `lock_asset`."""
        value = fill.size * fill.price
        venue = fill.venue
        if fill.side is _BUY:
            base_delta, quote_delta = fill.size, -value
        else:
            base_delta, quote_delta = -fill.size, value
        if fill.fee_asset == quote:
            quote_delta -= fill.fee
        elif fill.fee_asset == base:
            base_delta -= fill.fee
        elif fill.fee:
            self.move(venue, Asset(fill.fee_asset), -fill.fee, ZERO, at_ns, changes)
        base_lock = lock if lock_asset == base else ZERO
        quote_lock = lock if lock_asset == quote else ZERO
        if lock and lock_asset is not None and lock_asset not in (base, quote):
            self.move(venue, lock_asset, ZERO, lock, at_ns, changes)
        self.move(venue, base, base_delta, base_lock, at_ns, changes)
        self.move(venue, quote, quote_delta, quote_lock, at_ns, changes)

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
        row = self.rows.get(key) or Balance(venue=venue, asset=asset)
        self.rows[key] = changes.balances[key] = Balance(
            venue=venue,
            asset=asset,
            total=row.total + total,
            locked=row.locked + locked,
            baseline=row.baseline,
            updated_ns=at_ns,
        )

    def _put_there(
        self, venue: VenueId, asset: Asset, amount: Decimal, at_ns: int, changes: Changes
    ) -> None:
        """Add what no trade of ours moved: it shifts the baseline as well."""
        self.move(venue, asset, amount, ZERO, at_ns, changes)
        key = (venue, asset)
        row = self.rows[key]
        self.rows[key] = changes.balances[key] = replace(row, baseline=row.baseline + amount)


def _check_finite(amount: Decimal) -> None:
    if not amount.is_finite():
        raise LedgerError(f"{amount} is no amount of money")

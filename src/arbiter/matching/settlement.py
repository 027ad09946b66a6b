"""How an execution changes the account, per kind of instrument.

Spot exchanges base for quote. Perpetuals move cash, margin and positions instead: see `margin`.
"""

from decimal import Decimal

from arbiter.matching.accounts import Account
from arbiter.model.ids import Asset
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill, Side

# Looking a member up on its enum costs more than comparing with it.
_BUY = Side.BUY


def settle_spot(account: Account, instrument: Instrument, fill: Fill) -> None:
    """Book both assets and the fee; what comes in is booked before what goes out."""
    value: Decimal = instrument.notional(fill.size, fill.price)
    if fill.side is _BUY:
        account.move(instrument.base, fill.size)
        account.move(instrument.quote, -value)
    else:
        account.move(instrument.quote, value)
        account.move(instrument.base, -fill.size)
    account.move(Asset(fill.fee_asset), -fill.fee)

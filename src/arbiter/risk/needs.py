"""What a leg needs before it may be sent: a lock at its venue and a share of the budget."""

from decimal import Decimal

import msgspec

from arbiter.model import binaries
from arbiter.model.binaries import order_cost
from arbiter.model.ids import Asset
from arbiter.model.instruments import FeeCharge, Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO, quotient
from arbiter.model.orders import Side
from arbiter.model.plans import Leg

# Looking a member up on its enum costs more than comparing with it.
_SELL, _IN_QUOTE, _INVERSE = Side.SELL, FeeCharge.QUOTE, InstrumentKind.INVERSE
_BINARY = InstrumentKind.BINARY
_MARGINED = (InstrumentKind.LINEAR, _INVERSE)

Amount = tuple[Asset, Decimal]
"""So much of one asset."""


class Need(msgspec.Struct, frozen=True, gc=False):
    lock: Amount
    """Taken from what is free at the leg's venue until the order ends."""
    reserve: Amount
    """Taken from the strategy's budget in this currency; zero where none is needed."""


def worst_price(
    instrument: Instrument,
    side: Side,
    limit: Decimal | None,
    planned: Decimal,
    market_slippage: Decimal,
) -> Decimal:
    """Give the price at which an order takes the most, `planned` being what is expected.

    A market order's is the far touch × (1 + slippage), or × (1 − slippage) where the lower price takes
    more: of binary contracts sold and of inverse ones. A limit order executes at its limit or better: sold above its limit, anything
    but a binary contract is worth more, and an inverse contract bought below it takes more margin.
    """
    if limit is None:
        if instrument.kind is _INVERSE or (instrument.kind is _BINARY and side is _SELL):
            return planned * (ONE - market_slippage)
        return planned * (ONE + market_slippage)
    if instrument.kind is _BINARY:
        return limit
    return min(limit, planned) if instrument.kind is _INVERSE else max(limit, planned)


def need_of(
    leg: Leg, instrument: Instrument, price: Decimal, value: Decimal, leverage: Decimal = ONE
) -> Need:
    """Work out what a leg needs at its worst price, where it is worth `value` in quote.

    Where a venue's asset is bought or sold, a buy pays size × price and reserves that with the
    taker fee; a sell gives up the asset itself, which was paid for before, and needs no budget.
    Perpetuals are margined on either side, in the settlement currency: value / leverage and fee.
    Binary contracts are paid for in full on either side, YES at the price, NO at what it leaves to 1.
    """
    if instrument.kind is _BINARY:
        cost = leg.size * order_cost(instrument, leg.side, min(price, ONE))
        return Need((instrument.settle, cost), (instrument.settle, cost))
    if instrument.kind in _MARGINED:
        return _margin(instrument, price, value, leverage)
    if leg.side is _SELL:
        return Need((instrument.base, leg.size), (instrument.quote, ZERO))
    fee = instrument.taker_fee
    with_fee = value + value * fee if fee > ZERO else value  # a rebate is never counted on
    locked = with_fee if instrument.fee_charge is _IN_QUOTE else value
    return Need((instrument.quote, locked), (instrument.quote, with_fee))


def stake(instrument: Instrument, side: Side, size: Decimal, price: Decimal) -> Decimal:
    """Give what a leg puts at stake, in quote: of binary contracts what they cost, not the price."""
    if instrument.kind is _BINARY:
        return size * instrument.contract_size * binaries.cost(side, min(price, ONE))
    return instrument.notional(size, price)


def _margin(instrument: Instrument, price: Decimal, value: Decimal, leverage: Decimal) -> Need:
    if instrument.kind is _INVERSE:
        value = quotient(value, price)
    margin = value if leverage == ONE else quotient(value, leverage)
    with_fee = margin + value * max(instrument.taker_fee, ZERO)
    return Need((instrument.settle, with_fee), (instrument.settle, with_fee))

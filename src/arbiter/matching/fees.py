"""What a venue charges for one execution, and in which asset."""

from collections.abc import Callable
from decimal import Decimal

from arbiter.model.binaries import cost
from arbiter.model.ids import Asset
from arbiter.model.instruments import FeeCharge, Instrument
from arbiter.model.money import ONE, ZERO, quotient
from arbiter.model.orders import Liquidity, Side
from arbiter.model.perpetuals import contract_of, is_perpetual

# Looking a member up on its enum costs more than comparing with it.
_BUY, _SELL = Side.BUY, Side.SELL
_MAKER = Liquidity.MAKER
_THIRD, _RECEIVED, _QUOTE = FeeCharge.THIRD, FeeCharge.RECEIVED, FeeCharge.QUOTE

Valuation = Callable[[Asset, Asset], Decimal | None]
"""Price of the first asset in units of the second at this venue, None where it is not quoted."""


def fee_rate(instrument: Instrument, liquidity: Liquidity) -> Decimal:
    return instrument.maker_fee if liquidity is _MAKER else instrument.taker_fee


def charge(
    instrument: Instrument,
    side: Side,
    size: Decimal,
    price: Decimal,
    liquidity: Liquidity,
    free: Callable[[Asset], Decimal],
    value: Valuation,
) -> tuple[Decimal, Asset]:
    """Give (amount, asset); a negative amount is a rebate.

    A fee in a third asset that the account cannot pay, or that has no price here, is taken from
    what the order receives instead, as the venues do.
    """
    rate = fee_rate(instrument, liquidity)
    if is_perpetual(instrument):
        return size * contract_of(instrument, ONE).unit_value(price) * rate, instrument.settle
    notional = instrument.notional(size, price)
    if instrument.fee_charge is _THIRD:
        asset = instrument.fee_asset
        assert asset is not None, "the instrument checks it"
        unit = value(asset, instrument.quote)
        if unit is not None and unit > ZERO:
            amount = quotient(notional * rate, unit)
            if amount <= free(asset):
                return amount, asset
        return _from_received(instrument, side, size, notional, rate)
    if instrument.fee_charge is _RECEIVED:
        return _from_received(instrument, side, size, notional, rate)
    return notional * rate, instrument.quote


def event_units(
    instrument: Instrument, side: Side, size: Decimal, price: Decimal, liquidity: Liquidity
) -> Decimal:
    """Give what a fill of binary contracts owes before its order's fee is rounded."""
    paid = cost(side, price)
    payouts = size * instrument.contract_size
    if instrument.event_fee is None or liquidity is _MAKER:
        return payouts * paid * fee_rate(instrument, liquidity)
    return payouts * instrument.event_fee.unit(paid)


def event_charge(instrument: Instrument, before: Decimal, owed: Decimal) -> tuple[Decimal, Decimal]:
    """Give a fill's fee and what the order owes by then: fees are rounded up once per order."""
    after = before + owed
    fee = instrument.event_fee
    return (after - before if fee is None else fee.rounded(after) - fee.rounded(before)), after


def lock_rate(instrument: Instrument, side: Side, price: Decimal) -> tuple[Decimal, Asset]:
    """Give what one unit of size must lock, with the worst fee where it comes on top."""
    if side is _SELL:
        return ONE, instrument.base
    unit = instrument.notional(ONE, price)
    if instrument.fee_charge is _QUOTE:
        worst = max(instrument.maker_fee, instrument.taker_fee, ZERO)
        unit += unit * worst
    return unit, instrument.quote


def _from_received(
    instrument: Instrument, side: Side, size: Decimal, notional: Decimal, rate: Decimal
) -> tuple[Decimal, Asset]:
    if side is _BUY:
        return size * rate, instrument.base
    return notional * rate, instrument.quote

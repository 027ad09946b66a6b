"""Binary contracts: what one costs on either side, and what an order for one has to set aside.

Selling YES at p is buying NO at 1 − p: the seller pays 1 − p per contract and may get 1 for it.
"""

from decimal import Decimal

from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, quotient
from arbiter.model.orders import Side


def cost(side: Side, price: Decimal) -> Decimal:
    """Collateral per payout of 1, with `price` that of YES."""
    return price if side is Side.BUY else ONE - price


def order_cost(instrument: Instrument, side: Side, price: Decimal) -> Decimal:
    """What one contract of an opening order may take at most: its collateral and the worst fee.

    A fee that is rounded up per order counts with its share of that step in the smallest order.
    """
    most = cost(side, price)
    worst = max(instrument.maker_fee, ZERO) * most
    fee = instrument.event_fee
    if fee is None:
        worst = max(worst, instrument.taker_fee * most)
    else:
        taker = fee.rounded(fee.worst_unit(ZERO, most))
        if fee.step and instrument.lot % ONE:
            taker += quotient(fee.step, min(ONE, max(instrument.min_size, instrument.lot)))
        worst = max(worst, taker)
    return (most + worst) * instrument.contract_size

"""PnL of a trade from its fills alone, and what it leaves behind.

With b bought for S (``spent``), s sold for R (``received``), fees worth F, of which V stands for f
units of base::

    m        = min(b, s)                               matched
    S_m, R_m = S·m/b, R·m/s                            value of the matched part on either side
    pnl      = R_m − S_m − F                           = m × (avg sell − avg buy) − fees
    residual = b − s − f                               units left over: > 0 held, < 0 taken
    cost     = (S − S_m) − (R − R_m) − V               what they are carried at, in quote

Nothing is made or lost by the division. The trade's cash in quote is C = R − S − Q, with Q the fees
taken in quote; fees in third assets are worth T, so F = Q + V + T. Then

    C + cost − T = R − S − Q + S − S_m − R + R_m − V − T = R_m − S_m − F = pnl

term by term, whatever S_m was rounded to: unmatched value is what matching left over, never a second
quotient. Only one side can be unmatched, so only one quotient is taken (none when b = s). Base paid
as a fee is charged to the trade at its fill's price and carried as a shortage at that same cost;
buying it back later realizes only the change of price.
"""

from decimal import Decimal

import msgspec

from arbiter.model.money import ZERO, quotient
from arbiter.model.trades import Trade


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """A trade's account; `matched` and `residual` in base units, the rest in quote."""

    matched: Decimal
    matched_spent: Decimal
    matched_received: Decimal
    pnl: Decimal
    residual: Decimal
    residual_cost: Decimal


NOTHING = Settlement(ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)


def settle(trade: Trade) -> Settlement:
    """Account for everything the trade has filled so far; see the module for the formulas."""
    matched = min(trade.bought, trade.sold)
    spent = _part(trade.spent, matched, trade.bought)
    received = _part(trade.received, matched, trade.sold)
    return Settlement(
        matched=matched,
        matched_spent=spent,
        matched_received=received,
        pnl=received - spent - trade.fees_quote,
        residual=trade.residual,
        residual_cost=(trade.spent - spent) - (trade.received - received) - trade.base_fees_value,
    )


def _part(value: Decimal, matched: Decimal, whole: Decimal) -> Decimal:
    if matched == whole:
        return value
    return quotient(value * matched, whole) if matched else ZERO

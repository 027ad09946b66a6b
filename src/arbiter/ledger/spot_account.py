"""A spot trade's account as the spot API tells it: planned is gross, actual is net of fees.

With q the base units matched and averages over all fills of the trade, unwinds included::

    planned_profit = (planned_sell − planned_buy) × planned quantity
    actual_profit  = (actual_sell − actual_buy) × q − fees
    slippage       = ((actual_buy − planned_buy) + (planned_sell − actual_sell)) × q    adverse > 0

Money is computed from sums, not from rounded averages.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

import msgspec

from arbiter.ledger.pnl import Settlement, settle
from arbiter.model.ids import ClientOrderId, VenueId
from arbiter.model.money import ZERO, quotient
from arbiter.model.orders import Order, Side
from arbiter.model.time import NS_PER_MS
from arbiter.model.trades import PlannedLeg, Trade, TradeState

# Looking a member up on its enum costs more than comparing with it.
_BUY = Side.BUY


class SpotStatus(StrEnum):
    PENDING = "pending"
    PARTIALLY_FILLED = "partially_filled"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


_ENDED = {
    TradeState.COMPLETED: SpotStatus.COMPLETED,
    TradeState.ABANDONED: SpotStatus.CANCELLED,
    TradeState.FAILED: SpotStatus.FAILED,
    TradeState.UNWOUND: SpotStatus.FAILED,
}


class SpotAccount(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Money in quote, prices in quote per base, quantity in base.

    Actual figures are None until there is something to tell: prices until the first fill of their
    side, profit, slippage and time until the trade is over.
    """

    quantity: Decimal
    """Planned: the larger leg."""
    planned_buy_price: Decimal | None
    planned_sell_price: Decimal | None
    actual_buy_price: Decimal | None
    actual_sell_price: Decimal | None
    planned_profit: Decimal
    actual_profit: Decimal | None
    gross_profit: Decimal | None
    """actual_profit before fees."""
    fees_paid: Decimal
    slippage: Decimal | None
    execution_time_ms: int | None
    status: SpotStatus
    buy_venue: VenueId | None
    sell_venue: VenueId | None
    buy_order: ClientOrderId | None
    sell_order: ClientOrderId | None

    @property
    def successful(self) -> bool:
        """Completed with something earned after fees."""
        return (
            self.status is SpotStatus.COMPLETED
            and self.actual_profit is not None
            and self.actual_profit > ZERO
        )


class SpotSummary(msgspec.Struct, frozen=True, gc=False):
    """A line of a listing: of an account what needs no orders and no averages."""

    quantity: Decimal
    planned_profit: Decimal
    actual_profit: Decimal | None
    fees_paid: Decimal
    status: SpotStatus
    buy: PlannedLeg | None
    sell: PlannedLeg | None


def spot_summary(trade: Trade) -> SpotSummary:
    """Account for a trade as `spot_account` does, in a fraction of the time."""
    buy, sell, quantity = _planned(trade)
    return SpotSummary(
        quantity,
        _planned_profit(buy, sell),
        settle(trade).pnl if trade.state.terminal else None,
        trade.fees_quote,
        spot_status(trade),
        buy,
        sell,
    )


def spot_account(trade: Trade, orders: Iterable[Order]) -> SpotAccount:
    """Account for a trade; `orders` are the trade's own, in any order."""
    venues = {order.client_order_id: order.venue for order in orders}
    buy, sell, quantity = _planned(trade)
    account = settle(trade)
    over = trade.state.terminal
    return SpotAccount(
        quantity=quantity,
        planned_buy_price=None if buy is None else buy.planned_price,
        planned_sell_price=None if sell is None else sell.planned_price,
        actual_buy_price=quotient(trade.spent, trade.bought) if trade.bought else None,
        actual_sell_price=quotient(trade.received, trade.sold) if trade.sold else None,
        planned_profit=_planned_profit(buy, sell),
        actual_profit=account.pnl if over else None,
        gross_profit=account.pnl + trade.fees_quote if over else None,
        fees_paid=trade.fees_quote,
        slippage=_slippage(account, buy, sell) if over else None,
        execution_time_ms=(
            None
            if trade.completed_ns is None
            else (trade.completed_ns - trade.started_ns) // NS_PER_MS
        ),
        status=spot_status(trade),
        buy_venue=None if buy is None else venues.get(buy.order),
        sell_venue=None if sell is None else venues.get(sell.order),
        buy_order=None if buy is None else buy.order,
        sell_order=None if sell is None else sell.order,
    )


def spot_status(trade: Trade) -> SpotStatus:
    """Say how a trade stands in the spot API's words; an unwound one has failed."""
    status = _ENDED.get(trade.state)
    if status is None:
        filled = trade.bought or trade.sold
        return SpotStatus.PARTIALLY_FILLED if filled else SpotStatus.PENDING
    return status


def _planned(trade: Trade) -> tuple[PlannedLeg | None, PlannedLeg | None, Decimal]:
    """Give the leg that buys, the one that sells, and the size of the larger leg."""
    buy = sell = None
    quantity = ZERO
    for leg in trade.legs:
        if leg.side is _BUY:
            buy = buy or leg
        else:
            sell = sell or leg
        quantity = max(quantity, leg.size)
    return buy, sell, quantity


def _planned_profit(buy: PlannedLeg | None, sell: PlannedLeg | None) -> Decimal:
    if buy is None or sell is None:
        return ZERO
    return (sell.planned_price - buy.planned_price) * min(buy.size, sell.size)


def _slippage(account: Settlement, buy: PlannedLeg | None, sell: PlannedLeg | None) -> Decimal:
    if buy is None or sell is None:
        return ZERO
    paid_more = account.matched_spent - buy.planned_price * account.matched
    got_less = sell.planned_price * account.matched - account.matched_received
    return paid_more + got_less

"""Trades in memory: the open ones, the recently closed, and the sums of their accounts."""

from collections import OrderedDict
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from arbiter.model.errors import LedgerError
from arbiter.model.ids import Asset, TradeId
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Side
from arbiter.model.trades import Trade

# Looking a member up on its enum costs more than comparing with it.
_BUY = Side.BUY


class Trades:
    def __init__(self) -> None:
        self.open: Final[dict[TradeId, Trade]] = {}
        self.closed: Final[OrderedDict[TradeId, Trade]] = OrderedDict()
        """Oldest end first; kept for late reports, bounded by the ledger. A plain dict would walk
        over the places of what left at its front."""
        self.exposure = ZERO
        """Σ planned notional of open trades, in quote."""

    def get(self, trade_id: TradeId) -> Trade:
        trade = self.open.get(trade_id) or self.closed.get(trade_id)
        if trade is None:
            raise LedgerError(f"no trade {trade_id} in the ledger")
        return trade

    def __contains__(self, trade_id: TradeId) -> bool:
        return trade_id in self.open or trade_id in self.closed

    def put(self, trade: Trade) -> None:
        """Keep the newest record; a terminal one leaves the open trades."""
        key, open_ones = trade.id, self.open
        if not trade.state.terminal:
            known = len(open_ones)
            open_ones[key] = trade
            if len(open_ones) > known:
                self.closed.pop(key, None)
                self.exposure += planned_notional(trade)
            return
        if open_ones.pop(key, None) is not None:
            self.exposure -= planned_notional(trade)
        self.closed[key] = trade


def planned_notional(trade: Trade) -> Decimal:
    """Give the larger side of the plan at its planned prices: legs of one trade hedge each other."""
    bought = sold = ZERO
    for leg in trade.legs:
        value = leg.size * leg.planned_price
        if leg.side is _BUY:
            bought += value
        else:
            sold += value
    return max(bought, sold)


def fee_value(fill: Fill, base: Asset, quote: Asset, told: Decimal | None) -> Decimal | None:
    """Value a fee in quote: as it is, at the fill's price, or as `told`; None when nobody knows."""
    if fill.fee_asset == quote or not fill.fee:
        return fill.fee
    if fill.fee_asset == base:
        return fill.fee * fill.price
    return told


def with_fill(trade: Trade, fill: Fill, base: Asset, fee: Decimal) -> Trade:
    """Add one execution to the account; `fee` is its fee in quote."""
    value = fill.size * fill.price
    in_base = fill.fee_asset == base
    base_fees = trade.base_fees + fill.fee if in_base else trade.base_fees
    base_fees_value = trade.base_fees_value + fee if in_base else trade.base_fees_value
    fees = trade.fees_quote + fee
    if fill.side is _BUY:
        return replace(
            trade,
            bought=trade.bought + fill.size,
            spent=trade.spent + value,
            fees_quote=fees,
            base_fees=base_fees,
            base_fees_value=base_fees_value,
        )
    return replace(
        trade,
        sold=trade.sold + fill.size,
        received=trade.received + value,
        fees_quote=fees,
        base_fees=base_fees,
        base_fees_value=base_fees_value,
    )


def with_execution(trade: Trade, side: Side, units: Decimal, price: Decimal, fee: Decimal) -> Trade:
    """Add an execution of a perpetual: base units it stands for, its price, its fee in quote."""
    value = units * price
    fees = trade.fees_quote + fee
    if side is _BUY:
        return replace(
            trade, bought=trade.bought + units, spent=trade.spent + value, fees_quote=fees
        )
    return replace(trade, sold=trade.sold + units, received=trade.received + value, fees_quote=fees)

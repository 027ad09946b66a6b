"""From the rows storage keeps to a ledger's memory, in an order that does not depend on theirs."""

from collections.abc import Iterable

from msgspec.structs import replace

from arbiter.model.holdings import TradingDay
from arbiter.model.ids import ClientOrderId, TradeId
from arbiter.model.image import LedgerImage
from arbiter.model.money import ZERO
from arbiter.model.orders import Order
from arbiter.model.trades import Trade


def trades_in_order(image: LedgerImage) -> list[Trade]:
    """Open trades by sequence, closed ones by their end."""
    return sorted(image.trades, key=lambda trade: (trade.completed_ns or 0, trade.seq))


def orders_by_trade(image: LedgerImage) -> dict[TradeId, list[Order]]:
    """Group orders as they were added: by time, the legs of one moment in the plan's order."""
    leg_rank = {leg.order: rank for trade in image.trades for rank, leg in enumerate(trade.legs)}

    def rank(order: Order) -> tuple[int, int, ClientOrderId]:
        return order.created_ns, leg_rank.get(order.client_order_id, 99), order.client_order_id

    grouped: dict[TradeId, list[Order]] = {}
    for order in sorted(image.orders, key=rank):
        grouped.setdefault(order.trade_id, []).append(_with_holds(order, image))
    return grouped


def days(image: LedgerImage) -> Iterable[TradingDay]:
    """Give the trading days, made from the bare sums where no day was stored."""
    if image.days or not (image.cumulative_pnl or image.peak_pnl or image.pnl_today):
        return image.days
    return (
        TradingDay(
            day_ns=image.pnl_day_ns,
            realized=image.pnl_today,
            cumulative=image.cumulative_pnl,
            peak=image.peak_pnl,
        ),
    )


def _with_holds(order: Order, image: LedgerImage) -> Order:
    """Take holds from the journal's figures where the order's own row has none."""
    if order.lock_asset is not None or order.reserve_asset is not None:
        return order
    lock_asset, lock = image.locks.get(order.client_order_id, (None, ZERO))
    reserve_asset, reserve = image.reserve.get(order.client_order_id, (None, ZERO))
    if lock_asset is None and reserve_asset is None:
        return order
    return replace(
        order,
        lock_asset=lock_asset,
        lock=lock,
        reserve_asset=reserve_asset,
        reserve=reserve,
    )

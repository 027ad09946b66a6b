"""From the rows storage keeps to a ledger's memory, in an order that does not depend on theirs."""

from arbiter.model.ids import ClientOrderId, TradeId
from arbiter.model.image import LedgerImage
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
        grouped.setdefault(order.trade_id, []).append(order)
    return grouped

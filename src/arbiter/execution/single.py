"""The state machine of a trade with one leg: a market order, or a limit that may rest.

    PLANNED ──► WORKING ──► COMPLETED      (something was filled and nothing works any more)
       │           └──► FAILED             (nothing was filled)
       └──► ABANDONED                      (refused again before sending)

A limit that is good till cancelled rests as long as its venue says it does: it has no deadline of
ours. A market order takes what is displayed; what a thin book left over follows in further orders,
within the slippage allowed. As in `two_leg`, every decision is made from state alone.
"""

from collections.abc import Sequence

import msgspec

from arbiter.execution.effects import (
    Abandon,
    AddOrder,
    Advance,
    WakeAt,
)
from arbiter.execution.settings import ExecutionSettings
from arbiter.execution.under_way import (
    Progress,
    Step,
    Stimulus,
    begin,
    fruitless,
    pause_ns,
    send,
    wait,
)
from arbiter.execution.ways_out import MarketView
from arbiter.model.money import ONE, ZERO, plain
from arbiter.model.orders import Order, OrderStatus, OrderType, Side, TimeInForce
from arbiter.model.plans import Family
from arbiter.model.trades import Trade, TradeState

_SHOWN = frozenset({OrderStatus.WORKING, OrderStatus.PARTIALLY_FILLED})
_ORDERED = frozenset({Family.AGENTS, Family.MANUAL, Family.COPY})


def is_single(trade: Trade) -> bool:
    """Whether this machine runs the trade: one leg, wanted for itself."""
    return len(trade.legs) == 1 and trade.family in _ORDERED


def rests(order: Order) -> bool:
    """Whether an order stands in its venue's book, acknowledged, until somebody comes."""
    return (
        order.status in _SHOWN
        and order.type is OrderType.LIMIT
        and order.time_in_force is TimeInForce.GTC
        and order.venue_order_id is not None
        and order.unknown_since_ns is None
    )


def step(
    progress: Progress,
    trade: Trade,
    orders: Sequence[Order],
    stimulus: Stimulus,
    now_ns: int,
    settings: ExecutionSettings,
    market: MarketView,
    *,
    reason: str = "",
    halted: bool = False,
) -> Step:
    """Decide what to do about a trade now; `halted` forbids orders that would open more."""
    if trade.state.terminal:
        return progress, ()
    if trade.state is TradeState.PLANNED:
        return begin(progress, orders, orders, stimulus, now_ns, settings, reason)
    if progress.began_ns is None:
        progress = msgspec.structs.replace(progress, began_ns=now_ns)
    working = [order for order in orders if order.open]
    if not working:
        return _settle(progress, trade, orders, now_ns, settings, market, halted)
    if any(order.status is OrderStatus.CREATED for order in working):
        return progress, ()  # it waits for its own commit: `send_added`
    asked = [order for order in working if not rests(order)]
    if not asked:
        return progress, ()
    return wait(progress, asked, stimulus, now_ns, settings, spare=TimeInForce.GTC)


def send_added(
    progress: Progress, order: Order, now_ns: int, settings: ExecutionSettings, *, halted: bool
) -> Step:
    """Send what `AddOrder` asked for, once its intent is durable."""
    if order.status is not OrderStatus.CREATED:
        return progress, ()
    if halted and not order.reduce_only:
        return progress, (Abandon(order.client_order_id, "trading was stopped"), WakeAt(now_ns))
    return send(progress, [order.client_order_id], now_ns, settings)


def _settle(
    progress: Progress,
    trade: Trade,
    orders: Sequence[Order],
    now_ns: int,
    settings: ExecutionSettings,
    market: MarketView,
    halted: bool,
) -> Step:
    """Nothing works any more: go on with what a market order has left over, or close."""
    why = _why_over(trade, orders, settings, halted)
    if why is not None:
        return progress, (_ending(orders, why),)
    first, last = orders[0], orders[-1]
    instrument = market.instrument(first.instrument)
    left = trade.legs[0].size - sum((order.filled_size for order in orders), ZERO)
    size = instrument.floor_size(left)
    if instrument.size_problem(size, first.planned_price) is not None:
        return progress, (_ending(orders, f"{plain(left)} left over are too small for an order"),)
    if not last.filled_size and now_ns < progress.next_try_ns:
        return progress, (WakeAt(progress.next_try_ns),)
    touch = market.touch(first.instrument, first.side)
    slip = settings.unwind_slippage_bps * ONE / 10_000 * first.side.sign
    bound = first.planned_price * (ONE + slip)
    if touch is None or (touch > bound if first.side is Side.BUY else touch < bound):
        shown = "nothing" if touch is None else plain(touch)
        return progress, (_ending(orders, f"{instrument.id} shows {shown}, bound {plain(bound)}"),)
    progress = msgspec.structs.replace(
        progress, next_try_ns=now_ns + pause_ns(fruitless(orders), settings)
    )
    return progress, (
        AddOrder(
            role=first.leg,
            attempt=1 + len(orders),
            instrument=first.instrument,
            side=first.side,
            type=OrderType.MARKET,
            size=size,
            price=None,
            planned_price=touch,
            reduce_only=first.reduce_only,
            reason=f"{plain(left)} of {plain(trade.legs[0].size)} are left",
        ),
    )


def _why_over(
    trade: Trade, orders: Sequence[Order], settings: ExecutionSettings, halted: bool
) -> str | None:
    """Say why nothing more is sent; None for a market order that a thin book cut short."""
    last = orders[-1]
    done = sum((order.filled_size for order in orders), ZERO) >= trade.legs[0].size
    if done or last.type is not OrderType.MARKET or last.status is not OrderStatus.EXPIRED:
        return last.reason or ""
    if halted and not last.reduce_only:
        return "trading was stopped"
    if fruitless(orders) >= settings.unwind_attempts:
        return f"{fruitless(orders)} orders in a row filled nothing"
    return None


def _ending(orders: Sequence[Order], why: str) -> Advance:
    filled = any(order.filled_size for order in orders)
    return Advance(TradeState.COMPLETED if filled else TradeState.FAILED, why)

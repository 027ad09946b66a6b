"""The two-leg state machine: buy here, sell there, and never be left with one.

    PLANNED ──► WORKING ──► COMPLETED          (matched: as planned, or by a chase)
       │           ├──► UNWINDING ──► UNWOUND
       │           ├──► FAILED                 (nothing filled)
       │           └──► HELD ──► …             (past its time: a person is called, work goes on)
       └──► ABANDONED                          (edge gone before sending)

`step` decides from state alone (the trade's account and its orders as the ledger has them), not
from the event that woke it: calling it twice, late, or after a restart gives the same decision.
An order without its last word from the venue keeps the trade where it is. A closed trade that gets
a late fill is open again by the time it comes here, and is closed or mended like any other.
"""

from collections.abc import Sequence

import msgspec

from arbiter.execution.effects import (
    Abandon,
    AddOrder,
    Advance,
    Alert,
    Effect,
    WakeAt,
)
from arbiter.execution.settings import ExecutionSettings, LegOrder, LoneLeg
from arbiter.execution.under_way import Progress, Step, Stimulus, begin, pause_ns, send, wait
from arbiter.execution.ways_out import CHASE, UNWIND, MarketView, Way, excess, fruitless, outlook
from arbiter.model.money import ZERO, plain
from arbiter.model.orders import Order, OrderStatus, OrderType, Side
from arbiter.model.time import NS_PER_MS
from arbiter.model.trades import Trade, TradeState

# Looking a member up on its enum costs more than comparing with it.
_PLANNED, _HELD = TradeState.PLANNED, TradeState.HELD
_CREATED = OrderStatus.CREATED

_RECALLED = 51
"""First attempt of a trade that was recalled without all of its orders: an id is never reused."""


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
) -> Step:
    """Decide what to do about a trade now. `orders` are all orders the trade ever had."""
    if trade.state.terminal:
        return progress, ()
    if trade.state is _PLANNED:
        legs = orders[:1] if settings.leg_order is LegOrder.SEQUENTIAL else orders
        return begin(progress, orders, legs, stimulus, now_ns, settings, reason)
    if progress.began_ns is None:
        progress = msgspec.structs.replace(progress, began_ns=now_ns)
    decided = _go_on(progress, trade, orders, stimulus, now_ns, settings, market)
    return _watch_the_clock(decided, trade, orders, stimulus, now_ns, settings)


def send_added(
    progress: Progress,
    trade: Trade,
    order: Order,
    now_ns: int,
    settings: ExecutionSettings,
) -> Step:
    """Send an order that `AddOrder` asked for, once its intent is durable and if still needed.

    Reports may have come in while the intent was being written: an order that would now trade
    more than stands alone is dropped, and the next look decides anew.
    """
    if order.status is not _CREATED:
        return progress, ()
    over = excess(trade)
    side = Side.SELL if over > ZERO else Side.BUY
    if over and order.side is side and order.size <= abs(over):
        return send(progress, [order.client_order_id], now_ns, settings)
    why = f"{plain(abs(over))} stand alone by now, not {plain(order.size)}"
    return progress, (Abandon(order.client_order_id, why), WakeAt(now_ns))


def in_flight(progress: Progress, order: Order, now_ns: int, settings: ExecutionSettings) -> bool:
    """Whether the request may still be on its way, so that a venue cannot know of it yet."""
    sent = progress.sent_ns.get(order.client_order_id)
    return sent is not None and now_ns - sent < settings.absent_after_ms * NS_PER_MS


def _go_on(
    progress: Progress,
    trade: Trade,
    orders: Sequence[Order],
    stimulus: Stimulus,
    now_ns: int,
    settings: ExecutionSettings,
    market: MarketView,
) -> Step:
    waiting = [o for o in orders if not o.status.terminal and o.status is not _CREATED]
    if waiting:
        return wait(progress, waiting, stimulus, now_ns, settings)
    unsent = [order for order in orders if order.status is _CREATED]
    if unsent:
        planned = {leg.order for leg in trade.legs}
        if any(order.client_order_id not in planned for order in unsent):
            return progress, ()  # an added order waits for its own commit: `send_added`
        return _second_leg(progress, trade, orders, unsent[0], now_ns, settings, market)
    return _settle(progress, trade, orders, now_ns, settings, market)


def _second_leg(
    progress: Progress,
    trade: Trade,
    orders: Sequence[Order],
    second: Order,
    now_ns: int,
    settings: ExecutionSettings,
    market: MarketView,
) -> Step:
    """Send the second leg, sized to what the first one filled, net of fees taken in base."""
    key = second.client_order_id
    instrument = market.instrument(second.instrument)
    over = excess(trade)
    size = instrument.floor_size(abs(over))
    if not over:
        why = _refusals(orders) or "the first leg filled nothing"
        return progress, (Abandon(key, why), WakeAt(now_ns))
    touch = market.touch(second.instrument, second.side)
    gone = touch is None or (
        second.price is not None
        and (touch < second.price if second.side is Side.SELL else touch > second.price)
    )
    if gone or instrument.size_problem(size, second.price or second.planned_price) is not None:
        shown = "nothing" if touch is None else plain(touch)
        why = f"{instrument.id} shows {shown} for {plain(abs(over))} {instrument.base}"
        return progress, (Abandon(key, why), WakeAt(now_ns))
    if size == second.size:
        return send(progress, [key], now_ns, settings)
    reason = f"first leg left {plain(abs(over))} of {plain(second.size)}"
    return progress, (
        Abandon(key, reason),
        AddOrder(
            role=second.leg,
            attempt=2,
            instrument=second.instrument,
            side=second.side,
            type=second.type,
            size=size,
            price=second.price,
            planned_price=second.planned_price,
            reduce_only=False,
            reason=reason,
        ),
    )


def _settle(
    progress: Progress,
    trade: Trade,
    orders: Sequence[Order],
    now_ns: int,
    settings: ExecutionSettings,
    market: MarketView,
) -> Step:
    """Every order has its last word: close the account, or find the way out of a lone leg."""
    if not trade.bought and not trade.sold:
        return progress, (Advance(TradeState.FAILED, _refusals(orders)),)
    over = excess(trade)
    if not over:
        return progress, (Advance(ending(orders), _refusals(orders)),)
    view = outlook(trade, orders, over, settings, market)
    if not view.tradable:
        left = f"residual: {'; '.join(view.notes)}"
        told = "; ".join(filter(None, (_refusals(orders), left)))
        return progress, (Advance(ending(orders), told),)
    if settings.lone_leg is LoneLeg.HOLD:
        return progress, ()
    pause = pause_ns(fruitless(orders), settings)
    if not view.ways:
        return progress, (WakeAt(now_ns + pause),)
    best = view.ways[0]
    if best.failures and now_ns < progress.next_try_ns:
        return progress, (WakeAt(progress.next_try_ns),)
    progress = msgspec.structs.replace(progress, next_try_ns=now_ns + pause)
    why = "; ".join([f"{plain(abs(over))} stand alone", *map(str, view.ways), *view.notes])
    order = _order(best, trade, orders, why)
    state = TradeState.WORKING if best.role == CHASE else TradeState.UNWINDING
    effects: list[Effect] = [order]
    if trade.state is not _HELD:
        effects.insert(0, Advance(state, why))
    if not any(o.leg in (CHASE, UNWIND) for o in orders):
        text = f"trade {trade.seq} {trade.symbol}: {why}"
        effects.insert(0, Alert("warning", "LONE_LEG", text))
    return progress, tuple(effects)


def _order(way: Way, trade: Trade, orders: Sequence[Order], why: str) -> AddOrder:
    known = {order.client_order_id for order in orders}
    recalled = any(leg.order not in known for leg in trade.legs)
    return AddOrder(
        role=way.role,
        attempt=(_RECALLED if recalled else 1) + sum(order.leg == way.role for order in orders),
        instrument=way.instrument.id,
        side=way.side,
        type=OrderType.LIMIT,
        size=way.size,
        price=way.limit,
        planned_price=way.touch,
        reduce_only=way.role == UNWIND,
        reason=why,
    )


def ending(orders: Sequence[Order]) -> TradeState:
    """How a trade ends of which nothing stands alone any more."""
    for order in orders:
        if order.leg == UNWIND and order.filled_size:
            return TradeState.UNWOUND
    return TradeState.COMPLETED


def _watch_the_clock(
    decided: Step,
    trade: Trade,
    orders: Sequence[Order],
    stimulus: Stimulus,
    now_ns: int,
    settings: ExecutionSettings,
) -> Step:
    """Hold a trade that will not settle and call a person; what is being done goes on."""
    progress, effects = decided
    if trade.state is _HELD or _ends(effects):
        return decided
    began_ns = now_ns if progress.began_ns is None else progress.began_ns
    late_ns = began_ns + settings.flat_ms * NS_PER_MS
    holding = (
        settings.lone_leg is LoneLeg.HOLD
        and not any(order.open for order in orders)
        and bool(excess(trade))
    )
    tries = fruitless(orders)
    if not holding and now_ns < late_ns and tries < settings.unwind_attempts:
        if stimulus is Stimulus.DEADLINE:
            return progress, (*effects, WakeAt(late_ns))
        return decided
    waiting = [o.client_order_id for o in orders if o.open]
    over = excess(trade)
    why = f"{plain(abs(over))} stand alone" if over else "the account is not known to be even"
    if waiting:
        why += f"; no last word on {', '.join(waiting)}"
    if tries:
        why += f"; {tries} orders filled nothing"
    text = f"trade {trade.seq} {trade.symbol} is held: {why}"
    kept = tuple(e for e in effects if not isinstance(e, Advance))
    return progress, (Advance(_HELD, why), Alert("critical", "UNHEDGED", text), *kept)


def _ends(effects: Sequence[Effect]) -> bool:
    return any(isinstance(effect, Advance) and effect.state.terminal for effect in effects)


def _refusals(orders: Sequence[Order]) -> str:
    """Say in words why legs did not fill."""
    told = [order for order in orders if order.reason and order.filled_size < order.size]
    return "; ".join([f"leg {order.leg}: {order.reason}" for order in told]) if told else ""

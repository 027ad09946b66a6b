"""The state machine of a reduction: positions on margin are closed, each leg by itself.

    PLANNED ──► WORKING ──► COMPLETED | FAILED      (each leg is closed, or nothing is left of it)
                   └──► HELD ──► …                  (past its time: a person is called, work goes on)

Nothing is ever reversed: what a leg could not close yet is tried again until the position is gone.
Three bounds keep a close from opening anything, each of them enough: an order is only added when
every order of its leg has its last word; its size is what the plan still wants, and no more than
the ledger's position; and the venue is told that it may only reduce.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

from msgspec.structs import replace

from arbiter.execution.effects import (
    Abandon,
    AddOrder,
    Advance,
    Alert,
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
from arbiter.model.ids import InstrumentId
from arbiter.model.money import ONE, ZERO, plain
from arbiter.model.orders import Order, OrderStatus, OrderType, Side
from arbiter.model.plans import Family
from arbiter.model.time import NS_PER_MS
from arbiter.model.trades import PlannedLeg, Trade, TradeState

Held = Callable[[InstrumentId], Decimal]
"""Signed contracts that the ledger holds."""

_BPS = Decimal("0.0001")
_FAMILIES = (Family.FUNDING, Family.EVENTS)


def is_reduction(trade: Trade, orders: Sequence[Order]) -> bool:
    """Whether this machine runs the trade."""
    return trade.family in _FAMILIES and bool(orders) and orders[0].reduce_only


def step(
    progress: Progress,
    trade: Trade,
    orders: Sequence[Order],
    stimulus: Stimulus,
    now_ns: int,
    settings: ExecutionSettings,
    market: MarketView,
    *,
    held: Held,
    reason: str = "",
) -> Step:
    """Decide what to do about a reduction now, from state alone."""
    if trade.state.terminal:
        return progress, ()
    if trade.state is TradeState.PLANNED:
        return begin(progress, orders, orders, stimulus, now_ns, settings, reason)
    if progress.began_ns is None:
        progress = replace(progress, began_ns=now_ns)
    working = [order for order in orders if order.open]
    if any(order.status is OrderStatus.CREATED for order in working):
        return progress, ()  # it waits for its own commit: `send_added`
    if working:
        decided = wait(progress, working, stimulus, now_ns, settings)
    else:
        decided = _close_rest(progress, trade, orders, now_ns, settings, market, held)
    return _watch(decided, trade, stimulus, now_ns, settings)


def send_added(
    progress: Progress, order: Order, now_ns: int, settings: ExecutionSettings, *, held: Held
) -> Step:
    """Send what `AddOrder` asked for, if there still is as much to reduce."""
    if order.status is not OrderStatus.CREATED:
        return progress, ()
    there = -held(order.instrument) * order.side.sign
    if order.size > there:
        why = f"{plain(max(there, ZERO))} are left to reduce, not {plain(order.size)}"
        return progress, (Abandon(order.client_order_id, why), WakeAt(now_ns))
    return send(progress, [order.client_order_id], now_ns, settings)


def _close_rest(
    progress: Progress,
    trade: Trade,
    orders: Sequence[Order],
    now_ns: int,
    settings: ExecutionSettings,
    market: MarketView,
    held: Held,
) -> Step:
    """Every order has its last word: go on with the legs that are not closed yet, or end."""
    wanted = [(leg, size) for leg in trade.legs if (size := _left(leg, orders, market, held))]
    if not wanted:
        filled = bool(trade.bought or trade.sold)
        ending = TradeState.COMPLETED if filled else TradeState.FAILED
        return progress, (Advance(ending, orders[-1].reason or ""),)
    if now_ns < progress.next_try_ns:
        return progress, (WakeAt(progress.next_try_ns),)
    pause = pause_ns(fruitless(orders), settings)
    progress = replace(progress, next_try_ns=now_ns + pause)
    added = [
        order
        for leg, size in wanted
        if (order := _order(leg, size, orders, settings, market)) is not None
    ]
    return progress, (*added, WakeAt(now_ns + pause))


def _left(leg: PlannedLeg, orders: Sequence[Order], market: MarketView, held: Held) -> Decimal:
    """Contracts a leg still has to close; nothing when the position is gone or turned."""
    done = sum((order.filled_size for order in orders if order.leg == leg.role), ZERO)
    there = -held(leg.instrument) * leg.side.sign
    left = min(leg.size - done, there)
    if left <= ZERO:
        return ZERO
    instrument = market.instrument(leg.instrument)
    size = instrument.floor_size(left)
    return size if size >= instrument.min_size else ZERO


def _order(
    leg: PlannedLeg,
    size: Decimal,
    orders: Sequence[Order],
    settings: ExecutionSettings,
    market: MarketView,
) -> AddOrder | None:
    instrument = market.instrument(leg.instrument)
    touch = market.touch(leg.instrument, leg.side)
    if touch is None:
        return None
    slip = settings.unwind_slippage_bps * _BPS
    if leg.side is Side.BUY:
        limit = instrument.ceil_price(touch * (ONE + slip))
    else:
        limit = instrument.floor_price(max(touch * (ONE - slip), instrument.tick))
    return AddOrder(
        role=leg.role,
        attempt=1 + sum(order.leg == leg.role for order in orders),
        instrument=leg.instrument,
        side=leg.side,
        type=OrderType.LIMIT,
        size=size,
        price=limit,
        planned_price=touch,
        reduce_only=True,
        reason=f"{plain(size)} are left to close",
    )


def _watch(
    decided: Step, trade: Trade, stimulus: Stimulus, now_ns: int, settings: ExecutionSettings
) -> Step:
    """Call a person when closing takes too long; what is being done goes on."""
    progress, effects = decided
    began_ns = now_ns if progress.began_ns is None else progress.began_ns
    late_ns = began_ns + settings.flat_ms * NS_PER_MS
    ending = any(isinstance(e, Advance) and e.state.terminal for e in effects)
    if ending or trade.state is TradeState.HELD:
        return decided
    if now_ns < late_ns:
        if stimulus is Stimulus.DEADLINE:  # the pauses between asking grow beyond this
            return progress, (*effects, WakeAt(late_ns))
        return decided
    why = f"a reduction has not ended after {settings.flat_ms} ms"
    text = f"trade {trade.seq} {trade.symbol}: {why}"
    return progress, (
        Advance(TradeState.HELD, why),
        Alert("critical", "NOT_REDUCED", text),
        *effects,
    )

"""The two-leg state machine: buy here, sell there, and never be left with one.

    PLANNED ──► WORKING ──► (HEDGED) ──► COMPLETED
       │           └──► UNWINDING ──► UNWOUND
       │           │        └──► HELD ──► UNWINDING …
       │           └──► FAILED              (nothing filled)
       └──► ABANDONED                       (edge gone before sending)

`step` decides from state alone (the trade's account and its orders as the ledger has them), not
from the event that woke it: calling it twice, late, or after a restart gives the same decision.
An order without its last word from the venue keeps the trade where it is.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from typing import Protocol

import msgspec

from arbiter.execution.effects import (
    Abandon,
    AddOrder,
    Advance,
    Alert,
    Ask,
    Cancel,
    Effect,
    Send,
    WakeAt,
)
from arbiter.execution.settings import ExecutionSettings, LegOrder
from arbiter.model.ids import ClientOrderId, InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, plain
from arbiter.model.orders import Order, OrderStatus, OrderType, Side
from arbiter.model.time import NS_PER_MS
from arbiter.model.trades import Trade, TradeState

UNWIND = "u"
_BPS = Decimal("0.0001")


class Stimulus(Enum):
    DURABLE = 1
    """The intents were committed and edge and quote age still stand."""
    GONE = 2
    """The intents were committed, but the edge or the quotes are gone."""
    CHANGED = 3
    """The ledger has news of one of the trade's orders."""
    DEADLINE = 4


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine remembers beside the ledger; losing it costs a question, never a trade.

    Times are monotonic ns.
    """

    sent_ns: dict[ClientOrderId, int] = {}
    asked_ns: dict[ClientOrderId, int] = {}
    cancelled: frozenset[ClientOrderId] = frozenset()
    fruitless: int = 0
    """Unwinds in a row that filled nothing."""
    next_unwind_ns: int = 0


class MarketView(Protocol):
    def instrument(self, instrument: InstrumentId) -> Instrument: ...

    def touch(self, instrument: InstrumentId, side: Side) -> Decimal | None:
        """Price at which `side` would execute now (ask for a buy); None without a live quote."""
        ...


Step = tuple[Progress, tuple[Effect, ...]]


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
    if trade.state is TradeState.PLANNED:
        return _begin(progress, trade, orders, stimulus, now_ns, settings, reason)
    waiting = [order for order in orders if order.open and order.status is not OrderStatus.CREATED]
    if waiting:
        return _wait(progress, waiting, now_ns, settings)
    unsent = [order for order in orders if order.status is OrderStatus.CREATED]
    planned = {leg.order for leg in trade.legs}
    if any(order.client_order_id not in planned for order in unsent):
        return progress, ()  # an added order waits for its own commit: `send_added`
    if unsent:
        return _second_leg(progress, trade, orders, unsent[0], now_ns, settings)
    return _settle(progress, trade, orders, now_ns, settings, market)


def send_added(
    progress: Progress, order: ClientOrderId, now_ns: int, settings: ExecutionSettings
) -> Step:
    """Send an order that `AddOrder` asked for, once its intent is durable."""
    return _send(progress, [order], now_ns, settings)


def excess(trade: Trade) -> Decimal:
    """Base units bought beyond what was sold: > 0 is long by mistake, < 0 short.

    Fees taken in base are inventory, not a leg: they show in `Trade.residual`.
    """
    return trade.bought - trade.sold


def _begin(
    progress: Progress,
    trade: Trade,
    orders: Sequence[Order],
    stimulus: Stimulus,
    now_ns: int,
    settings: ExecutionSettings,
    reason: str,
) -> Step:
    if stimulus is Stimulus.GONE:
        abandoned = tuple(Abandon(order.client_order_id, reason) for order in orders if order.open)
        return progress, (*abandoned, Advance(TradeState.ABANDONED, reason))
    if stimulus is not Stimulus.DURABLE:
        return progress, ()
    legs = orders[:1] if settings.leg_order is LegOrder.SEQUENTIAL else orders
    progress, sends = _send(progress, [order.client_order_id for order in legs], now_ns, settings)
    return progress, (Advance(TradeState.WORKING), *sends)


def _send(
    progress: Progress, orders: Sequence[ClientOrderId], now_ns: int, settings: ExecutionSettings
) -> Step:
    sent = progress.sent_ns | dict.fromkeys(orders, now_ns)
    deadline = now_ns + settings.leg_timeout_ms * NS_PER_MS
    effects: list[Effect] = [Send(order) for order in orders]
    effects.append(WakeAt(deadline))
    return msgspec.structs.replace(progress, sent_ns=sent), tuple(effects)


def _wait(
    progress: Progress, waiting: Sequence[Order], now_ns: int, settings: ExecutionSettings
) -> Step:
    """Ask for and cancel what is overdue; set the next look."""
    effects: list[Effect] = []
    asked = dict(progress.asked_ns)
    cancelled = set(progress.cancelled)
    timeout = settings.leg_timeout_ms * NS_PER_MS
    wake = None
    for order in waiting:
        key = order.client_order_id
        due = progress.sent_ns.get(key, now_ns - timeout) + timeout
        if order.unknown_since_ns is not None:
            due = min(due, now_ns)
        if key in asked:
            due = max(due, asked[key] + settings.retry_ms * NS_PER_MS)
        if now_ns < due:
            wake = due if wake is None else min(wake, due)
            continue
        effects.append(Ask(key))
        asked[key] = now_ns
        again = now_ns + settings.retry_ms * NS_PER_MS
        wake = again if wake is None else min(wake, again)
        if order.venue_order_id is not None and key not in cancelled:
            effects.append(Cancel(key))
            cancelled.add(key)
    if not effects:
        return progress, ()
    if wake is not None:
        effects.append(WakeAt(wake))
    progress = msgspec.structs.replace(progress, asked_ns=asked, cancelled=frozenset(cancelled))
    return progress, tuple(effects)


def _second_leg(
    progress: Progress,
    trade: Trade,
    orders: Sequence[Order],
    second: Order,
    now_ns: int,
    settings: ExecutionSettings,
) -> Step:
    """Send the second leg, sized to what the first one filled."""
    open_size = abs(excess(trade))
    if open_size == second.size:
        return _send(progress, [second.client_order_id], now_ns, settings)
    reason = f"first leg filled {plain(open_size)} of {plain(second.size)}"
    if not open_size:
        return progress, (
            Abandon(second.client_order_id, reason),
            Advance(TradeState.FAILED, _refusals(orders) or reason),
        )
    return progress, (
        Abandon(second.client_order_id, reason),
        AddOrder(
            role=second.leg,
            attempt=2,
            instrument=second.instrument,
            side=second.side,
            type=second.type,
            size=open_size,
            price=second.price,
            planned_price=second.planned_price,
            reduce_only=True,
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
    """Every order has its last word: close the account, or take back what is unmatched."""
    over = excess(trade)
    if not trade.bought and not trade.sold:
        return progress, (Advance(TradeState.FAILED, _refusals(orders)),)
    unwound = any(order.leg == UNWIND and order.filled_size for order in orders)
    done = TradeState.UNWOUND if unwound else TradeState.COMPLETED
    if not over:
        return progress, (Advance(done, _refusals(orders)),)
    order = _unwind_order(trade, orders, over, settings, market)
    if order is None:
        return progress, (Advance(done, f"residual {plain(over)} is below the venue's minimum"),)
    if now_ns < progress.next_unwind_ns:
        return progress, (WakeAt(progress.next_unwind_ns),)
    return _unwind(progress, trade, orders, order, now_ns, settings)


def _unwind_order(
    trade: Trade,
    orders: Sequence[Order],
    over: Decimal,
    settings: ExecutionSettings,
    market: MarketView,
) -> AddOrder | None:
    """Reverse the leg that filled too much, on its own venue; None when too small to send."""
    filled_side = Side.BUY if over > ZERO else Side.SELL
    leg = next(leg for leg in trade.legs if leg.side is filled_side)
    instrument = market.instrument(leg.instrument)
    side = filled_side.opposite
    touch = market.touch(leg.instrument, side)
    size = instrument.floor_size(abs(over))
    if instrument.size_problem(size, touch or leg.planned_price) is not None:
        return None
    price = None if touch is None else _reach(instrument, side, touch, settings)
    return AddOrder(
        role=UNWIND,
        attempt=1 + sum(order.leg == UNWIND for order in orders),
        instrument=leg.instrument,
        side=side,
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        size=size,
        price=price,
        planned_price=touch or leg.planned_price,
        reduce_only=True,
        reason=f"{plain(abs(over))} {filled_side} unmatched",
    )


def _reach(
    instrument: Instrument, side: Side, touch: Decimal, settings: ExecutionSettings
) -> Decimal:
    """Bound how far through the touch an unwind may go, on the tick that still executes."""
    slip = settings.unwind_slippage_bps * _BPS
    if side is Side.BUY:
        return instrument.ceil_price(touch * (ONE + slip))
    return instrument.floor_price(max(touch * (ONE - slip), instrument.tick))


def _unwind(
    progress: Progress,
    trade: Trade,
    orders: Sequence[Order],
    order: AddOrder,
    now_ns: int,
    settings: ExecutionSettings,
) -> Step:
    last = next((o for o in reversed(orders) if o.leg == UNWIND), None)
    fruitless = progress.fruitless + 1 if last is not None and not last.filled_size else 0
    held = fruitless >= settings.unwind_attempts
    delay = min(settings.retry_ms << min(fruitless, 16), settings.max_retry_ms)
    progress = msgspec.structs.replace(
        progress,
        fruitless=fruitless,
        next_unwind_ns=now_ns + delay * NS_PER_MS,
    )
    state = TradeState.HELD if held else TradeState.UNWINDING
    effects: list[Effect] = []
    if trade.state is not state:
        effects.append(Advance(state, order.reason))
        if held:
            text = (
                f"trade {trade.seq} {trade.symbol}: {order.reason} on {order.instrument}; "
                f"{fruitless} unwinds filled nothing, retrying every {settings.max_retry_ms} ms"
            )
            effects.append(Alert("critical", "UNHEDGED", text))
    return progress, (*effects, order)


def _refusals(orders: Sequence[Order]) -> str:
    """Say in words why legs did not fill."""
    return "; ".join(
        f"leg {order.leg}: {order.reason}"
        for order in orders
        if order.reason and order.filled_size < order.size
    )

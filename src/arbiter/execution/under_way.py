"""What every machine of a trade under way does alike: begin, send, ask again, wait longer."""

from collections.abc import Sequence
from enum import Enum

import msgspec

from arbiter.execution.effects import Abandon, Advance, Ask, Cancel, Effect, Send, WakeAt
from arbiter.execution.settings import ExecutionSettings
from arbiter.model.ids import ClientOrderId
from arbiter.model.orders import Order, TimeInForce
from arbiter.model.time import NS_PER_MS
from arbiter.model.trades import TradeState


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

    began_ns: int | None = None
    """First order sent, or trade taken up after a restart: `flat_ms` counts from here."""
    sent_ns: dict[ClientOrderId, int] = {}
    asked: dict[ClientOrderId, tuple[int, int]] = {}
    """When an order was last asked for, and how often."""
    next_try_ns: int = 0


Step = tuple[Progress, tuple[Effect, ...]]


def begin(
    progress: Progress,
    orders: Sequence[Order],
    first: Sequence[Order],
    stimulus: Stimulus,
    now_ns: int,
    settings: ExecutionSettings,
    reason: str,
) -> Step:
    """Send the orders that go first once the intents are durable, or give all of them up."""
    if stimulus is Stimulus.GONE:
        abandoned = tuple(Abandon(order.client_order_id, reason) for order in orders if order.open)
        return progress, (*abandoned, Advance(TradeState.ABANDONED, reason))
    if stimulus is not Stimulus.DURABLE:
        return progress, ()
    keys = [order.client_order_id for order in first]
    progress, sends = send(progress, keys, now_ns, settings)
    return progress, (Advance(TradeState.WORKING), *sends)


def send(
    progress: Progress, orders: Sequence[ClientOrderId], now_ns: int, settings: ExecutionSettings
) -> Step:
    progress = msgspec.structs.replace(
        progress,
        sent_ns=progress.sent_ns | dict.fromkeys(orders, now_ns),
        began_ns=now_ns if progress.began_ns is None else progress.began_ns,
    )
    effects: list[Effect] = [Send(order) for order in orders]
    effects.append(WakeAt(now_ns + settings.leg_timeout_ms * NS_PER_MS))
    return progress, tuple(effects)


def wait(
    progress: Progress,
    waiting: Sequence[Order],
    stimulus: Stimulus,
    now_ns: int,
    settings: ExecutionSettings,
    *,
    spare: TimeInForce | None = None,
) -> Step:
    """Ask for and cancel what is overdue, but cancel nothing good for `spare`; set the next look.

    A timer may fire a little early, so that every look at a deadline sets the next one.
    """
    effects: list[Effect] = []
    asked = progress.asked
    timeout_ns = settings.leg_timeout_ms * NS_PER_MS
    looks: list[int] = []
    for order in waiting:
        key = order.client_order_id
        due = progress.sent_ns.get(key, now_ns - timeout_ns) + timeout_ns
        if order.unknown_since_ns is not None:
            due = min(due, now_ns)
        last_ns, times = asked.get(key, (0, 0))
        if times:
            due = max(due, last_ns + pause_ns(times - 1, settings))
        if now_ns >= due:
            effects.append(Ask(key))
            if order.venue_order_id is not None and order.time_in_force is not spare:
                effects.append(Cancel(key))
            asked = asked | {key: (now_ns, times + 1)}
            due = now_ns + pause_ns(times, settings)
        looks.append(due)
    if not effects and stimulus is not Stimulus.DEADLINE:
        return progress, ()
    effects.append(WakeAt(min(looks)))
    return msgspec.structs.replace(progress, asked=asked), tuple(effects)


def pause_ns(times: int, settings: ExecutionSettings) -> int:
    """Doubled with every time, up to the longest."""
    return min(settings.retry_ms << min(times, 20), settings.max_retry_ms) * NS_PER_MS


def fruitless(orders: Sequence[Order]) -> int:
    """Count the newest orders that filled nothing."""
    count = 0
    for order in reversed(orders):
        if order.filled_size:
            break
        count += 1
    return count

"""Statuses and refusals in the desk's words."""

from collections.abc import Mapping
from typing import NamedTuple

from arbiter.model.denials import DenialCode
from arbiter.model.errors import InvalidValue
from arbiter.model.orders import OrderStatus

STATUS_WORDS: Mapping[OrderStatus, str] = {
    OrderStatus.CREATED: "INITIALIZED",
    OrderStatus.SUBMITTED: "SUBMITTED",
    OrderStatus.WORKING: "ACCEPTED",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELLED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.REJECTED: "REJECTED",
    OrderStatus.DENIED: "DENIED",
    OrderStatus.ABANDONED: "CANCELED",
}
"""An abandoned order was ours to cancel: its reason says why it was never sent."""

_O = OrderStatus
STATUS_GROUPS: Mapping[str, tuple[OrderStatus, ...]] = {
    "PENDING": (_O.CREATED, _O.SUBMITTED),
    "INITIALIZED": (_O.CREATED,),
    "SUBMITTED": (_O.SUBMITTED,),
    "PENDING_UPDATE": (),
    "PENDING_CANCEL": (),
    "ACCEPTED": (_O.WORKING,),
    "WORKING": (_O.WORKING,),
    "PARTIALLY_FILLED": (_O.PARTIALLY_FILLED,),
    "OPEN": (_O.WORKING, _O.PARTIALLY_FILLED),
    "FILLED": (_O.FILLED,),
    "CANCELED": (_O.CANCELLED, _O.ABANDONED),
    "CANCELLED": (_O.CANCELLED, _O.ABANDONED),
    "ABANDONED": (_O.ABANDONED,),
    "EXPIRED": (_O.EXPIRED,),
    "REJECTED": (_O.REJECTED,),
    "DENIED": (_O.DENIED,),
    "CLOSED": tuple(status for status in _O if status.terminal),
}
"""What a filter's word stands for; nothing of ours is ever pending an update or a cancel."""


def statuses_of(word: str) -> tuple[OrderStatus, ...]:
    """Read a filter's word in any case; `InvalidValue` lists the valid ones."""
    found = STATUS_GROUPS.get(word.strip().upper())
    if found is None:
        raise InvalidValue(f"no order status is {word[:50]!r}; use {', '.join(STATUS_GROUPS)}")
    return found


class Refusal(NamedTuple):
    code: str
    numbers: dict[str, str]
    text: str
    """What follows the code, as it is stored."""


def read_refusal(reason: str) -> Refusal:
    """Take a stored reason apart: our own gate's has numbers, a venue's has its words."""
    code, _, text = reason.partition(": ")
    if code not in set(DenialCode):
        return Refusal(code, {}, text or reason)
    return Refusal(code, _numbers(text), text)


def explain(reason: str, otherwise: str | None = None) -> str:
    """Say a refusal in a sentence, with its numbers and what can be done about it.

    What our gate did not say is taken for a venue's words, unless there is something `otherwise`.
    """
    refusal = read_refusal(reason)
    words = _WORDS.get(refusal.code)
    if words is None and otherwise is not None:
        return otherwise
    if words is None:
        return f"The venue refused the order: {refusal.text or refusal.code}"
    if "frozen" in refusal.numbers:
        words = _FROZEN
    return words.format_map(_Told(refusal.numbers))


def _numbers(text: str) -> dict[str, str]:
    """Read ``name=value`` pairs; a value with spaces runs up to the next name."""
    found: dict[str, str] = {}
    last = ""
    for word in text.split(" "):
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            found[name], last = value, name
        elif last:
            found[last] += f" {word}"
    return found


class _Told(dict[str, str]):
    """A number that an older record lacks is left out of the sentence as a question mark."""

    def __missing__(self, _key: str) -> str:
        return "?"


_FROZEN = (
    "{asset} on {venue} moved without an order of ours, or what the venue tells cannot be read. "
    "Nothing opens from it until that is understood."
)
_C = DenialCode
_WORDS: Mapping[str, str] = {
    _C.KILL_SWITCH: (
        "The kill switch is engaged by {actor} ({reason}). Nothing opens until it is released."
    ),
    _C.MODE_FORBIDS: "The mode {mode} opens no trades of the family {family} now.",
    _C.STRATEGY_STOPPED: "The strategy {strategy} is stopped. Start it to trade again.",
    _C.STARTING_UP: "The engine is still asking the venues what happened while it was away.",
    _C.STORAGE_DOWN: (
        "The database does not take writes, so an order could not be made durable before it is "
        "sent. Trading goes on as soon as it does."
    ),
    _C.VENUE_UNHEALTHY: "{venue} is not connected.",
    _C.QUOTE_STALE: (
        "The quote of {instrument} is {age_ms} ms old; at most {limit_ms} ms are traded on."
    ),
    _C.QUOTE_MISSING: "There is no quote of {instrument} to trade on.",
    _C.UNKNOWN_OUTCOME_ON_PAIR: (
        "An order of trade {trade} on {instrument} has no certain outcome yet. Nothing new opens "
        "there until the venue has answered."
    ),
    _C.LOT_SIZE: "{size} of {instrument} is no multiple of the size step {step}.",
    _C.MIN_SIZE: "{size} of {instrument} is below the venue's smallest size of {minimum}.",
    _C.MIN_NOTIONAL: (
        "The order on {instrument} is worth {notional}, below the venue's smallest of {minimum}."
    ),
    _C.TICK_SIZE: "The price {price} of {instrument} is no multiple of its step {step}.",
    _C.RATE_MISSING: "No fresh USD rate of {currency} is known, so limits cannot be checked.",
    _C.TRADE_SIZE: "The trade is worth {notional} USD; one trade may be worth {limit} at most.",
    _C.TOTAL_EXPOSURE: (
        "Open trades are worth {exposure} USD and this one {needed}; together at most {limit} "
        "are allowed."
    ),
    _C.CONCURRENT_TRADES: "{open} trades are open; {limit} is the limit, and 80 % of it is kept.",
    _C.DAILY_LOSS: "Trading lost {loss} USD today, of {limit} allowed: nothing opens at {level}.",
    _C.DRAWDOWN: "Trading equity fell {percent} % from its peak, of {limit} % allowed ({level}).",
    _C.INVENTORY_SKEW: (
        "{venue} has {free} {asset} free and the trade needs {needed}; {floor} stay there so that "
        "the other direction remains tradable."
    ),
    _C.BUDGET_EXCEEDED: (
        "The order needs {needed} of a budget of {allocated}, of which {reserved} are in use. "
        "Raise the budget, or wait until orders and positions return their share."
    ),
    _C.BUDGET_MISSING: (
        "The strategy {strategy} has budgets, but none in {currency}, and needs {needed} of it. "
        "Set one to let it trade in this currency."
    ),
    _C.BALANCE: "{venue} has {free} {asset} free and the order needs {needed}.",
    _C.NOT_REDUCING: (
        "A reduction of {size} on {instrument} would open or turn a position: {reducible} can be "
        "reduced."
    ),
    _C.EDGE_GONE: "The spread was gone before sending: an edge of {edge} is left, {needed} needed.",
}

"""How Polymarket names markets and tokens, writes numbers, and refuses. Texts are production's."""

import hashlib
from decimal import Decimal

from arbiter.markets.event_catalogue import EventTopic
from arbiter.matching.codes import Refusal
from arbiter.model.money import ONE, plain
from arbiter.simex.rest import VenueError

YES, NO = 0, 1
OUTCOMES = ("Yes", "No")
ZERO_BYTES32 = "0x" + "0" * 64
ZERO_ADDRESS = "0x" + "0" * 40
SCALE = Decimal(1_000_000)
END = "LTE="
"""The cursor behind the last page."""

FAK_UNMATCHED = (
    "no orders found to match with FAK order. "
    "FAK orders are partially filled or killed if no match is found."
)
FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
POST_ONLY_CROSSES = "invalid post-only order: order crosses book"
POST_ONLY_MODE = "post-only mode: only post-only orders and cancels are allowed"
RESTARTING = "matching engine is restarting"
VERSION = "order_version_mismatch"

_REFUSALS = {
    Refusal.BALANCE: "not enough balance / allowance",
    Refusal.TICK: "order {id} is invalid. Price ({price}) breaks minimum tick size rule: {tick}",
    Refusal.LOT: "invalid amounts, the {side} orders maker amount supports a max accuracy of "
    "{maker} decimals, taker amount a max of {taker} decimals",
    Refusal.MIN_SIZE: "order {id} is invalid. Size ({size}) lower than the minimum: {least}",
    Refusal.DUPLICATE_ID: "order {id} is invalid. Duplicated.",
    Refusal.WOULD_TAKE: POST_ONLY_CROSSES,
    Refusal.UNKNOWN_INSTRUMENT: "the market is not yet ready to process new orders",
    Refusal.NO_MARKET: FAK_UNMATCHED,
}


def refused(refusal: Refusal, **numbers: object) -> VenueError:
    text = _REFUSALS.get(refusal, "invalid order payload")
    return VenueError(0, text.format_map(_Known(numbers)), 400)


class _Known(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return f"<{key}>"


def slug_of(topic: EventTopic) -> str:
    return topic.name.lower()


def condition_of(topic: EventTopic) -> str:
    return "0x" + hashlib.sha256(f"condition:{topic.name}".encode()).hexdigest()


def tokens_of(topic: EventTopic) -> tuple[str, str]:
    """Token ids of YES and NO: decimal numbers of up to 77 digits."""
    made = [
        hashlib.sha256(f"token:{topic.name}:{outcome}".encode()).digest() for outcome in OUTCOMES
    ]
    return str(int.from_bytes(made[0], "big")), str(int.from_bytes(made[1], "big"))


def question_of(topic: EventTopic) -> str:
    return "0x" + hashlib.sha256(f"question:{topic.name}".encode()).hexdigest()


def trade_id(number: str, account: int) -> str:
    return f"{int(number):08x}-7f7b-4c1b-9a58-{account:012x}"


def transaction_of(number: str, account: int) -> str:
    return "0x" + hashlib.sha256(f"tx:{number}:{account}".encode()).hexdigest()


def raw(amount: Decimal) -> str:
    """An amount as the chain has it: six places, whole."""
    return str(int(amount * SCALE))


def number(value: Decimal) -> str:
    return plain(value)


def in_outcome(price: Decimal, outcome: int) -> Decimal:
    """A price of YES as one of the other outcome, and back."""
    return price if outcome == YES else ONE - price

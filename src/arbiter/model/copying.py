"""Copy trading: whom a subscription follows, what the leader did, and what was copied.

Sizes are in the market's own unit: contracts of a prediction market, base units of a perpetual.
Prices are those of what was traded: a contract of NO at 0.3 has the price 0.3.
"""

from decimal import Decimal
from enum import StrEnum
from typing import NewType
from uuid import UUID

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Actor, InstrumentId, StrategyId, VenueId
from arbiter.model.money import ZERO, quotient

COPY_TRADING = StrategyId("copy-trading")

SubscriptionId = NewType("SubscriptionId", UUID)
Wallet = NewType("Wallet", str)
"""A leader's public address, ``0x`` and 40 lower-case hexadecimal digits."""

_ACTOR = "copy:"


def copy_actor(subscription: SubscriptionId) -> Actor:
    """Name the subscription as the cause of an order: every fill of it carries the tag."""
    return Actor(f"{_ACTOR}{subscription}")


def subscription_of(actor: Actor) -> SubscriptionId | None:
    """Read the tag back; None for orders that copy nobody."""
    return SubscriptionId(UUID(actor[len(_ACTOR) :])) if actor.startswith(_ACTOR) else None


class LeaderKind(StrEnum):
    HELD = "HELD"
    """Not an act: what the leader held already when a subscription began."""
    SPLIT = "SPLIT"
    """Cash turned into as many contracts of both outcomes."""
    BUY = "BUY"
    SELL = "SELL"
    MERGE = "MERGE"
    """As many contracts of both outcomes turned back into cash."""
    REDEEM = "REDEEM"
    """All contracts of a resolved market turned into its payout."""

    rank: int
    """Order within one moment: what adds comes before what takes away."""


for _rank, _kind in enumerate(LeaderKind):
    _kind.rank = _rank


class Outcome(StrEnum):
    YES = "YES"
    """Also of everything that has no outcomes."""
    NO = "NO"
    BOTH = "BOTH"


class LeaderAction(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One thing a leader did, keyed by (venue, wallet, key): known once, however often told."""

    venue: VenueId
    wallet: Wallet
    key: str
    """Of this act alone: stable over repeated reads of the same history."""
    kind: LeaderKind
    market: str
    """The venue's own name of the market: a condition id, a coin."""
    outcome: Outcome = Outcome.YES
    size: Decimal
    """Never negative, but for HELD of a perpetual, where a short is."""
    price: Decimal = ZERO
    """Of a BUY or SELL; zero otherwise."""
    decision: str = ""
    """What the leader decided at once: the transaction or order these fills belong to."""
    start: Decimal | None = None
    """The leader's signed position just before, where the venue tells it."""
    at_ns: int

    def __post_init__(self) -> None:
        if not self.size.is_finite() or (self.size < ZERO and self.kind is not LeaderKind.HELD):
            raise InvalidValue(f"{self.key}: a size must be zero or more, got {self.size}")
        if not self.price.is_finite() or self.price < ZERO:
            raise InvalidValue(f"{self.key}: a price must be zero or more, got {self.price}")


class LeaderHolding(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a leader holds of one market and outcome."""

    market: str
    outcome: Outcome = Outcome.YES
    size: Decimal


class Pause(msgspec.Struct, frozen=True, gc=False):
    """A time in which a subscription opens nothing, its end excluded; None while it lasts."""

    since_ns: int
    until_ns: int | None = None


class CopySubscription(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to copy, how large, and since when."""

    id: SubscriptionId
    venue: VenueId
    wallet: Wallet
    multiplier: Decimal
    """Our size per unit of the leader's."""
    max_position_size: Decimal
    """Most one copy may cost, in USD: one decision of the leader in one market."""
    enabled: bool = True
    actor: Actor
    """Who added it."""
    pauses: tuple[Pause, ...] = ()
    """When it was not enabled: what a leader opens meanwhile is never copied."""
    based: bool = False
    """Whether what the leader held at the beginning is known."""
    created_ns: int
    removed_ns: int | None = None

    @property
    def active(self) -> bool:
        return self.removed_ns is None

    def opens_at(self, at_ns: int) -> bool:
        """Whether what the leader opened at that time is copied."""
        return at_ns >= self.created_ns and not any(
            pause.since_ns <= at_ns and (pause.until_ns is None or at_ns < pause.until_ns)
            for pause in self.pauses
        )


class CopyPosition(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a subscription's tagged fills hold of one instrument, at average cost.

    `realized_pnl` in quote, before fees; `fees` in quote beside it.
    """

    subscription: SubscriptionId
    instrument: InstrumentId
    quantity: Decimal = ZERO
    """Signed units of the account: contracts or base; short is NO in a prediction market."""
    cost: Decimal = ZERO
    """Σ value of what is open at entry prices, never negative."""
    realized_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    fills: int = 0
    updated_ns: int = 0

    def traded(self, units: Decimal, price: Decimal, at_ns: int) -> "CopyPosition":
        """Buy (> 0) or sell (< 0) units: enlarge at cost, close at average cost, flip with the rest."""
        held = self.quantity
        if not held or (held > ZERO) == (units > ZERO):
            return msgspec.structs.replace(
                self,
                quantity=held + units,
                cost=self.cost + abs(units) * price,
                updated_ns=at_ns,
            )
        if abs(units) > abs(held):
            return self.traded(-held, price, at_ns).traded(held + units, price, at_ns)
        left = held + units
        part = quotient(self.cost * abs(units), abs(held)) if left else self.cost
        gain = abs(units) * price - part
        return msgspec.structs.replace(
            self,
            quantity=left,
            cost=self.cost - part,
            realized_pnl=self.realized_pnl + (gain if held > ZERO else -gain),
            updated_ns=at_ns,
        )

    def unrealized(self, mark: Decimal) -> Decimal:
        """What closing at `mark` would bring, before fees."""
        value = abs(self.quantity) * mark
        return value - self.cost if self.quantity > ZERO else self.cost - value

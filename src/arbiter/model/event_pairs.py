"""Event pairs: two markets on two prediction venues that a person holds to be one and the same.

A pair is never found and traded by itself: the matcher proposes, somebody reads both rule texts
and approves. What was approved is those very texts; another text is another contract.
"""

import hashlib
from decimal import Decimal
from enum import StrEnum
from typing import NewType

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Actor, InstrumentId, VenueId
from arbiter.model.money import ZERO
from arbiter.model.orders import Side

EventPairId = NewType("EventPairId", str)
"""Readable name of a pair, ``fed-hold-dec-2025``: what the control API lists and enables."""


class Polarity(StrEnum):
    SAME = "same"
    """YES on one venue pays when YES on the other does."""
    COMPLEMENT = "complement"
    """YES on one pays when NO on the other does."""


class Review(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    """Was approved; a rule text changed, a leg was resolved, or a person stopped it."""


def rules_hash(text: str) -> str:
    """SHA-256 of a rule text, in hex; blanks at line ends and around it mean nothing."""
    lines = (line.rstrip() for line in text.strip().splitlines())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class EventListing(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue says of one of its event markets now. Times ns UTC."""

    instrument: InstrumentId
    venue: VenueId
    title: str
    rules: str
    """The whole text that decides YES or NO."""
    outcome: str = ""
    """Of a market among several of one event, the outcome it stands for."""
    outcomes: int = 2
    """Of the event: 2 for a plain yes-or-no question."""
    category: str = ""
    resolution_source: str = ""
    void_rule: str = ""
    """What is paid when the event is called off."""
    opens_ns: int = 0
    closes_ns: int
    """Trading ends."""
    payout_ns: int
    """When the payout is expected; of a recurring market, the first one."""
    recurs_ns: int = 0
    """Decided anew every so often, under the same words; 0 is decided once."""
    augmented: bool = False
    """A multi-outcome event that may gain outcomes (negRiskAugmented): its asks sum below 1."""
    simulated: bool = False

    @property
    def rules_sha256(self) -> str:
        return rules_hash(self.rules)


class PairedMarket(msgspec.Struct, frozen=True, kw_only=True):
    """One leg of a pair, with the rule text that was read."""

    instrument: InstrumentId
    venue: VenueId
    title: str
    rules: str
    rules_sha256: str

    def __post_init__(self) -> None:
        if rules_hash(self.rules) != self.rules_sha256:
            raise InvalidValue(f"{self.instrument}: the hash is not that of the rule text")


def paired(listing: EventListing) -> PairedMarket:
    """Take a listing as it reads now."""
    return PairedMarket(
        instrument=listing.instrument,
        venue=listing.venue,
        title=listing.title,
        rules=listing.rules,
        rules_sha256=listing.rules_sha256,
    )


class EventPair(msgspec.Struct, frozen=True, kw_only=True):
    """Two markets and the word of whoever compared them."""

    id: EventPairId
    first: PairedMarket
    second: PairedMarket
    polarity: Polarity
    resolution_source: str
    """Who or what decides, on both venues."""
    void_rule: str
    """What each venue pays when the event is called off."""
    opens_ns: int = 0
    """No trade before …"""
    closes_ns: int
    """… nor from this moment on."""
    payout_ns: int
    """When the later of both payouts is expected: the capital is locked until then."""
    recurs_ns: int = 0
    """Of two recurring markets with the same rounds; the first payout is `payout_ns`."""
    cap_usd: Decimal
    """Most that may be lost when the venues resolve differently: cost of all that is open, with
    fees."""
    state: Review = Review.PROPOSED
    reason: str = ""
    """Why it was rejected or suspended."""
    warnings: tuple[str, ...] = ()
    """What the comparison could not settle; an approval acknowledges each."""
    score: Decimal = ZERO
    """Likeness of the titles, 0..1."""
    simulated: bool = False
    """Of the built-in markets: never trades anywhere else."""
    proposed_by: Actor
    proposed_ns: int
    approved_by: Actor | None = None
    approved_ns: int | None = None
    updated_ns: int

    def __post_init__(self) -> None:
        if not self.id or self.id != self.id.strip():
            raise InvalidValue("a pair needs a name")
        if self.first.venue == self.second.venue:
            raise InvalidValue(f"{self.id}: both legs are on {self.first.venue}")
        if not self.cap_usd.is_finite() or self.cap_usd <= ZERO:
            raise InvalidValue(f"{self.id}: cap_usd must be positive, got {self.cap_usd}")
        if self.closes_ns <= self.opens_ns:
            raise InvalidValue(f"{self.id}: the window ends before it begins")
        if self.state is Review.APPROVED and self.approved_by is None:
            raise InvalidValue(f"{self.id}: an approval names who gave it")

    @property
    def markets(self) -> tuple[PairedMarket, PairedMarket]:
        return self.first, self.second

    @property
    def instruments(self) -> tuple[InstrumentId, InstrumentId]:
        return self.first.instrument, self.second.instrument

    @property
    def approved(self) -> bool:
        return self.state is Review.APPROVED

    @property
    def directions(self) -> tuple[tuple[Side, Side], tuple[Side, Side]]:
        """Sides of both legs on YES, either way round: together they pay 1 whatever happens."""
        if self.polarity is Polarity.SAME:
            return (Side.BUY, Side.SELL), (Side.SELL, Side.BUY)
        return (Side.BUY, Side.BUY), (Side.SELL, Side.SELL)

    def open_at(self, now_ns: int) -> bool:
        """Whether its window holds this moment."""
        return self.opens_ns <= now_ns < self.closes_ns

    def payout_after(self, now_ns: int) -> int:
        """When what is bought now is expected to pay."""
        if not self.recurs_ns or now_ns < self.payout_ns:
            return self.payout_ns
        rounds = (now_ns - self.payout_ns) // self.recurs_ns + 1
        return self.payout_ns + rounds * self.recurs_ns

    def changed_rules(self, listings: dict[InstrumentId, EventListing]) -> str:
        """Say whose rule text is not the one that was read; empty when both are, or unknown."""
        for market in self.markets:
            told = listings.get(market.instrument)
            if told is not None and told.rules_sha256 != market.rules_sha256:
                return (
                    f"RULES_CHANGED: {market.instrument} "
                    f"{market.rules_sha256[:12]} -> {told.rules_sha256[:12]}"
                )
        return ""

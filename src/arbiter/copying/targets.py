"""From all that a leader did in a market to what a subscription should hold there.

The target is a fold over the set of acts in their own order (time, then kind, then key), made anew
whenever one more is known. The order in which acts were told, how often, and what we did meanwhile
do not enter it: whoever missed an hour ends where the others are.

    opens    target += leader's size × multiplier, at most `max_position_size` USD per decision
    reduces  target ×= what the leader has left ÷ what he had            (pro rata)
    splits   both outcomes += size × multiplier; merges reduce both pro rata
    redeems  nothing is left of either outcome

Contracts of NO count against those of YES, which is how a market is held here: one signed size.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import msgspec

from arbiter.model.copying import (
    CopySubscription,
    LeaderAction,
    LeaderKind,
    Outcome,
    SubscriptionId,
)
from arbiter.model.money import ONE, ZERO, quotient

_BOTH = (Outcome.YES, Outcome.NO)


class Lot(NamedTuple):
    """A part of a target that was opened at one price of the leader's, in terms of YES."""

    units: Decimal
    price: Decimal


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What to hold in one market, in the leader's units."""

    market: str
    size: Decimal = ZERO
    """Signed: short is NO, or a short perpetual."""
    lots: tuple[Lot, ...] = ()
    """What it is made of, oldest first."""
    leader: Decimal = ZERO
    """What the leader holds, YES less NO."""
    redeemed: bool = False
    """The market is resolved and the leader has been paid."""

    def price_of(self, units: Decimal) -> Decimal | None:
        """Give the leader's mean price, in terms of YES, for the last `units` opened."""
        left, value = units, ZERO
        for lot in reversed(self.lots):
            part = min(left, lot.units)
            value += part * lot.price
            left -= part
            if not left:
                break
        priced = units - left
        return quotient(value, priced) if priced else None


def held_key(subscription: SubscriptionId, market: str, outcome: Outcome) -> str:
    return f"{_held_prefix(subscription)}{market}:{outcome}"


def _held_prefix(subscription: SubscriptionId) -> str:
    return f"held:{subscription}:"


def targets(subscription: CopySubscription, actions: Iterable[LeaderAction]) -> dict[str, Target]:
    """Give the target of every market the leader was ever seen in, by market."""
    by_market: dict[str, list[LeaderAction]] = {}
    for action in actions:
        by_market.setdefault(action.market, []).append(action)
    return {market: target(subscription, acts) for market, acts in by_market.items()}


def target(subscription: CopySubscription, actions: Iterable[LeaderAction]) -> Target:
    """Fold the acts of one market, told in any order, into what to hold."""
    fold = _Fold(subscription)
    market = ""
    for action in sorted(actions, key=lambda act: (act.at_ns, act.kind.rank, act.key)):
        market = action.market
        fold.take(action)
    return Target(
        market=market,
        size=fold.net,
        lots=tuple(fold.lots),
        leader=fold.books[Outcome.YES].leader - fold.books[Outcome.NO].leader,
        redeemed=fold.redeemed,
    )


class _Book:
    """One outcome: what the leader holds of it, and what we should."""

    def __init__(self) -> None:
        self.leader = ZERO
        self.ours = ZERO

    def reduce(self, size: Decimal) -> Decimal:
        """Take away from the leader's, and pro rata from ours; gives what was left to take."""
        had = abs(self.leader)
        part = min(size, had)
        if part == had:
            self.leader = self.ours = ZERO
        else:
            self.leader = quotient(self.leader * (had - part), had)
            self.ours = quotient(self.ours * (had - part), had)
        return size - part


class _Fold:
    def __init__(self, subscription: CopySubscription) -> None:
        self.books = {outcome: _Book() for outcome in _BOTH}
        self.lots: list[Lot] = []
        self.net = ZERO
        self.redeemed = False
        self._subscription = subscription
        self._held = _held_prefix(subscription.id)
        self._spent: dict[tuple[str, Outcome], Decimal] = {}
        self._last_price = ZERO

    def take(self, action: LeaderAction) -> None:
        if action.kind is LeaderKind.HELD:
            if action.key.startswith(self._held):
                self.books[action.outcome].leader += action.size
            return
        if action.at_ns < self._subscription.created_ns:
            return  # it is in what was held at the beginning
        self._act(action)
        self._weigh(action)

    def _act(self, action: LeaderAction) -> None:
        match action.kind:
            case LeaderKind.BUY | LeaderKind.SELL:
                self._trade(action)
            case LeaderKind.SPLIT:
                for outcome in _BOTH:
                    self._open(self.books[outcome], action, ONE, outcome, 1, action.size)
            case LeaderKind.MERGE:
                for outcome in _BOTH:
                    self.books[outcome].reduce(action.size)
            case LeaderKind.REDEEM:
                for outcome in _BOTH:
                    self.books[outcome].reduce(abs(self.books[outcome].leader))
                    self.books[outcome].ours = ZERO
        self.redeemed = action.kind is LeaderKind.REDEEM

    def _trade(self, action: LeaderAction) -> None:
        """Reduce what is held against the trade, and open the rest.

        Only where the venue tells the position before a trade may a sale open a short; elsewhere
        what is sold was held, whether we knew of it or not.
        """
        book = self.books[action.outcome]
        if action.start is not None:
            book.leader = action.start
        sign = 1 if action.kind is LeaderKind.BUY else -1
        rest = action.size
        if book.leader and (book.leader > ZERO) != (sign > 0):
            rest = book.reduce(rest)
        if rest and (sign > 0 or action.start is not None):
            self._open(book, action, action.price, action.outcome, sign, rest)

    def _open(
        self,
        book: _Book,
        action: LeaderAction,
        cost: Decimal,
        outcome: Outcome,
        sign: int,
        size: Decimal,
    ) -> None:
        book.leader += sign * size
        if cost <= ZERO or not self._subscription.opens_at(action.at_ns):
            return
        decision = (action.decision or action.key, outcome)
        spent = self._spent.get(decision, ZERO)
        room = self._subscription.max_position_size - spent
        units = min(size * self._subscription.multiplier, quotient(room, cost))
        if units > ZERO:
            book.ours += sign * units
            self._spent[decision] = spent + units * cost

    def _weigh(self, action: LeaderAction) -> None:
        """Keep the leader's prices of what the target is made of."""
        if action.price:
            yes = action.outcome is not Outcome.NO
            self._last_price = action.price if yes else ONE - action.price
        before, self.net = self.net, self.books[Outcome.YES].ours - self.books[Outcome.NO].ours
        after = self.net
        if not after:
            self.lots = []
        elif not before or (before > ZERO) != (after > ZERO):
            self.lots = [Lot(abs(after), self._last_price)]
        elif abs(after) > abs(before):
            self.lots.append(Lot(abs(after) - abs(before), self._last_price))
        elif abs(after) < abs(before):
            self.lots = [Lot(quotient(lot.units * after, before), lot.price) for lot in self.lots]

"""What a leader held before we followed: exits are pro rata of that too."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from arbiter.copying.targets import held_key
from arbiter.model.copying import (
    CopySubscription,
    LeaderAction,
    LeaderHolding,
    LeaderKind,
    Outcome,
)
from arbiter.model.money import ZERO

_ADDS = {
    LeaderKind.BUY: 1,
    LeaderKind.SPLIT: 1,
    LeaderKind.SELL: -1,
    LeaderKind.MERGE: -1,
}


def opening(
    subscription: CopySubscription,
    holdings: Iterable[LeaderHolding],
    actions: Iterable[LeaderAction],
) -> tuple[LeaderAction, ...]:
    """Reckon back from what is held now, by the acts since the subscription, to its beginning.

    `actions` are those known by the time of `holdings`. A market redeemed since held nothing that
    could still be sold.
    """
    moved, redeemed = _moves(subscription, actions)
    held = []
    for holding in sorted(holdings, key=lambda row: (row.market, row.outcome)):
        size = holding.size - moved.get((holding.market, holding.outcome), ZERO)
        if size > ZERO and holding.market not in redeemed:
            held.append(
                LeaderAction(
                    venue=subscription.venue,
                    wallet=subscription.wallet,
                    key=held_key(subscription.id, holding.market, holding.outcome),
                    kind=LeaderKind.HELD,
                    market=holding.market,
                    outcome=holding.outcome,
                    size=size,
                    at_ns=subscription.created_ns,
                )
            )
    return tuple(held)


def _moves(
    subscription: CopySubscription, actions: Iterable[LeaderAction]
) -> tuple[dict[tuple[str, Outcome], Decimal], set[str]]:
    moved: dict[tuple[str, Outcome], Decimal] = {}
    redeemed: set[str] = set()
    for action in actions:
        if action.at_ns < subscription.created_ns:
            continue
        if action.kind is LeaderKind.REDEEM:
            redeemed.add(action.market)
        for outcome in _outcomes(action):
            key = (action.market, outcome)
            change = action.size * _ADDS.get(action.kind, 0)
            moved[key] = moved.get(key, ZERO) + change
    return moved, redeemed


def _outcomes(action: LeaderAction) -> Sequence[Outcome]:
    return (Outcome.YES, Outcome.NO) if action.outcome is Outcome.BOTH else (action.outcome,)

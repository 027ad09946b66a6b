"""The vote: weighted and scaled by confidence; without enough agreement nothing is done.

With w the weight and c the confidence of each voter::

    score[action] = Σ w·c over those who said it
    consensus     = score[winner] / Σ score              share of all that was cast, HOLD included
    confidence    = score[winner] / Σ w of the winner's voters

A HOLD cast against a BUY therefore counts, and counts the less the less sure it was.
"""

from collections.abc import Iterable, Mapping

import msgspec

from arbiter.agents.opinions import Opinion
from arbiter.model.agents import Action

UNKNOWN_WEIGHT = 0.2


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    action: Action
    """HOLD where the winner did not reach the thresholds."""
    leader: Action
    """Who had the most, whether or not it sufficed."""
    consensus: float
    confidence: float
    reasoning: str
    scores: dict[str, float]
    voters: tuple[str, ...]
    """Agents that said what the leader is."""


def count(
    opinions: Iterable[Opinion],
    weights: Mapping[str, float],
    *,
    consensus: float,
    min_confidence: float,
) -> Verdict:
    """Count the newest opinion of each agent."""
    scores = dict.fromkeys(Action, 0.0)
    voters: dict[Action, list[tuple[str, float]]] = {action: [] for action in Action}
    for said in opinions:
        weight = weights.get(said.agent, UNKNOWN_WEIGHT)
        scores[said.action] += weight * said.confidence
        voters[said.action].append((said.agent, weight))
    total = sum(scores.values())
    # HOLD comes last, so that a tie with it is none.
    leader = max((Action.HOLD, Action.SELL, Action.BUY), key=lambda action: scores[action])
    share = scores[leader] / total if total > 0 else 0.0
    heft = sum(weight for _, weight in voters[leader])
    confidence = scores[leader] / heft if heft > 0 else 0.0
    shown = ", ".join(f"{action} {scores[action]:.3f}" for action in Action)
    why = f"{shown}; {leader} has {share:.0%} of what was cast, confidence {confidence:.2f}"
    action = leader
    if leader is not Action.HOLD and share < consensus:
        action, why = Action.HOLD, f"{why}: below the consensus of {consensus:.0%}"
    elif leader is not Action.HOLD and confidence < min_confidence:
        action, why = Action.HOLD, f"{why}: below the least confidence of {min_confidence:.2f}"
    elif not total:
        why = "nobody has anything to say"
    return Verdict(
        action=action,
        leader=leader,
        consensus=round(share, 4),
        confidence=round(confidence, 4),
        reasoning=why,
        scores={str(action): round(value, 4) for action, value in scores.items()},
        voters=tuple(name for name, _ in voters[leader]),
    )

"""Opinions: what one analyst says of one symbol, and why."""

from collections.abc import Callable

import msgspec

from arbiter.agents.view import MarketView
from arbiter.model.agents import Action

Context = dict[str, float | int | str | None]
"""Figures an agent looked at, as they are kept and shown."""


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """`score` in −1..1 says how far from SELL to BUY; `confidence` in 0..1 how sure."""

    agent: str
    action: Action
    confidence: float
    reasoning: str
    context: Context
    score: float


Analyst = Callable[[MarketView], Opinion | None]
"""Rules of one agent; None when it has nothing to look at (no feed, too little history)."""


def opinion(
    agent: str,
    score: float,
    reasons: list[str],
    context: Context,
    *,
    threshold: float = 0.25,
    quiet: float = 0.4,
) -> Opinion:
    """Make an opinion of a score: beyond ±threshold it acts, and the surer the further out.

    `quiet` is the confidence of a HOLD at score 0: low for agents that wait for an event, whose
    silence says little.
    """
    score = max(-1.0, min(1.0, score))
    strength = abs(score)
    if strength < threshold:
        confidence = 0.1 + (quiet - 0.1) * (1.0 - strength / threshold)
        action = Action.HOLD
    else:
        confidence = 0.55 + 0.4 * min((strength - threshold) / (0.8 - threshold), 1.0)
        action = Action.BUY if score > 0 else Action.SELL
    return Opinion(
        agent=agent,
        action=action,
        confidence=round(confidence, 4),
        reasoning="; ".join(reasons) or "nothing stands out",
        context={**context, "score": round(score, 4)},
        score=round(score, 4),
    )

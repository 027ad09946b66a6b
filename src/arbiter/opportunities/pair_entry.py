"""From two listings to a pair that can be put before a person."""

import hashlib
import re
from decimal import Decimal

from arbiter.model.event_pairs import EventListing, EventPair, EventPairId, Polarity, paired
from arbiter.model.ids import Actor
from arbiter.opportunities.matcher_settings import MatcherSettings
from arbiter.opportunities.pair_matcher import PairMatcher, Proposal

_LONGEST = 48


def pair_id(first: EventListing, second: EventListing) -> EventPairId:
    """Name a pair by its first title; six digits tell two of one title apart."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{first.title} {first.outcome}".lower()).strip("-")
    key = f"{first.instrument} {second.instrument}".encode()
    return EventPairId(f"{words[:_LONGEST].rstrip('-')}-{hashlib.sha256(key).hexdigest()[:6]}")


def enter(proposal: Proposal, cap_usd: Decimal, actor: Actor, now_ns: int) -> EventPair:
    """Make the record of a proposal: the window ends with the first of both, pays with the last."""
    first, second = proposal.first, proposal.second
    return EventPair(
        id=pair_id(first, second),
        first=paired(first),
        second=paired(second),
        polarity=proposal.polarity,
        resolution_source=_both(first, second, "resolution_source"),
        void_rule=_both(first, second, "void_rule"),
        opens_ns=max(first.opens_ns, second.opens_ns),
        closes_ns=min(first.closes_ns, second.closes_ns),
        payout_ns=max(first.payout_ns, second.payout_ns),
        recurs_ns=first.recurs_ns if first.recurs_ns == second.recurs_ns else 0,
        cap_usd=cap_usd,
        warnings=proposal.warnings,
        score=Decimal(repr(round(proposal.score, 4))),
        simulated=first.simulated and second.simulated,
        proposed_by=actor,
        proposed_ns=now_ns,
        updated_ns=now_ns,
    )


def same_question(proposed: EventPair, known: EventPair) -> bool:
    """Whether somebody was already asked about these two markets.

    Another text is another question, unless the pair is approved: then it is suspended first.
    """
    if set(proposed.instruments) != set(known.instruments):
        return False
    return known.approved or _texts(proposed) == _texts(known)


def _texts(pair: EventPair) -> set[str]:
    return {market.rules_sha256 for market in pair.markets}


def by_hand(first: EventListing, second: EventListing, polarity: Polarity) -> Proposal:
    """A pair that a person names: what speaks against it becomes what they must acknowledge."""
    verdict = PairMatcher(MatcherSettings()).compare(first, second)
    warnings = (*verdict.differences, *verdict.warnings)
    if verdict.matches and verdict.polarity is not polarity:
        warnings = (f"polarity: the texts read as {verdict.polarity}", *warnings)
    return Proposal(
        first=first, second=second, polarity=polarity, score=verdict.score, warnings=warnings
    )


def _both(first: EventListing, second: EventListing, field: str) -> str:
    """One text where both venues say the same, else each with its venue."""
    one, other = getattr(first, field), getattr(second, field)
    if one == other:
        return str(one)
    return f"{first.venue}: {one or 'not told'}; {second.venue}: {other or 'not told'}"

"""What people decide about event pairs, as events with their audit record."""

from decimal import Decimal

from msgspec.structs import replace

from arbiter.ledger.reads import LedgerReads
from arbiter.model.commands import ProposePair, ReviewPair
from arbiter.model.errors import Conflict, InvalidValue, NotFound
from arbiter.model.event_pairs import EventPair, Review
from arbiter.model.events import Audited, EventPairProposed, EventPairReviewed, JournalEvent
from arbiter.model.money import plain

RULES_CHANGED = "RULES_CHANGED"
"""A suspension for this reason ends with a new proposal only."""

_FROM = {
    Review.APPROVED: (Review.PROPOSED, Review.SUSPENDED),
    Review.REJECTED: (Review.PROPOSED, Review.APPROVED, Review.SUSPENDED),
    Review.SUSPENDED: (Review.APPROVED,),
}


def proposed(ledger: LedgerReads, command: ProposePair, now_ns: int) -> tuple[JournalEvent, ...]:
    """Enter a pair for review; `Conflict` while one of its name is approved."""
    before = ledger.event_pairs.get(command.pair.id)
    if before is not None and before.approved:
        raise Conflict(f"{before.id} is approved; suspend it before proposing it anew")
    pair = replace(
        command.pair,
        state=Review.PROPOSED,
        reason="",
        proposed_by=command.actor,
        proposed_ns=now_ns,
        approved_by=None,
        approved_ns=None,
        updated_ns=now_ns,
    )
    entered = EventPairProposed(at_ns=now_ns, pair=pair)
    return entered, _audit(command, "pair.propose", pair.id, before, str(pair.polarity), now_ns)


def reviewed(ledger: LedgerReads, command: ReviewPair, now_ns: int) -> tuple[JournalEvent, ...]:
    """Approve, reject or suspend; `NotFound`, `Conflict` or `InvalidValue` before any change."""
    pair = ledger.event_pairs.get(command.pair_id)
    if pair is None:
        raise NotFound(f"no event pair is named {command.pair_id!r}; list them: arbiter pairs show")
    allowed = _FROM.get(command.state)
    if allowed is None:
        raise InvalidValue(f"a pair is approved, rejected or suspended, not {command.state}")
    if pair.state not in allowed:
        raise Conflict(f"{pair.id} is {pair.state} and cannot become {command.state}")
    if command.state is Review.APPROVED:
        _check_approval(pair, command, now_ns)
    cap = command.cap_usd
    review = EventPairReviewed(
        at_ns=now_ns,
        pair_id=pair.id,
        state=command.state,
        actor=command.actor,
        reason=command.reason,
        cap_usd=cap,
    )
    after = str(command.state) + ("" if cap is None else f" cap={plain(cap)}")
    if command.reason:
        after += f" {command.reason}"
    if command.state is Review.APPROVED and pair.warnings:
        after += f" acknowledged: {'; '.join(pair.warnings)}"
    action = f"pair.{_VERBS[command.state]}"
    return review, _audit(command, action, pair.id, pair, after, now_ns)


def _check_approval(pair: EventPair, command: ReviewPair, now_ns: int) -> None:
    if pair.reason.startswith(RULES_CHANGED):
        raise Conflict(
            f"{pair.id} was suspended because a rule text changed; propose it anew and read both"
        )
    if pair.closes_ns <= now_ns:
        raise Conflict(f"{pair.id} has closed: its window is over")
    if pair.warnings and not command.acknowledged:
        listed = "; ".join(pair.warnings)
        raise InvalidValue(f"{pair.id} has warnings to acknowledge first: {listed}")
    cap = command.cap_usd
    if cap is not None and not (cap.is_finite() and cap > Decimal(0)):
        raise InvalidValue(f"a pair's cap must be positive, got {cap}")


def _audit(
    command: ProposePair | ReviewPair,
    action: str,
    entity: str,
    before: EventPair | None,
    after: str,
    now_ns: int,
) -> Audited:
    return Audited(
        at_ns=now_ns,
        actor=command.actor,
        action=action,
        entity=f"pair:{entity}",
        before="" if before is None else str(before.state),
        after=after,
    )


_VERBS = {Review.APPROVED: "approve", Review.REJECTED: "reject", Review.SUSPENDED: "suspend"}

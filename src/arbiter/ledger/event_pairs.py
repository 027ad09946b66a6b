"""The registry of event pairs: proposed by a comparison, traded only on somebody's word.

    PROPOSED ──► APPROVED ⇄ SUSPENDED
        └──► REJECTED ◄──────┘   (an approved one can be rejected too)

A pair whose rule text changed is another contract: it must be proposed anew, with the new texts.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from arbiter.model.changes import Changes
from arbiter.model.errors import LedgerError
from arbiter.model.event_pairs import EventPair, EventPairId, Review
from arbiter.model.events import EventPairProposed, EventPairReviewed


class EventPairs:
    def __init__(self) -> None:
        self.rows: Final[dict[EventPairId, EventPair]] = {}

    def restore(self, rows: Iterable[EventPair]) -> None:
        self.rows.update((row.id, row) for row in sorted(rows, key=lambda row: row.id))

    def propose(self, event: EventPairProposed, changes: Changes) -> None:
        """Enter a pair, in the place of one of its name that nobody approves of now."""
        before = self.rows.get(event.pair.id)
        if before is not None and before.approved:
            raise LedgerError(f"{before.id} is approved; suspend it before proposing it anew")
        if event.pair.state is not Review.PROPOSED:
            raise LedgerError(f"{event.pair.id} cannot be entered as {event.pair.state}")
        self._keep(event.pair, changes)

    def review(self, event: EventPairReviewed, changes: Changes) -> None:
        before = self.rows.get(event.pair_id)
        if before is None:
            raise LedgerError(f"no event pair {event.pair_id} in the ledger")
        approving = event.state is Review.APPROVED
        self._keep(
            replace(
                before,
                state=event.state,
                reason=event.reason,
                cap_usd=before.cap_usd if event.cap_usd is None else event.cap_usd,
                approved_by=event.actor if approving else before.approved_by,
                approved_ns=event.at_ns if approving else before.approved_ns,
                updated_ns=event.at_ns,
            ),
            changes,
        )

    def _keep(self, pair: EventPair, changes: Changes) -> None:
        self.rows[pair.id] = pair
        changes.event_pairs[pair.id] = pair

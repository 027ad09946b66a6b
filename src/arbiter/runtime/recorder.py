"""Recording: every event goes to the ledger, the journal and the watchers, in one step."""

from collections.abc import Callable

from arbiter.ledger.ledger import Ledger
from arbiter.model.changes import Changes
from arbiter.model.events import Event, JournalEvent
from arbiter.ports.clock import Clock
from arbiter.ports.journal import Journal
from arbiter.runtime.hub import EventHub


class Recorder:
    def __init__(self, ledger: Ledger, journal: Journal, hub: EventHub, clock: Clock) -> None:
        self._ledger = ledger
        self._journal = journal
        self._hub = hub
        self.now_ns = clock.now_ns
        """The time an event of this moment carries."""

    def record(self, *events: JournalEvent, then: Callable[[], None] | None = None) -> Changes:
        """Fold events into the ledger, queue them for the journal, tell the watchers.

        `then` runs after the commit. Returns what changed.
        """
        changes = self._ledger.apply(*events)
        batch: tuple[Event, ...] = events
        self._journal.append(batch, changes, then)
        self._hub.publish(batch, changes)
        return changes

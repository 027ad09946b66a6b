"""The journal in virtual time: a batch is durable after a modelled delay."""

from collections.abc import Callable, Sequence

from arbiter.backtest.agenda import Agenda, VirtualClock
from arbiter.model.changes import Changes
from arbiter.model.events import Event
from arbiter.ports.journal import Journal


class VirtualJournal:
    """Commits on the agenda; batches also go to `kept`, where a replay wants them stored.

    What runs after a commit runs in virtual time, whenever `kept` gets round to writing.
    """

    def __init__(
        self, agenda: Agenda, clock: VirtualClock, delay_ns: int, kept: Journal | None = None
    ) -> None:
        self._agenda = agenda
        self._clock = clock
        self._delay_ns = delay_ns
        self._kept = kept

    @property
    def healthy(self) -> bool:
        return True

    def append(
        self,
        events: Sequence[Event],
        changes: Changes,
        then: Callable[[], None] | None = None,
    ) -> None:
        if self._kept is not None:
            self._kept.append(events, changes)
        if then is not None:
            self._agenda.at(self._clock.now_ns() + self._delay_ns, then)

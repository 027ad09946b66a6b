"""A journal in memory: commits at once, or when told to."""

from collections.abc import Callable, Sequence

from arbiter.model.changes import Changes
from arbiter.model.events import Event


class FakeJournal:
    """With `hold` set, commits wait for `commit()`: the time between an intent and its safety."""

    def __init__(self, *, hold: bool = False) -> None:
        self.healthy = True
        self.hold = hold
        self.events: list[Event] = []
        self._waiting: list[Callable[[], None]] = []

    def append(
        self,
        events: Sequence[Event],
        changes: Changes,
        then: Callable[[], None] | None = None,
    ) -> None:
        del changes
        self.events.extend(events)
        if then is None:
            return
        self._waiting.append(then)
        if not self.hold:
            self.commit()

    def commit(self) -> None:
        """Make everything that waits durable."""
        while self._waiting:
            self._waiting.pop(0)()

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

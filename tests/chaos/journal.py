"""A journal with a commit delay, that keeps at a crash what it had committed, and no more."""

from collections import deque
from collections.abc import Callable, Sequence

from arbiter.model.changes import Changes
from arbiter.model.events import Event, JournalEvent, decode_event, encode_event
from arbiter.model.time import NS_PER_S
from tests.chaos.virtual_loop import VirtualLoop

Batch = tuple[list[bytes], Callable[[], None] | None]


class Durable:
    """What survives: the encoded events of every committed batch."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []

    def events(self, first: int = 0) -> list[JournalEvent]:
        """Of the batch of this number and of all after it."""
        return [decode_event(data) for batch in self.batches[first:] for data in batch]


class VirtualJournal:
    """One engine's way to the durable store. `on_commit` is called with the number of a batch
    just before it is committed and just after (`durable` True), before its `then`."""

    def __init__(
        self,
        durable: Durable,
        loop: VirtualLoop,
        delay_ns: Callable[[], int],
        on_commit: Callable[[int, bool], None] = lambda _number, _durable: None,
    ) -> None:
        self._durable = durable
        self._loop = loop
        self._delay_ns = delay_ns
        self._on_commit = on_commit
        self._waiting: deque[Batch] = deque()
        self._due_ns = 0
        self._down_until_ns = 0
        self._dead = False

    @property
    def healthy(self) -> bool:
        return self._loop.now_ns >= self._down_until_ns

    def fail_until(self, at_ns: int) -> None:
        """The database is away until then; what is appended waits."""
        self._down_until_ns = at_ns

    def append(
        self,
        events: Sequence[Event],
        changes: Changes,
        then: Callable[[], None] | None = None,
    ) -> None:
        del changes
        self._waiting.append(([encode_event(event) for event in events], then))
        now = self._loop.now_ns
        self._due_ns = max(self._due_ns, now + self._delay_ns(), self._down_until_ns)
        self._loop.call_later((self._due_ns - now) / NS_PER_S, self._commit)

    def die(self) -> None:
        """The process is gone: what was not committed never was."""
        self._dead = True

    def _commit(self) -> None:
        if self._dead or not self._waiting:
            return
        if not self.healthy:
            wait_s = (self._down_until_ns - self._loop.now_ns) / NS_PER_S
            self._loop.call_later(wait_s, self._commit)
            return
        batch, then = self._waiting.popleft()
        number = len(self._durable.batches)
        self._on_commit(number, False)
        if self._died():
            return
        self._durable.batches.append(batch)
        self._on_commit(number, True)
        if then is not None and not self._died():
            then()

    def _died(self) -> bool:
        return self._dead

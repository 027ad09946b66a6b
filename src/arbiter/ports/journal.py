"""The journal: where events become durable, together with the rows they changed."""

from collections.abc import Callable, Sequence
from typing import Protocol

from arbiter.model.changes import Changes
from arbiter.model.events import Event


class Journal(Protocol):
    """Append-only and ordered: batches become durable in the order they were appended.

    One batch is one transaction (many batches may share one). While the database is away batches
    wait in memory and `healthy` is False: the gate then opens nothing.
    """

    @property
    def healthy(self) -> bool:
        """False from the first failed write until everything waiting has been written."""
        ...

    def append(
        self,
        events: Sequence[Event],
        changes: Changes,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Queue a batch; call `then` on the loop, once, after its commit. Never blocks."""
        ...

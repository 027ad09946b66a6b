"""The books of one connection that are out of step, and when that has lasted too long."""

import structlog

from arbiter.model.time import NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.venues.common.frames import FeedTally

log = structlog.get_logger(__name__)

LATE_NS = NS_PER_S
"""A snapshot asked for and not come within this time is asked for by a new connection."""
MANY = 10
"""More books out of step at once than these are mended by a new connection, too."""


class OutOfStep:
    def __init__(self, tally: FeedTally, clock: Clock) -> None:
        self._tally = tally
        self._now_ns = clock.monotonic_ns
        self._since: dict[str, int] = {}
        """By the venue's name of the book, monotonic."""

    def __contains__(self, name: str) -> bool:
        return name in self._since

    def lose(self, name: str, why: str) -> None:
        log.info("book out of step", book=name, why=why)
        self._since.setdefault(name, self._now_ns())

    def mend(self, name: str) -> None:
        """Count a book that is whole; one that never was out of step is not counted."""
        since = self._since.pop(name, None)
        if since is not None:
            self._tally.resynced(self._now_ns() - since)

    def forget(self, name: str) -> None:
        """Expect nothing more of a book: its market is over."""
        self._since.pop(name, None)

    def hopeless(self, most: int = MANY) -> str | None:
        """Say why the connection had better be given up; None while it had not."""
        if not self._since:
            return None
        if len(self._since) > most:
            return f"{len(self._since)} books out of step"
        if self._now_ns() - min(self._since.values()) > LATE_NS:
            return "no snapshot came"
        return None

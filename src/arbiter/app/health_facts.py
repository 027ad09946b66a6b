"""What the health probes ask, answered by the running engine."""

from collections.abc import Mapping, Sequence

from arbiter.api.common.server import Listener
from arbiter.model.ids import VenueId
from arbiter.ports.clock import Clock
from arbiter.runtime.queries import Queries
from arbiter.runtime.supervisor import Supervisor


class RunningHealth:
    """`api.funding.health.HealthFacts` over an engine and its listeners."""

    def __init__(self, queries: Queries, supervisor: Supervisor, clock: Clock) -> None:
        self._queries = queries
        self._supervisor = supervisor
        self._clock = clock
        self._started_ns = clock.monotonic_ns()
        self.listeners: dict[str, Listener] = {}
        """Enabled listeners by name; put here as they are made."""

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def uptime_seconds(self) -> int:
        return (self._clock.monotonic_ns() - self._started_ns) // 1_000_000_000

    def alive(self) -> bool:
        return self._supervisor.failure is None

    def recovered(self) -> bool:
        return self._queries.recovered

    def durable(self) -> bool:
        return self._queries.journal_healthy

    def connections(self) -> Mapping[VenueId, bool]:
        return {venue.venue: venue.connected for venue in self._queries.venues()}

    def unbound(self) -> Sequence[str]:
        return [name for name, server in self.listeners.items() if not server.bound]

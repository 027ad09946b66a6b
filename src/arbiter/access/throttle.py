"""The log-in throttle: every wrong credential makes the next try wait longer.

Counted per user and per peer. A try is counted before the password is checked, so that many tries
at once gain nothing, and given back when it turns out right. Memory is bounded: beyond
`max_tracked` names or peers the one whose last try is oldest is forgotten.
"""

from collections import OrderedDict

import msgspec

from arbiter.model.errors import BadConfig
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.ports.clock import Clock

_MAX_DOUBLINGS = 40


class ThrottleSettings(msgspec.Struct, frozen=True, kw_only=True):
    free_tries_per_user: int = 5
    free_tries_per_peer: int = 20
    """Higher: many people may share one address."""
    first_delay_seconds: float = 1.0
    """Wait after the last free try; doubles with each further one."""
    max_delay_seconds: float = 300.0
    """Bounds how long a stranger can keep a user out."""
    forget_after_seconds: float = 900.0
    """Without a try for so long, a count starts anew."""
    max_tracked: int = 10_000

    def __post_init__(self) -> None:
        if self.free_tries_per_user < 1 or self.free_tries_per_peer < 1:
            raise BadConfig("throttle.free_tries_per_user and _per_peer must be at least 1")
        if not 0 < self.first_delay_seconds <= self.max_delay_seconds:
            raise BadConfig("throttle.first_delay_seconds must be above 0, at most the max delay")
        if self.forget_after_seconds < self.max_delay_seconds:
            raise BadConfig("throttle.forget_after_seconds must not be below the max delay")
        if self.max_tracked < 1:
            raise BadConfig("throttle.max_tracked must be at least 1")


class _Tally(msgspec.Struct, kw_only=True):
    tries: int = 0
    last_ns: int = 0
    blocked_until_ns: int = 0


class _Tallies:
    """Counts under one kind of key."""

    def __init__(self, settings: ThrottleSettings, free_tries: int) -> None:
        self._settings = settings
        self._free_tries = free_tries
        self._rows: OrderedDict[str, _Tally] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def wait_ns(self, key: str, now_ns: int) -> int:
        row = self._rows.get(key)
        return max(0, row.blocked_until_ns - now_ns) if row else 0

    def count(self, key: str, now_ns: int) -> None:
        row = self._rows.get(key)
        if row is None or now_ns - row.last_ns > self._settings.forget_after_seconds * NS_PER_S:
            row = self._rows[key] = _Tally()
        row.tries += 1
        row.last_ns = now_ns
        row.blocked_until_ns = now_ns + self._delay_ns(row.tries)
        self._rows.move_to_end(key)
        if len(self._rows) > self._settings.max_tracked:
            self._rows.popitem(last=False)

    def give_back(self, key: str) -> None:
        row = self._rows.get(key)
        if row is None:
            return
        row.tries -= 1
        row.blocked_until_ns = row.last_ns + self._delay_ns(row.tries)
        if row.tries <= 0:
            del self._rows[key]

    def clear(self, key: str) -> None:
        self._rows.pop(key, None)

    def _delay_ns(self, tries: int) -> int:
        beyond = tries - self._free_tries
        if beyond < 0:
            return 0
        seconds = self._settings.first_delay_seconds * 2.0 ** min(beyond, _MAX_DOUBLINGS)
        return int(min(seconds, self._settings.max_delay_seconds) * NS_PER_S)


class LoginThrottle:
    def __init__(self, settings: ThrottleSettings, clock: Clock) -> None:
        self._clock = clock
        self._users = _Tallies(settings, settings.free_tries_per_user)
        self._peers = _Tallies(settings, settings.free_tries_per_peer)

    def __len__(self) -> int:
        """Give the number of users and peers remembered."""
        return len(self._users) + len(self._peers)

    def admit(self, user_id: str, peer: str) -> int:
        """Count a try and give 0, or leave it uncounted and give the ms to wait (> 0)."""
        now = self._clock.monotonic_ns()
        wait = max(self._users.wait_ns(user_id, now), self._peers.wait_ns(peer, now))
        if wait > 0:
            return -(-wait // NS_PER_MS)
        self._users.count(user_id, now)
        self._peers.count(peer, now)
        return 0

    def succeeded(self, user_id: str, peer: str) -> None:
        """Forgive the user; the peer gets back this one try only, it may be trying others."""
        self._users.clear(user_id)
        self._peers.give_back(peer)

    def undecided(self, user_id: str, peer: str) -> None:
        """Give a try back that was never decided: the database was away, or too many at once."""
        self._users.give_back(user_id)
        self._peers.give_back(peer)

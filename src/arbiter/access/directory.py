"""The directory: users and keys at hand, so that verifying a call does not wait for the database.

An entry is trusted for a moment, so a role changed or a key revoked by another process counts
within that moment; what this process changes counts at once. While the database is away the last
known entries go on serving: the kill switch must be reachable then.
"""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import msgspec

from arbiter.access.api_keys import ApiKey
from arbiter.access.store import AccessStore
from arbiter.access.users import User, UserId
from arbiter.model.errors import StorageUnavailable
from arbiter.model.time import NS_PER_S
from arbiter.ports.clock import Clock

TRUSTED_NS = 2 * NS_PER_S

K = TypeVar("K")
V = TypeVar("V")


class _Entry(msgspec.Struct, Generic[V], frozen=True):
    value: V
    read_ns: int


class _Shelf(Generic[K, V]):
    """Known records only: a stranger's guesses take no memory."""

    def __init__(self, clock: Clock, find: Callable[[K], Awaitable[V | None]]) -> None:
        self._clock = clock
        self._find = find
        self._entries: dict[K, _Entry[V]] = {}
        self._generation = 0

    async def get(self, key: K) -> V | None:
        now = self._clock.monotonic_ns()
        entry = self._entries.get(key)
        if entry is not None and now - entry.read_ns < TRUSTED_NS:
            return entry.value
        generation = self._generation
        try:
            value = await self._find(key)
        except StorageUnavailable:
            kept = self._entries.get(key)
            if kept is None:
                raise
            return kept.value
        if value is None:
            self._entries.pop(key, None)
        elif generation == self._generation:
            # Otherwise something was changed while we read: what was read may be old.
            self.put(key, value, now)
        return value

    def put(self, key: K, value: V, read_ns: int) -> None:
        self._entries[key] = _Entry(value, read_ns)

    def forget(self, key: K) -> None:
        self._generation += 1
        self._entries.pop(key, None)


class Directory:
    def __init__(self, store: AccessStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._users: _Shelf[UserId, User] = _Shelf(clock, store.find_user)
        self._keys: _Shelf[bytes, ApiKey] = _Shelf(clock, store.find_key)

    async def load(self) -> None:
        """Read everybody once, at start: from then on a lost database locks no one out."""
        now = self._clock.monotonic_ns()
        for user in await self._store.list_users():
            self._users.put(user.user_id, user, now)
        for key in await self._store.list_keys():
            if key.revoked_ns is None:
                self._keys.put(key.digest, key, now)

    async def user(self, user_id: UserId) -> User | None:
        return await self._users.get(user_id)

    async def key(self, digest: bytes) -> ApiKey | None:
        return await self._keys.get(digest)

    def forget_user(self, user_id: UserId) -> None:
        self._users.forget(user_id)

    def forget_key(self, digest: bytes) -> None:
        self._keys.forget(digest)

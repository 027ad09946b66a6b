"""The access store in memory, to the letter of its protocol."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from arbiter.access.api_keys import ApiKey
from arbiter.access.roles import Role
from arbiter.access.store import Family, Rotation
from arbiter.access.users import User, UserId
from arbiter.model.errors import StorageUnavailable


class MemoryAccessStore:
    def __init__(self) -> None:
        self.users: dict[UserId, User] = {}
        self.families: dict[UUID, Family] = {}
        self.revoked: set[UUID] = set()
        self.keys: dict[UUID, ApiKey] = {}
        self.away = False
        """Set to play a database that cannot be reached."""
        self.calls = 0

    def _call(self) -> None:
        self.calls += 1
        if self.away:
            raise StorageUnavailable("the database cannot be reached")

    async def add_user(self, user: User) -> bool:
        self._call()
        return self.users.setdefault(user.user_id, user) is user

    async def find_user(self, user_id: UserId) -> User | None:
        self._call()
        return self.users.get(user_id)

    async def list_users(self) -> Sequence[User]:
        self._call()
        return [self.users[user_id] for user_id in sorted(self.users)]

    async def set_role(self, user_id: UserId, role: Role) -> Role | None:
        self._call()
        user = self.users.get(user_id)
        if user is None:
            return None
        self.users[user_id] = msgspec.structs.replace(user, role=role)
        return user.role

    async def set_password(self, user_id: UserId, password_hash: str, stamp: UUID) -> bool:
        self._call()
        user = self.users.get(user_id)
        if user is None:
            return False
        self.users[user_id] = msgspec.structs.replace(
            user, password_hash=password_hash, stamp=stamp
        )
        self._end_families(user_id)
        return True

    async def replace_hash(self, user_id: UserId, before: str, after: str) -> None:
        self._call()
        user = self.users.get(user_id)
        if user is not None and user.password_hash == before:
            self.users[user_id] = msgspec.structs.replace(user, password_hash=after)

    async def remove_user(self, user_id: UserId) -> bool:
        self._call()
        self._end_families(user_id)
        return self.users.pop(user_id, None) is not None

    async def open_family(self, family: Family, stamp: UUID) -> bool:
        self._call()
        user = self.users.get(family.user_id)
        if user is None or user.stamp != stamp:
            return False
        for old in [*self.families.values()]:
            if old.user_id == family.user_id and old.expires_ns < family.created_ns:
                del self.families[old.family]
        self.families[family.family] = family
        return True

    async def rotate(
        self, family: UUID, used: UUID, successor: UUID, expires_ns: int, now_ns: int
    ) -> Rotation:
        self._call()
        row = self.families.get(family)
        if row is None or family in self.revoked:
            return Rotation.GONE
        if row.current != used:
            self.revoked.add(family)
            return Rotation.REUSED
        self.families[family] = msgspec.structs.replace(
            row, current=successor, expires_ns=expires_ns
        )
        return Rotation.DONE

    async def add_key(self, key: ApiKey) -> bool:
        self._call()
        if any(other.name == key.name and other.revoked_ns is None for other in self.keys.values()):
            return False
        self.keys[key.key_id] = key
        return True

    async def find_key(self, digest: bytes) -> ApiKey | None:
        self._call()
        return next((key for key in self.keys.values() if key.digest == digest), None)

    async def list_keys(self) -> Sequence[ApiKey]:
        self._call()
        return sorted(self.keys.values(), key=lambda key: (key.created_ns, key.key_id))

    async def revoke_key(self, name: str, at_ns: int) -> ApiKey | None:
        self._call()
        for key in self.keys.values():
            if key.name == name and key.revoked_ns is None:
                revoked = msgspec.structs.replace(key, revoked_ns=at_ns)
                self.keys[key.key_id] = revoked
                return revoked
        return None

    async def touch_key(self, key_id: UUID, at_ns: int) -> None:
        self._call()
        key = self.keys.get(key_id)
        if key is not None:
            last = max(key.last_used_ns or 0, at_ns)
            self.keys[key_id] = msgspec.structs.replace(key, last_used_ns=last)

    def _end_families(self, user_id: UserId) -> None:
        for row in [*self.families.values()]:
            if row.user_id == user_id:
                del self.families[row.family]

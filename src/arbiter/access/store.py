"""What `access` needs of the database, as one small protocol.

Every call is one transaction and raises `StorageUnavailable` when the database is away.

A family is one sign-in and the refresh tokens descending from it. Only its newest token is kept:
a verified token of the family with another id has been used before.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol
from uuid import UUID

import msgspec

from arbiter.access.api_keys import ApiKey
from arbiter.access.roles import Role
from arbiter.access.users import User, UserId


class Family(msgspec.Struct, frozen=True, kw_only=True):
    family: UUID
    user_id: UserId
    current: UUID
    """Id of the one refresh token that still works."""
    expires_ns: int
    """When that token expires."""
    created_ns: int


class Rotation(Enum):
    DONE = "done"
    REUSED = "reused"
    """A token of the family came a second time: the family is now revoked."""
    GONE = "gone"
    """The family is unknown or revoked."""


class AccessStore(Protocol):
    async def add_user(self, user: User) -> bool:
        """Add; False if the id is taken."""
        ...

    async def find_user(self, user_id: UserId) -> User | None: ...

    async def list_users(self) -> Sequence[User]:
        """All users by id."""
        ...

    async def set_role(self, user_id: UserId, role: Role) -> Role | None:
        """Set the role and give the one before; None if there is no such user."""
        ...

    async def set_password(self, user_id: UserId, password_hash: str, stamp: UUID) -> bool:
        """Replace hash and stamp and end all families of the user; False if there is none."""
        ...

    async def replace_hash(self, user_id: UserId, before: str, after: str) -> None:
        """Swap the hash of an unchanged password; nothing if it has been changed meanwhile."""
        ...

    async def remove_user(self, user_id: UserId) -> bool:
        """Remove the user with all families; False if there is none."""
        ...

    async def open_family(self, family: Family, stamp: UUID) -> bool:
        """Open a family if the user still has that stamp; drops the user's expired ones."""
        ...

    async def rotate(
        self, family: UUID, used: UUID, successor: UUID, expires_ns: int, now_ns: int
    ) -> Rotation:
        """Make `successor` current if `used` is; atomic, of concurrent calls one is `DONE`."""
        ...

    async def add_key(self, key: ApiKey) -> bool:
        """Add; False if a live key has the name."""
        ...

    async def find_key(self, digest: bytes) -> ApiKey | None: ...

    async def list_keys(self) -> Sequence[ApiKey]:
        """All keys, revoked ones too, oldest first."""
        ...

    async def revoke_key(self, name: str, at_ns: int) -> ApiKey | None:
        """Revoke the live key of that name and give it; None if there is none."""
        ...

    async def touch_key(self, key_id: UUID, at_ns: int) -> None:
        """Note the time of use; never moves it back."""
        ...

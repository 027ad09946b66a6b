"""Users, API keys and refresh tokens in PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from arbiter.access.api_keys import ApiKey
from arbiter.access.roles import Role
from arbiter.access.store import Family, Rotation
from arbiter.access.users import User, UserId
from arbiter.model.errors import StorageUnavailable
from arbiter.storage.access_schema import API_KEYS, REFRESH_TOKENS, USERS
from arbiter.storage.database import reading


class PgAccessStore:
    """Implements `access.store.AccessStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    # Users

    async def add_user(self, user: User) -> bool:
        statement = (
            insert(USERS)
            .values(
                user_id=user.user_id,
                role=user.role.value,
                password_hash=user.password_hash,
                stamp=user.stamp,
                created_ns=user.created_ns,
            )
            .on_conflict_do_nothing()
        )
        async with self._transaction() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def find_user(self, user_id: UserId) -> User | None:
        async with self._transaction() as connection:
            found = await connection.execute(select(USERS).where(USERS.c.user_id == user_id))
            row = found.one_or_none()
        return _user(row) if row else None

    async def list_users(self) -> Sequence[User]:
        async with self._transaction() as connection:
            rows = (await connection.execute(select(USERS))).all()
        # Ordered here: the database's collation is the machine's.
        return sorted(map(_user, rows), key=lambda user: user.user_id)

    async def set_role(self, user_id: UserId, role: Role) -> Role | None:
        this = USERS.c.user_id == user_id
        async with self._transaction() as connection:
            before = await connection.scalar(select(USERS.c.role).where(this).with_for_update())
            await connection.execute(update(USERS).where(this).values(role=role.value))
        return Role(before) if before else None

    async def set_password(self, user_id: UserId, password_hash: str, stamp: UUID) -> bool:
        change = (
            update(USERS)
            .where(USERS.c.user_id == user_id)
            .values(password_hash=password_hash, stamp=stamp)
        )
        async with self._transaction() as connection:
            changed = (await connection.execute(change)).rowcount
            # After the user's row is ours: no family opens behind our back.
            await connection.execute(
                delete(REFRESH_TOKENS).where(REFRESH_TOKENS.c.user_id == user_id)
            )
        return bool(changed)

    async def replace_hash(self, user_id: UserId, before: str, after: str) -> None:
        async with self._transaction() as connection:
            await connection.execute(
                update(USERS)
                .where(USERS.c.user_id == user_id, USERS.c.password_hash == before)
                .values(password_hash=after)
            )

    async def remove_user(self, user_id: UserId) -> bool:
        async with self._transaction() as connection:
            gone = await connection.execute(delete(USERS).where(USERS.c.user_id == user_id))
            return bool(gone.rowcount)

    # Refresh tokens

    async def open_family(self, family: Family, stamp: UUID) -> bool:
        # FOR SHARE makes a removal or a new credential wait until the family is there to be ended.
        unchanged = (
            select(USERS.c.user_id)
            .where(USERS.c.user_id == family.user_id, USERS.c.stamp == stamp)
            .with_for_update(read=True)
        )
        expired = delete(REFRESH_TOKENS).where(
            REFRESH_TOKENS.c.user_id == family.user_id,
            REFRESH_TOKENS.c.expires_ns < family.created_ns,
        )
        opened = insert(REFRESH_TOKENS).values(
            family=family.family,
            user_id=family.user_id,
            current=family.current,
            expires_ns=family.expires_ns,
            created_ns=family.created_ns,
        )
        async with self._transaction() as connection:
            if await connection.scalar(unchanged) is None:
                return False
            await connection.execute(expired)
            await connection.execute(opened)
        return True

    async def rotate(
        self, family: UUID, used: UUID, successor: UUID, expires_ns: int, now_ns: int
    ) -> Rotation:
        """One conditional update decides: the row's lock puts concurrent calls in order, and all
        but the first then find another token current."""
        live = update(REFRESH_TOKENS).where(
            REFRESH_TOKENS.c.family == family, REFRESH_TOKENS.c.revoked_ns.is_(None)
        )
        advance = live.where(REFRESH_TOKENS.c.current == used).values(
            current=successor, expires_ns=expires_ns
        )
        revoke = live.values(revoked_ns=now_ns)
        async with self._transaction() as connection:
            if (await connection.execute(advance)).rowcount:
                return Rotation.DONE
            if (await connection.execute(revoke)).rowcount:
                return Rotation.REUSED
        return Rotation.GONE

    # API keys

    async def add_key(self, key: ApiKey) -> bool:
        statement = (
            insert(API_KEYS)
            .values(
                key_id=key.key_id,
                name=key.name,
                role=key.role.value,
                digest=key.digest,
                created_ns=key.created_ns,
                last_used_ns=key.last_used_ns,
                revoked_ns=key.revoked_ns,
            )
            .on_conflict_do_nothing()
        )
        async with self._transaction() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def find_key(self, digest: bytes) -> ApiKey | None:
        async with self._transaction() as connection:
            found = await connection.execute(select(API_KEYS).where(API_KEYS.c.digest == digest))
            row = found.one_or_none()
        return _key(row) if row else None

    async def list_keys(self) -> Sequence[ApiKey]:
        oldest_first = select(API_KEYS).order_by(API_KEYS.c.created_ns, API_KEYS.c.key_id)
        async with self._transaction() as connection:
            rows = (await connection.execute(oldest_first)).all()
        return [_key(row) for row in rows]

    async def revoke_key(self, name: str, at_ns: int) -> ApiKey | None:
        statement = (
            update(API_KEYS)
            .where(API_KEYS.c.name == name, API_KEYS.c.revoked_ns.is_(None))
            .values(revoked_ns=at_ns)
            .returning(API_KEYS)
        )
        async with self._transaction() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return _key(row) if row else None

    async def touch_key(self, key_id: UUID, at_ns: int) -> None:
        # GREATEST passes over NULL.
        latest = func.greatest(API_KEYS.c.last_used_ns, at_ns)
        async with self._transaction() as connection:
            await connection.execute(
                update(API_KEYS).where(API_KEYS.c.key_id == key_id).values(last_used_ns=latest)
            )

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with reading(self._engine) as connection, connection.begin():
                yield connection
        except PoolTimeout as error:
            raise StorageUnavailable("every database connection is in use; try again") from error


def _user(row: Row[Any]) -> User:
    return User(
        user_id=UserId(row.user_id),
        role=Role(row.role),
        password_hash=row.password_hash,
        stamp=row.stamp,
        created_ns=row.created_ns,
    )


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        name=row.name,
        role=Role(row.role),
        digest=row.digest,
        created_ns=row.created_ns,
        last_used_ns=row.last_used_ns,
        revoked_ns=row.revoked_ns,
    )

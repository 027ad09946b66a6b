"""Bring a database to this version's schema; safe to call by several processes at once.

Each migration runs in a transaction of its own, so a kill in between leaves a whole, older schema
and the next start goes on from there. Migrations only go forward: the way back is a backup.
"""

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.model.errors import Conflict, StorageUnavailable
from arbiter.storage import refill
from arbiter.storage.database import driver_error, make_engine, reading, shown

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x61726269_0001
"""Advisory lock that makes concurrent starts migrate one after the other."""


def newest() -> str:
    """Give the revision this version of the program works with."""
    head = _scripts().get_current_head()
    assert head is not None
    return head


async def current(url: str) -> str | None:
    """Give the database's revision; None before the first migration."""
    engine = make_engine(url, pool_size=1)
    try:
        async with reading(engine) as connection:
            return await connection.run_sync(_revision)
    finally:
        await engine.dispose()


async def upgrade(url: str, *, to: str = "head") -> str:
    """Apply what is missing up to a revision and give the revision reached.

    At the newest, projections that came with it are filled from the journal.

    `Conflict` when the database was made by a newer version; `StorageUnavailable` when it cannot
    be reached or lacks what the schema needs.
    """
    engine = make_engine(url, pool_size=1)
    try:
        reached = await _upgrade(engine, to)
        if reached == newest():
            await refill.fill(url)
        return reached
    except DBAPIError as error:
        raise refused(url, driver_error(error)) from error
    finally:
        await engine.dispose()


async def _upgrade(engine: AsyncEngine, to: str) -> str:
    async with reading(engine) as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        await connection.commit()  # the lock is the session's; migrations begin their own
        try:
            return await connection.run_sync(_apply, to)
        finally:
            if not connection.invalidated:
                await connection.rollback()
                await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
                await connection.commit()


def refused(url: str, error: BaseException) -> StorageUnavailable:
    """Say what a server misses that would not take the schema."""
    where, why = f"PostgreSQL at {shown(url)}", str(error).partition("\n")[0]
    if 'extension "vector"' in why:
        mend = (
            "install pgvector there (Debian: postgresql-VERSION-pgvector), let a superuser run "
            "`CREATE EXTENSION vector` in that database, or unset DATABASE_URL to use the "
            "embedded server, which has it"
        )
    elif "permission denied" in why:
        mend = "make the user of DATABASE_URL the owner of that database"
    else:
        mend = "give arbiter a database of its own"
    return StorageUnavailable(f"{where} cannot take the schema: {why}; {mend}")


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_FOLDER), version_locations=[str(_FOLDER / "versions")])


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _apply(connection: Connection, to: str) -> str:
    scripts = _scripts()
    found = _revision(connection)
    connection.rollback()
    if found is not None and not _known(scripts, found):
        raise Conflict(
            f"the database has schema {found}, which this version of arbiter does not know; "
            "run the newer arbiter that made it, or restore a backup"
        )

    def steps(revision: Any, _: MigrationContext) -> Any:
        return scripts._upgrade_revs(to, revision)

    environment = EnvironmentContext(Config(), scripts, fn=steps)
    environment.configure(connection=connection, transaction_per_migration=True)
    with environment, environment.begin_transaction():
        environment.run_migrations()
    return _revision(connection) or ""


def _known(scripts: ScriptDirectory, revision: str) -> bool:
    try:
        return scripts.get_revision(revision) is not None
    except CommandError:
        return False

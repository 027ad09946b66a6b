"""Projections that a newer version added, filled from the journal before anything reads them.

A migration makes a table; what belongs in it only a fold of the journal knows. The database keeps
how many of `ADDED` it was filled for, in the transaction that fills them, so a start that was
killed in between is made good by the next.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import Column, Integer, Table

from arbiter.model.changes import Changes
from arbiter.model.errors import InstanceLocked
from arbiter.storage import database, rebuild, schema
from arbiter.storage.journal import ENGINE_LOCK
from arbiter.storage.metadata import METADATA, needed

logger = logging.getLogger(__name__)

PROJECTION_FILL = Table(
    "projection_fill",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    needed("version", Integer),
)


class Added(msgspec.Struct, frozen=True):
    """A projection's table, and the part of the changes that it is made of."""

    table: Table
    pick: Callable[[Changes], Changes]


ADDED: tuple[Added, ...] = (
    Added(schema.PNL_MINUTES, lambda changes: Changes(minutes=changes.minutes)),
)
"""In the order they came; only appended to."""

LOCK_WAIT_S = 5.0

_KEEP = """
INSERT INTO projection_fill (id, version) VALUES (1, $1)
ON CONFLICT (id) DO UPDATE SET version = excluded.version
"""


async def fill(url: str) -> int:
    """Fill what was added since this database's last upgrade; gives the events read.

    `InstanceLocked` while an engine of an older version writes.
    """
    connection = await database.connect(url)
    try:
        if not await _missing(connection):
            return 0
        await _lock(connection)  # before the snapshot: nothing is written after it
        try:
            async with connection.transaction(isolation="repeatable_read"):
                return await _fill(connection)
        finally:
            if not connection.is_closed():
                await connection.execute("SELECT pg_advisory_unlock($1)", ENGINE_LOCK)
    except database.DRIVER_ERRORS as error:
        if database.may_pass(error):
            raise database.unreachable(url, error) from error
        raise
    finally:
        await connection.close()


async def _missing(connection: Any) -> tuple[Added, ...]:
    done = await connection.fetchval("SELECT version FROM projection_fill WHERE id = 1")
    return ADDED[done or 0 :]


async def _lock(connection: Any) -> None:
    """Keep engines out; one that was killed a moment ago is waited for."""
    await connection.execute(f"SET lock_timeout = '{int(LOCK_WAIT_S * 1_000)}ms'")
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", ENGINE_LOCK)
    except asyncpg.LockNotAvailableError as error:
        raise InstanceLocked(
            "an engine of an older version writes to this database; stop it before an upgrade"
        ) from error
    await connection.execute("RESET lock_timeout")


async def _fill(connection: Any) -> int:
    missing, count = await _missing(connection), 0
    if missing and await connection.fetchval("SELECT EXISTS (SELECT FROM events)"):
        count = await _fold(connection, missing)
    await connection.execute(_KEEP, len(ADDED))
    return count


async def _fold(connection: Any, missing: tuple[Added, ...]) -> int:
    names = ", ".join(added.table.name for added in missing)
    logger.info("filling %s from the journal, once after an upgrade", names)
    began = time.monotonic()
    tables = tuple(added.table for added in missing)

    def pick(changes: Changes) -> Changes:
        picked = Changes()
        for added in missing:
            picked.merge(added.pick(changes))
        return picked

    count = await rebuild.fold(connection, tables, pick)
    for table in tables:
        await rebuild.replace(connection, table)
    logger.info("%s filled from %d events in %.1f s", names, count, time.monotonic() - began)
    return count

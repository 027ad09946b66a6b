"""Reaching the database: the embedded server's address or anybody's ``DATABASE_URL``.

Every failure to reach it is `StorageUnavailable` with the mend; no message carries a password.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from arbiter.model.errors import BadConfig, StorageUnavailable

OLDEST_SERVER = 14
CONNECT_TIMEOUT_S = 10.0

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""All that a call on an asyncpg connection raises; `may_pass` says which are outages."""

_SCHEMES = ("postgresql+asyncpg://", "postgresql://", "postgres://")


def dsn(url: str) -> str:
    """Give asyncpg's form of an address written ``postgres://``, ``postgresql[+asyncpg]://``.

    Parameters of libpq (``sslmode``, ``host`` …) stay and work. Anything else is `BadConfig`.
    """
    for scheme in _SCHEMES:
        if url.startswith(scheme):
            return "postgresql://" + url.removeprefix(scheme)
    scheme, found, _ = url.partition("://")
    shown = f"{scheme}://" if found else "no scheme"
    raise BadConfig(
        f"DATABASE_URL has {shown}; only PostgreSQL works: "
        "postgresql://user:password@host:5432/database"
    )


def shown(url: str) -> str:
    """Name an address in a message: host and database, nothing secret."""
    try:
        parts = make_url(dsn(url))
    except (ArgumentError, ValueError):
        return "the address in DATABASE_URL"
    host = parts.host or parts.query.get("host") or "localhost"
    port = f":{parts.port}" if parts.port else ""
    return f"{host}{port}/{parts.database or ''}"


async def connect(url: str, *, settings: Mapping[str, str] | None = None) -> Any:
    """Open one asyncpg connection; `settings` are the session's server settings.

    `StorageUnavailable` when it cannot be had or the server is too old, `BadConfig` when the
    address itself cannot be understood.
    """
    address = dsn(url)
    try:
        connection = await asyncpg.connect(
            address,
            timeout=CONNECT_TIMEOUT_S,
            server_settings={"application_name": "arbiter", "timezone": "UTC", **(settings or {})},
        )
    except DRIVER_ERRORS as error:
        raise unreachable(url, error) from error
    except ValueError as error:
        raise BadConfig(f"DATABASE_URL cannot be understood: {type(error).__name__}") from error
    version = connection.get_server_version()
    if version.major < OLDEST_SERVER:
        await connection.close()
        raise StorageUnavailable(
            f"PostgreSQL {version.major} at {shown(url)} is too old; "
            f"use version {OLDEST_SERVER} or newer"
        )
    return connection


def make_engine(url: str, *, pool_size: int = 4) -> AsyncEngine:
    """Make a pooled engine for reads and access; it connects on first use."""
    dsn(url)

    async def creator() -> Any:
        return await connect(url)

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=creator, pool_size=pool_size, max_overflow=pool_size
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, *_: object) -> None:
    """Lend no connection that the server has closed.

    The driver hears of that by itself; a ping would cost three trips to the server with each use.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Lend a connection; its loss is `StorageUnavailable`, other database errors pass."""
    try:
        async with engine.connect() as connection:
            try:
                yield connection
            except DBAPIError:
                # Without a transaction of its own, a statement whose values cannot be sent leaves
                # the session in the middle of one that nobody ends: no later one could begin.
                await connection.invalidate()
                raise
    except DBAPIError as error:
        if error.connection_invalidated or may_pass(driver_error(error)):
            raise StorageUnavailable(
                f"the database went away: {driver_error(error)}; it is tried again with the next call"
            ) from error
        raise
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        raise StorageUnavailable(f"the database went away: {error}") from error


def driver_error(error: DBAPIError) -> BaseException:
    """Dig out asyncpg's own error, which SQLAlchemy wraps twice."""
    inner = error.orig
    return inner.__cause__ or inner if inner is not None else error


_PASSING_CLASSES = ("08", "40", "53", "57", "58")
"""SQLSTATE classes: connection, rolled back, resources (disk full), operator, system."""
_PASSING_STATES = frozenset({"25006", "25P03", "55P03"})
"""Read-only (a failover under way), idle in a transaction too long, lock not had in time."""


def may_pass(error: BaseException) -> bool:
    """Tell an outage, which ends when somebody mends it, from a bug, which never does."""
    if isinstance(error, asyncpg.PostgresError):
        state = str(error.sqlstate or "")
        return state[:2] in _PASSING_CLASSES or state in _PASSING_STATES
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # asyncpg.DataError: a value of the wrong type
    # A backend that ends between two calls leaves asyncpg's protocol confused: a client error.
    return isinstance(
        error, StorageUnavailable | asyncpg.InternalClientError | OSError | TimeoutError
    )


def unreachable(url: str, error: BaseException) -> StorageUnavailable:
    """Say why a connection could not be had, and what to do."""
    where = f"PostgreSQL at {shown(url)}"
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            text = f"{where} refused the user or the password; check both in DATABASE_URL"
        case asyncpg.InvalidCatalogNameError():
            text = f"{where}: the database does not exist; make it with createdb"
        case asyncpg.CannotConnectNowError():
            text = f"{where} is starting up or shutting down; wait a moment"
        case asyncpg.TooManyConnectionsError():
            text = f"{where} has no connection left; raise max_connections or close other clients"
        case asyncpg.PostgresError():
            text = f"{where} refused the connection: {error}"
        case TimeoutError():
            text = f"{where} does not answer; check the host, the port and the firewall"
        case _:
            text = f"{where} cannot be reached ({error}); start it or correct DATABASE_URL"
    return StorageUnavailable(text)

"""Whatever keeps us from the database, the message names it and the mend, never a password."""

import asyncio
import socket
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from sqlalchemy import BigInteger, literal, select
from sqlalchemy.exc import DBAPIError

from arbiter.model.errors import BadConfig, StorageUnavailable
from arbiter.storage import database
from tests.fakes.postgres import FreshDatabase


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_all_spellings_of_an_address_mean_the_same(scheme: str) -> None:
    written = f"{scheme}://me:p%40ss@db:5433/arbiter?sslmode=require"
    assert database.dsn(written) == "postgresql://me:p%40ss@db:5433/arbiter?sslmode=require"
    assert database.shown(written) == "db:5433/arbiter"


@pytest.mark.parametrize("url", ["mysql://me:hunter2@db/x", "sqlite:///x.db", "hunter2", ""])
def test_other_databases_are_refused_without_showing_the_address(url: str) -> None:
    with pytest.raises(
        BadConfig, match=r"postgresql://user:password@host:5432/database"
    ) as refused:
        database.dsn(url)
    assert "hunter2" not in str(refused.value)


async def test_nobody_listening_says_to_start_it() -> None:
    with socket.socket() as silent:  # has the port, so that nobody else comes to listen on it
        silent.bind(("127.0.0.1", 0))
        url = f"postgresql://me:hunter2@127.0.0.1:{silent.getsockname()[1]}/arbiter"
        with pytest.raises(StorageUnavailable, match="cannot be reached") as refused:
            await database.connect(url)
    assert "hunter2" not in str(refused.value)


async def test_an_unknown_database_says_to_make_it(fresh_database: FreshDatabase) -> None:
    url = fresh_database.url.replace(fresh_database.name, "nowhere")
    with pytest.raises(StorageUnavailable, match="createdb"):
        await database.connect(url)


async def test_an_unknown_user_says_to_check_it(fresh_database: FreshDatabase) -> None:
    url = fresh_database.url.replace("//arbiter@", "//stranger:hunter2@")
    with pytest.raises(StorageUnavailable, match="refused the user") as refused:
        await database.connect(url)
    assert "hunter2" not in str(refused.value)


async def test_a_server_too_old_is_named(
    fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Old(asyncpg.Connection):  # type: ignore[misc]
        def get_server_version(self) -> Any:
            return SimpleNamespace(major=13)

    connect = asyncpg.connect

    async def old(*args: Any, **kwargs: Any) -> Any:
        return await connect(*args, **kwargs, connection_class=Old)

    monkeypatch.setattr(asyncpg, "connect", old)
    with pytest.raises(StorageUnavailable, match=r"PostgreSQL 13 .* use version 14 or newer"):
        await database.connect(fresh_database.url)


async def test_a_port_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CONNECT_TIMEOUT_S", 0.2)

    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while await reader.read(1_024):
                pass
        writer.close()
        left.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(StorageUnavailable, match="does not answer"):
        await database.connect(f"postgresql://me@127.0.0.1:{port}/arbiter")
    await left.wait()
    server.close()


async def test_a_value_that_cannot_be_sent_spoils_no_later_read(
    fresh_database: FreshDatabase,
) -> None:
    """Alone in a session without transactions, it leaves the server waiting for the statement."""
    engine = database.make_engine(fresh_database.url, pool_size=1)

    async def read(level: str, value: int) -> Any:
        async with database.reading(engine) as lent:
            connection = await lent.execution_options(isolation_level=level)
            return await connection.scalar(select(literal(value, BigInteger)))

    for level in ("AUTOCOMMIT", "REPEATABLE READ"):
        with pytest.raises(DBAPIError, match="out of int64 range"):
            await read(level, 2**63)
        for later in ("REPEATABLE READ", "READ COMMITTED", "AUTOCOMMIT"):
            assert await read(later, 2**62) == 2**62
    await engine.dispose()


def test_an_outage_is_told_from_a_bug() -> None:
    passing = [
        asyncpg.DiskFullError(),
        asyncpg.AdminShutdownError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.ReadOnlySQLTransactionError(),
        asyncpg.InterfaceError("connection is closed"),
        ConnectionResetError(),
        TimeoutError(),
    ]
    bugs = [
        asyncpg.UniqueViolationError(),
        asyncpg.NotNullViolationError(),
        asyncpg.UndefinedTableError(),
        asyncpg.NumericValueOutOfRangeError(),
        asyncpg.DataError("not a number"),
        ValueError(),
    ]
    assert [error for error in passing if not database.may_pass(error)] == []
    assert [error for error in bugs if database.may_pass(error)] == []

"""Databases beside the engine's own, for trades that must never mix with its ledger."""

import asyncpg
from sqlalchemy import make_url

from arbiter.model.errors import StorageUnavailable
from arbiter.storage import database


def beside(url: str, ending: str) -> str:
    """Name a database of its own for every database an engine may have on one server."""
    longest_name = 63
    name = make_url(url).database or "arbiter"
    return f"{name[: longest_name - len(ending) - 1]}_{ending}"


async def make_anew(url: str, name: str, purpose: str) -> str:
    """Make an empty database on the server of `url`, in place of an earlier one; gives its URL."""
    quoted = '"' + name.replace('"', '""') + '"'
    connection = await database.connect(url)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {quoted}")
    except asyncpg.PostgresError as error:
        raise StorageUnavailable(
            f"cannot make the database {name} for the {purpose}: {error}; "
            "give the database user the right to create databases"
        ) from error
    finally:
        await connection.close()
    return make_url(url).set(database=name).render_as_string(hide_password=False)

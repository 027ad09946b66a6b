"""From the journal alone back to every projection: to check them, and to make them anew.

The fold runs into temporary tables of the same names: a session looks there first, so the very
statements that the journal writes with fill them, and PostgreSQL compares. Memory is the ledger's
own, however long the history.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Table

from arbiter.ledger.ledger import Ledger
from arbiter.model.changes import Changes
from arbiter.model.errors import InstanceLocked
from arbiter.model.events import EngineStarted, EngineStopped, Event, decode_event
from arbiter.model.money import use_wide_context
from arbiter.storage import copying_schema, database, margin_schema, schema
from arbiter.storage.event_schema import EVENT_PAIRS
from arbiter.storage.journal import ENGINE_LOCK
from arbiter.storage.placed_schema import PLACED_ORDERS
from arbiter.storage.rows import projection_statements, run_statements
from arbiter.storage.settling_schema import SETTLED_FILLS, SETTLING

T = TypeVar("T")

PROJECTIONS: tuple[Table, ...] = (
    schema.TRADES,
    schema.ORDERS,
    schema.FILLS,
    schema.SIGNALS,
    schema.BALANCES,
    schema.POSITIONS,
    schema.CLOSED_POSITIONS,
    schema.BUDGETS,
    schema.RESIDUALS,
    schema.TRADING_DAYS,
    schema.PNL_MINUTES,
    margin_schema.CONTRACTS,
    margin_schema.MARGIN_POSITIONS,
    margin_schema.FUNDING_PAYMENTS,
    margin_schema.FORCED_CLOSES,
    margin_schema.FUNDING_PAIRS,
    SETTLING,
    SETTLED_FILLS,
    EVENT_PAIRS,
    copying_schema.COPY_SUBSCRIPTIONS,
    copying_schema.COPY_POSITIONS,
    copying_schema.LEADER_ACTIONS,
    schema.STRATEGIES,
    schema.SETTINGS,
    schema.KILL_SWITCH,
    PLACED_ORDERS,
    schema.AUDIT,
    schema.RUNS,
)
_NUMBERED = {"fills": "seq", "audit": "id"}
"""Counted by the database as rows arrive: gaps mean nothing, so they are not compared."""
_CHUNK = 2_000
_SHOWN = 20


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A row that only one side has, as JSON text; a changed row shows on both sides."""

    table: str
    side: str
    """``journal``: the fold makes it and the table lacks it; ``table``: the other way round."""
    row: str

    def __str__(self) -> str:
        lacking = "missing from" if self.side == "journal" else "not justified by the journal in"
        return f"{lacking} {self.table}: {self.row}"


async def verify(url: str) -> list[Difference]:
    """Compare the projections with a fold of the whole journal, both as of one moment.

    At most 20 differences per table and side. A running engine does not disturb it.
    """

    async def compare(connection: Any) -> list[Difference]:
        await fold(connection)
        return [found for table in PROJECTIONS for found in await _differences(connection, table)]

    return await _in_transaction(url, compare)


async def rebuild(url: str) -> int:
    """Replace all projections by a fold of the journal, or nothing; gives the number of events.

    `InstanceLocked` while an engine writes.
    """

    async def replace_all(connection: Any) -> int:
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", ENGINE_LOCK):
            raise InstanceLocked("an engine writes to this database; stop it before a rebuild")
        events = await fold(connection)
        for table in PROJECTIONS:
            await replace(connection, table)
        return events

    return await _in_transaction(url, replace_all)


async def replace(connection: Any, table: Table) -> None:
    """Put the rows of a fold in the place of the table's own."""
    name = table.name
    real = await _real(connection, name)
    await connection.execute(f"TRUNCATE {real} RESTART IDENTITY")
    columns = _columns(table)
    order = f"ORDER BY {_NUMBERED[name]}" if name in _NUMBERED else ""
    await connection.execute(
        f"INSERT INTO {real} ({columns}) SELECT {columns} FROM pg_temp.{name} {order}"  # noqa: S608 - our own names
    )


async def _in_transaction(url: str, work: Callable[[Any], Awaitable[T]]) -> T:
    connection = await database.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read"):
            return await work(connection)
    except database.DRIVER_ERRORS as error:
        if database.may_pass(error):
            raise database.unreachable(url, error) from error
        raise
    finally:
        await connection.close()


async def fold(
    connection: Any,
    tables: Sequence[Table] = PROJECTIONS,
    pick: Callable[[Changes], Changes] | None = None,
) -> int:
    """Fold the journal into temporary tables that hide the real ones; gives the events read.

    With fewer `tables`, `pick` leaves of the changes what belongs in those.
    """
    use_wide_context()
    for table in tables:
        real = await _real(connection, table.name)
        await connection.execute(
            f"CREATE TEMPORARY TABLE {table.name} (LIKE {real} INCLUDING ALL) ON COMMIT DROP"
        )
    ledger = Ledger()
    count = 0
    changes, runs = Changes(), list[Event]()

    async def store() -> None:
        if pick is None:
            await _store(connection, changes, runs)
        else:
            await _store(connection, pick(changes), [])

    cursor = connection.cursor(
        "SELECT body::text AS body FROM events ORDER BY seq", prefetch=_CHUNK
    )
    async for row in cursor:
        event = decode_event(row["body"])
        if isinstance(event, EngineStarted | EngineStopped):
            runs.append(event)
        changes.merge(ledger.apply(event))
        count += 1
        if count % _CHUNK == 0:
            await store()
            changes, runs = Changes(), []
    await store()
    return count


async def _store(connection: Any, changes: Changes, runs: list[Event]) -> None:
    for sql, arguments in run_statements(runs) + projection_statements(changes):
        await connection.execute(sql, *arguments)


async def _differences(connection: Any, table: Table) -> list[Difference]:
    columns = _columns(table)
    real = f"SELECT {columns} FROM {await _real(connection, table.name)}"  # noqa: S608 - our own names
    folded = f"SELECT {columns} FROM pg_temp.{table.name}"  # noqa: S608
    found = []
    for side, has, lacks in (("journal", folded, real), ("table", real, folded)):
        rows = await connection.fetch(
            f"SELECT row_to_json(d)::text AS row FROM ({has} EXCEPT {lacks}) AS d LIMIT {_SHOWN}"  # noqa: S608
        )
        found += [Difference(table=table.name, side=side, row=row["row"]) for row in rows]
    return found


def _columns(table: Table) -> str:
    skipped = _NUMBERED.get(table.name)
    return ", ".join(f'"{column.name}"' for column in table.c if column.name != skipped)


async def _real(connection: Any, name: str) -> str:
    """Name the real table, which the temporary one of the same name would hide."""
    return str(await connection.fetchval("SELECT quote_ident(current_schema()) || '.' || $1", name))

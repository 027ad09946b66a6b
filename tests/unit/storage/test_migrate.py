"""The schema a migrated database has, and how it gets there."""

import asyncio
import json
from collections.abc import Iterable
from uuid import uuid4

import asyncpg
import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from arbiter.agents.sketch import VERSION, project
from arbiter.model.errors import Conflict, StorageUnavailable
from arbiter.ports.agent_store import DecisionFilter
from arbiter.storage import access_schema, agents_schema, migrate, schema
from arbiter.storage.agent_store import PgAgentStore
from arbiter.storage.database import make_engine
from arbiter.storage.metadata import METADATA
from tests.fakes.postgres import FreshDatabase


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    found: Iterable[object] = compare_metadata(context, METADATA)
    return list(found)


async def test_a_migrated_database_is_what_the_tables_say(database_url: str) -> None:
    ours = {access_schema.USERS.name, agents_schema.DECISIONS.name, schema.TRADES.name}
    assert ours <= METADATA.tables.keys()
    await migrate.upgrade(database_url)
    engine = make_engine(database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    await engine.dispose()


async def test_a_server_without_what_the_schema_needs_is_named_with_the_mend(
    fresh_database: FreshDatabase,
) -> None:
    role = f"plain_{fresh_database.name}"
    owner = await asyncpg.connect(fresh_database.dsn)
    await owner.execute(f'CREATE ROLE "{role}"')
    try:
        url = f"{fresh_database.url}&options=-c%20role%3D{role}"
        with pytest.raises(StorageUnavailable, match=r"permission denied.*owner of that database"):
            await migrate.upgrade(url)
    finally:
        await owner.execute(f'DROP ROLE "{role}"')
        await owner.close()


@pytest.mark.parametrize(
    ("why", "mend"),
    [
        ('extension "vector" is not available', "install pgvector there"),
        ('permission denied to create extension "vector"', "let a superuser run"),
        ('relation "events" already exists', "a database of its own"),
    ],
)
def test_a_refused_schema_says_what_to_do(why: str, mend: str) -> None:
    said = str(migrate.refused("postgresql://u:secret@db/arb", ValueError(why)))
    assert said.startswith(f"PostgreSQL at db/arb cannot take the schema: {why}; ")
    assert mend in said
    assert "secret" not in said


async def test_partial_indexes_serve_exactly_the_live_rows(fresh_database: FreshDatabase) -> None:
    await migrate.upgrade(fresh_database.url)
    connection = await asyncpg.connect(fresh_database.dsn)
    rows = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE indexdef LIKE '%WHERE%'"
    )
    await connection.close()
    predicates = {row["indexname"]: row["indexdef"].partition(" WHERE ")[2] for row in rows}
    for status in schema.LIVE_STATUSES:
        assert status in predicates["ix_orders_open"]
    for state in schema.ENDED_STATES:
        assert state in predicates["ix_trades_open"]


async def test_several_starts_at_once_migrate_once(database_url: str) -> None:
    reached = await asyncio.gather(*(migrate.upgrade(database_url) for _ in range(4)))
    assert set(reached) == {migrate.newest()}
    assert await migrate.current(database_url) == migrate.newest()


async def test_an_empty_database_has_no_revision(database_url: str) -> None:
    assert await migrate.current(database_url) is None


async def test_a_database_of_a_newer_version_is_left_alone(fresh_database: FreshDatabase) -> None:
    await migrate.upgrade(fresh_database.url)
    connection = await asyncpg.connect(fresh_database.dsn)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    with pytest.raises(Conflict, match="9999"):
        await migrate.upgrade(fresh_database.url)


async def test_a_start_killed_between_migrations_is_finished_by_the_next(
    fresh_database: FreshDatabase,
) -> None:
    holder = await asyncpg.connect(fresh_database.dsn)
    # The second migration waits for this table's name; its connection is then killed.
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("CREATE TABLE users (user_id text)")
    first = asyncio.create_task(migrate.upgrade(fresh_database.url))
    watcher = await asyncpg.connect(fresh_database.dsn)
    blocked = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()
    """
    async with asyncio.timeout(30):
        while True:
            if await watcher.fetch(blocked):
                break
            await asyncio.sleep(0.01)
    with pytest.raises(StorageUnavailable):
        await first
    await transaction.rollback()
    assert await migrate.current(fresh_database.url) == "0001"
    assert await migrate.upgrade(fresh_database.url) == migrate.newest()
    await holder.close()
    await watcher.close()


async def test_decisions_of_an_older_version_are_condensed_and_stay_similar(
    fresh_database: FreshDatabase,
) -> None:
    await migrate.upgrade(fresh_database.url, to="0013")
    vectors = [project(np.linspace(-1.0, end, 35)) for end in (1.0, 0.9, -1.0)]
    foreign = tuple(np.eye(1536)[0])
    connection = await asyncpg.connect(fresh_database.dsn)
    for number, (vector, model) in enumerate(
        [*((each, VERSION) for each in vectors), (foreign, "e-1")]
    ):
        await connection.execute(
            """
            INSERT INTO agent_decisions (id, agent_name, symbol, decision_type, decision,
                confidence, reasoning, context, prompt, response, model, prompt_tokens,
                completion_tokens, cost_usd, latency_ms, cached, embedding, embedding_model,
                outcome, created_ns)
            VALUES ($1, 'trend-agent', 'BTC/USDT', 'signal', 'HOLD', 0.5, 'old', '{}', 'asked',
                'said', 'rules-1', 0, 0, 0, 0, false, $2::text::halfvec, $3, 'PENDING', $4)
            """,
            uuid4(),
            json.dumps([float(value) for value in vector]),
            model,
            number,
        )
    await migrate.upgrade(fresh_database.url)
    whole = await connection.fetch(
        "SELECT created_ns FROM agent_decisions WHERE embedding IS NOT NULL"
    )
    assert [row["created_ns"] for row in whole] == [3]
    await connection.close()
    engine = make_engine(fresh_database.url)
    store = PgAgentStore(engine)
    rows = await store.decisions(DecisionFilter(), limit=9, offset=0)
    first = await store.decision(rows[-1].id)
    found = await store.similar(rows[-1].id, 10)
    await engine.dispose()
    assert first is not None
    assert found is not None
    assert first.embedding == pytest.approx(vectors[0], abs=1e-3)
    assert [each.created_ns for each in found] == [1, 2]
    assert found[0].similarity == pytest.approx(float(np.dot(vectors[0], vectors[1])), abs=1e-3)

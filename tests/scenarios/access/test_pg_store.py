"""The access store over PostgreSQL: the shared suite, and what only a real database can show."""

import asyncio

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.access.roles import Role
from arbiter.access.store import Rotation
from arbiter.model.errors import StorageUnavailable
from arbiter.storage import access_schema
from arbiter.storage.access_store import PgAccessStore
from arbiter.storage.database import make_engine
from tests.port_suites.access_store import ALICE, AccessStoreSuite, family, key, uid, user


class TestPgAccessStore(AccessStoreSuite):
    """`store` comes from the folder's conftest."""


async def test_of_concurrent_refreshes_one_succeeds_and_the_family_dies(
    store: PgAccessStore,
) -> None:
    await store.add_user(user())
    await store.open_family(family(10, current=11), uid(1))
    outcomes = await asyncio.gather(
        *(store.rotate(uid(10), uid(11), uid(20 + n), 2_000, 200) for n in range(8))
    )
    assert outcomes.count(Rotation.DONE) == 1
    assert outcomes.count(Rotation.REUSED) == 1
    assert outcomes.count(Rotation.GONE) == 6
    winner = uid(20 + outcomes.index(Rotation.DONE))
    assert await store.rotate(uid(10), winner, uid(99), 2_000, 300) is Rotation.GONE


async def test_reuse_beside_an_honest_refresh_leaves_no_token_alive(
    store: PgAccessStore,
) -> None:
    await store.add_user(user())
    for number in range(100, 120):
        await store.open_family(family(number, current=11), uid(1))
        await store.rotate(uid(number), uid(11), uid(12), 2_000, 200)
        await asyncio.gather(
            store.rotate(uid(number), uid(12), uid(13), 2_000, 300),
            store.rotate(uid(number), uid(11), uid(14), 2_000, 300),
        )
        for token in (12, 13, 14):
            outcome = await store.rotate(uid(number), uid(token), uid(15), 2_000, 400)
            assert outcome is Rotation.GONE


async def test_family_never_opens_beside_a_changed_credential(
    store: PgAccessStore, engine: AsyncEngine
) -> None:
    await store.add_user(user())
    async with engine.begin() as changing:
        await changing.execute(text("UPDATE users SET stamp = :stamp"), {"stamp": uid(2)})
        opening = asyncio.create_task(store.open_family(family(10, current=11), uid(1)))
        # The opening waits for the change to be decided, and then finds the stamp gone.
        await _until_someone_waits(engine)
        assert not opening.done()
    assert not await opening


async def test_removal_waits_for_an_opening_family_and_takes_it_along(
    store: PgAccessStore, engine: AsyncEngine
) -> None:
    await store.add_user(user())
    async with engine.begin() as opening:
        await opening.execute(text("SELECT 1 FROM users FOR SHARE"))
        removing = asyncio.create_task(store.remove_user(ALICE))
        await _until_someone_waits(engine)
        await opening.execute(
            access_schema.REFRESH_TOKENS.insert().values(
                family=uid(10), user_id=ALICE, current=uid(11), expires_ns=9, created_ns=1
            )
        )
    assert await removing
    async with engine.connect() as connection:
        assert (await connection.execute(select(access_schema.REFRESH_TOKENS))).all() == []


async def test_of_concurrent_additions_of_one_user_one_counts(store: PgAccessStore) -> None:
    added = await asyncio.gather(*(store.add_user(user(stamp=n)) for n in range(1, 9)))
    assert added.count(True) == 1
    found = await store.find_user(ALICE)
    assert found == user(stamp=added.index(True) + 1)


async def test_of_concurrent_keys_of_one_name_one_counts(store: PgAccessStore) -> None:
    added = await asyncio.gather(*(store.add_key(key(n, "grafana")) for n in range(1, 9)))
    assert added.count(True) == 1


async def test_of_concurrent_role_changes_each_sees_the_one_before(store: PgAccessStore) -> None:
    await store.add_user(user(role=Role.TRADER))
    changes = [Role.VIEWER, Role.ADMIN]
    before = await asyncio.gather(*(store.set_role(ALICE, role) for role in changes))
    final = await store.find_user(ALICE)
    assert final is not None
    assert sorted([*before, final.role], key=str) == sorted([Role.TRADER, *changes])


async def test_database_itself_knows_no_fourth_role(engine: AsyncEngine) -> None:
    statement = access_schema.USERS.insert().values(
        user_id="eve", role="root", password_hash="", stamp=uid(1), created_ns=1
    )
    async with engine.connect() as connection:
        with pytest.raises(IntegrityError, match="ck_users_role"):
            await connection.execute(statement)


async def test_lost_connection_is_an_outage_and_the_next_call_works(
    store: PgAccessStore, engine: AsyncEngine
) -> None:
    await store.add_user(user())
    async with engine.begin() as holding:
        await holding.execute(text("SELECT 1 FROM users FOR UPDATE"))
        changing = asyncio.create_task(store.set_role(ALICE, Role.VIEWER))
        await _until_someone_waits(engine)
        await holding.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
        )
        with pytest.raises(StorageUnavailable):
            await changing
    assert await store.set_role(ALICE, Role.ADMIN) is Role.TRADER


async def test_database_that_is_not_there_is_an_outage() -> None:
    engine = make_engine("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(StorageUnavailable):
        await PgAccessStore(engine).find_user(ALICE)
    await engine.dispose()


async def _until_someone_waits(engine: AsyncEngine) -> None:
    """Return once a transaction of this database waits for another's lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with engine.connect() as connection:
        async with asyncio.timeout(30):
            while not await connection.scalar(waiting):
                await connection.rollback()

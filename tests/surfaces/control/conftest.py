"""A control API of the test's own, over a database of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from arbiter.access.roles import Role
from arbiter.client import ArbiterClient
from arbiter.storage import migrate
from tests.fakes.postgres import FreshDatabase, PostgresForTests
from tests.surfaces.control.world import World, world


async def _migrate(url: str) -> None:
    await migrate.upgrade(url)


@pytest.fixture
def control_db(postgres_server: PostgresForTests) -> Iterator[FreshDatabase]:
    postgres_server.build_template("ledger", _migrate)
    with postgres_server.fresh(template="ledger") as database:
        yield database


@pytest_asyncio.fixture
async def engine(control_db: FreshDatabase) -> AsyncIterator[World]:
    async with world(control_db.url) as made:
        yield made


@pytest_asyncio.fixture
async def trader(engine: World) -> AsyncIterator[ArbiterClient]:
    """A signed-in trader's client."""
    async with engine.as_user("alice", Role.TRADER) as client:
        yield client


@pytest_asyncio.fixture
async def admin(engine: World) -> AsyncIterator[ArbiterClient]:
    async with engine.as_user("root", Role.ADMIN) as client:
        yield client

"""A desk of the test's own, over a database of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from arbiter.storage import migrate
from tests.fakes.postgres import FreshDatabase, PostgresForTests
from tests.surfaces.desk.world import World, world


async def _migrate(url: str) -> None:
    await migrate.upgrade(url)


@pytest.fixture
def desk_db(postgres_server: PostgresForTests) -> Iterator[FreshDatabase]:
    postgres_server.build_template("ledger", _migrate)
    with postgres_server.fresh(template="ledger") as database:
        yield database


@pytest_asyncio.fixture
async def desk(desk_db: FreshDatabase) -> AsyncIterator[World]:
    """Without authentication, as on a fresh machine."""
    async with world(desk_db.url) as made:
        yield made


@pytest_asyncio.fixture
async def guarded(desk_db: FreshDatabase) -> AsyncIterator[World]:
    """With authentication on."""
    async with world(desk_db.url, auth=True) as made:
        yield made

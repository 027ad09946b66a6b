"""A migrated database to keep users and keys in."""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.storage import migrate
from arbiter.storage.access_store import PgAccessStore
from arbiter.storage.database import make_engine
from tests.fakes.postgres import PostgresForTests, postgres_server

__all__ = ["postgres_server"]


async def build(url: str) -> None:
    await migrate.upgrade(url)


@pytest.fixture
def access_url(postgres_server: PostgresForTests) -> Iterator[str]:
    postgres_server.build_template("access", build)
    with postgres_server.fresh(template="access") as database:
        yield database.url


@pytest.fixture
async def engine(access_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(access_url, pool_size=8)
    yield engine
    await engine.dispose()


@pytest.fixture
def store(engine: AsyncEngine) -> PgAccessStore:
    return PgAccessStore(engine)

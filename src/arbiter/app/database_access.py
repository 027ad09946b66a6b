"""The database for a command: that of the running engine, or started for the moment."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.app.config import Settings
from arbiter.app.database_service import DatabaseService
from arbiter.model.errors import Conflict
from arbiter.storage import migrate
from arbiter.storage.database import make_engine
from arbiter.storage.instance_lock import InstanceLock


@asynccontextmanager
async def database_address(settings: Settings) -> AsyncIterator[str]:
    """Lend the address of a database of this version's schema.

    An embedded server nobody else uses is stopped afterwards. Under a running engine nothing is
    migrated: another schema is then a `Conflict`.
    """
    settings.home.prepare()
    async with DatabaseService(settings, os.environ) as database:
        if await migrate.current(database.url) != migrate.newest():
            holder = InstanceLock(settings.home.root).holder()
            if holder is not None:
                raise Conflict(
                    f"an engine of another version is running ({holder}); "
                    "stop it or use the arbiter it was started with"
                )
            await migrate.upgrade(database.url)
        yield database.url


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The same as a pool of one connection."""
    async with database_address(settings) as url:
        engine = make_engine(url, pool_size=1)
        try:
            yield engine
        finally:
            await engine.dispose()

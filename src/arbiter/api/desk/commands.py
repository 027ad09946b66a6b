"""Carrying out what a caller asked for: refused at once when it could not be made durable."""

import asyncio

from arbiter.api.desk.deps import DeskDeps
from arbiter.model.commands import Command
from arbiter.model.errors import StorageUnavailable

DURABLE_WITHIN_S = 10.0


async def carry_out(deps: DeskDeps, command: Command) -> None:
    """Return after the commit; `StorageUnavailable` while the database takes no writes."""
    if not deps.view.journal_healthy:
        raise StorageUnavailable("the database takes no writes now; nothing was changed")
    try:
        async with asyncio.timeout(DURABLE_WITHIN_S):
            await deps.bus.execute(command)
    except TimeoutError:
        raise StorageUnavailable(
            "the change is in force, but the database has not confirmed it yet"
        ) from None

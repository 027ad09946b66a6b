"""A service over the memory store with alice, a trader, in it."""

import pytest

from arbiter.access.roles import Role
from arbiter.model.ids import Actor
from tests.fakes.access import Access
from tests.fakes.access_store import MemoryAccessStore

CLI = Actor("cli")


@pytest.fixture
def store() -> MemoryAccessStore:
    return MemoryAccessStore()


@pytest.fixture
async def access(store: MemoryAccessStore) -> Access:
    access = Access(store)
    await access.service.add_user(CLI, "alice", Role.TRADER, "correct horse")
    access.log.clear()
    access.executor.submitted.clear()
    return access

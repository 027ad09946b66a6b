"""The fake keeps the promises of the real store."""

import pytest

from arbiter.access.store import AccessStore
from tests.fakes.access_store import MemoryAccessStore
from tests.port_suites.access_store import AccessStoreSuite


class TestMemoryAccessStore(AccessStoreSuite):
    @pytest.fixture
    def store(self) -> AccessStore:
        return MemoryAccessStore()

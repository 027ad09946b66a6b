"""The simulated venues' folder: what is open, and for how long."""

import os
from pathlib import Path

import pytest

from arbiter.model.errors import StorageUnavailable
from arbiter.venues.sim.store import MarketMemory, Snapshot, Store


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_closed_store_holds_nothing_open(tmp_path: Path) -> None:
    before = descriptors()
    store = Store(tmp_path)
    store.load()
    store.compact(Snapshot())
    store.close()
    store.close()
    assert descriptors() == before
    with pytest.raises(StorageUnavailable):
        store.save_market(MarketMemory(first_ns=1))
    again = Store(tmp_path)
    assert again.load()[0].generation == 1
    again.close()

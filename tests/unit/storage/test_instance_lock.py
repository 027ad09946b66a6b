"""One engine per data folder, between real processes."""

import multiprocessing
import os
import subprocess
import sys
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from arbiter.model.errors import InstanceLocked, StorageUnavailable
from arbiter.storage.instance_lock import InstanceLock

STARTED_NS = 1_767_225_600_000_000_000  # 2026-01-01 00:00:00 UTC

ENGINE = f"""
import sys
from pathlib import Path
from arbiter.storage.instance_lock import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
lock.acquire(mode="paper", now_ns={STARTED_NS})
print("locked", flush=True)
sys.stdin.read()
"""


def start_engine(home: Path) -> "subprocess.Popen[str]":
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert engine.stdout is not None
    assert engine.stdout.readline() == "locked\n"
    return engine


def test_a_second_engine_is_told_who_holds_the_folder_and_since_when(tmp_path: Path) -> None:
    with start_engine(tmp_path) as engine:
        with pytest.raises(InstanceLocked) as refusal:
            InstanceLock(tmp_path).acquire(mode="sim", now_ns=0)
        assert f"pid {engine.pid}, mode paper, since 2026-01-01 00:00:00 UTC" in str(refusal.value)
        assert str(tmp_path) in str(refusal.value)
        assert "ARBITER_HOME" in str(refusal.value)
        engine.kill()


def test_a_killed_engine_does_not_block_the_next(tmp_path: Path) -> None:
    with start_engine(tmp_path) as engine:
        engine.kill()
    with InstanceLock(tmp_path) as lock:
        lock.acquire(mode="sim", now_ns=STARTED_NS)
        holder = lock.holder()
        assert holder is not None
        assert (holder.pid, holder.mode, holder.since_ns) == (os.getpid(), "sim", STARTED_NS)


def test_a_refused_engine_leaves_the_owners_signature(tmp_path: Path) -> None:
    first, second = InstanceLock(tmp_path), InstanceLock(tmp_path)
    first.acquire(mode="live", now_ns=STARTED_NS)
    for _ in range(2):
        with pytest.raises(InstanceLocked, match="mode live"):
            second.acquire(mode="sim", now_ns=0)
    first.release()
    assert second.holder() is None
    second.acquire(mode="sim", now_ns=0)
    second.release()


def test_a_new_data_folder_is_closed_to_others(tmp_path: Path) -> None:
    home = tmp_path / "share" / "arbiter"
    with InstanceLock(home) as lock:
        lock.acquire(mode="sim", now_ns=0)
        assert home.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_named_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable, match=r"file/home.*ARBITER_HOME"):
        InstanceLock(tmp_path / "file" / "home").acquire(mode="sim", now_ns=0)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_worker_does_not_keep_its_engines_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    lock = InstanceLock(tmp_path)
    lock.acquire(mode="sim", now_ns=0)
    begun, stay = context.Event(), context.Event()
    worker = context.Process(target=_work, args=(begun, stay))
    worker.start()
    begun.wait()
    lock.release()
    try:
        again = InstanceLock(tmp_path)
        again.acquire(mode="sim", now_ns=0)
        again.release()
    finally:
        stay.set()
        worker.join()


def _work(begun: Event, stay: Event) -> None:
    begun.set()
    stay.wait()

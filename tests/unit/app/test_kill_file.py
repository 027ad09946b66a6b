"""The kill file stops an engine with nothing but a disk."""

import asyncio
from pathlib import Path

import pytest

from arbiter.app import kill_file
from arbiter.app.kill_file import KillOrder
from arbiter.model.errors import StorageUnavailable
from arbiter.model.ids import Actor

ORDER = KillOrder(actor=Actor("cli:alice"), reason="wrong prices", flatten=True, at_ns=7)


def test_order_is_read_as_it_was_written_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "KILL"
    kill_file.write(path, ORDER)
    assert kill_file.read(path) == ORDER
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"stop!", b"\xff", b'{"actor": 4}'])
def test_file_made_by_hand_counts_whatever_it_holds(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "KILL"
    path.write_bytes(content)
    order = kill_file.read(path)
    assert order is not None
    assert not order.flatten


def test_full_disk_still_leaves_an_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(kill_file, "_write", full)
    kill_file.write(tmp_path / "KILL", ORDER)
    assert kill_file.read(tmp_path / "KILL") == KillOrder()


def test_no_file_is_no_order_and_removing_it_twice_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "KILL"
    assert kill_file.read(path) is None
    kill_file.write(path, ORDER)
    assert kill_file.remove(path)
    assert not kill_file.remove(path)


def test_impossible_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable, match="cannot write the kill file"):
        kill_file.write(tmp_path / "file" / "KILL", ORDER)


async def test_watcher_tells_what_is_there_and_each_new_order(tmp_path: Path) -> None:
    path = tmp_path / "KILL"
    kill_file.write(path, ORDER)
    watched = kill_file.orders(path)
    try:
        assert await anext(watched) == ORDER
        waiting = asyncio.ensure_future(anext(watched))
        await asyncio.sleep(0)
        kill_file.remove(path)
        second = KillOrder(reason="second", at_ns=8)
        kill_file.write(path, second)
        assert await waiting == second
    finally:
        await watched.aclose()


async def test_watcher_tells_a_file_that_appears_later(tmp_path: Path) -> None:
    path = tmp_path / "KILL"
    watched = kill_file.orders(path)
    try:
        waiting = asyncio.ensure_future(anext(watched))
        await asyncio.sleep(0)
        path.touch()
        assert await waiting == KillOrder()
    finally:
        await watched.aclose()

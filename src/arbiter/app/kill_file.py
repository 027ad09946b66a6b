"""The kill file: the way to stop everything that needs nothing but a disk.

`arbiter kill` writes it before anything else; a bare ``touch KILL`` in the data folder works as
well. While it exists the engine opens nothing; at its start and whenever the file appears, the
engine latches the kill switch. `arbiter resume` removes it.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import uuid4

import msgspec
from watchfiles import awatch

from arbiter.model.errors import StorageUnavailable
from arbiter.model.ids import Actor

LOOK_ANYWAY_MS = 1_000
"""How often to look when the system reports no change: some file systems never do."""


class KillOrder(msgspec.Struct, frozen=True, kw_only=True):
    actor: Actor = Actor("file")
    reason: str = "the kill file exists"
    flatten: bool = False
    at_ns: int = 0
    """Wall clock, ns UTC; 0 when a person made the file by hand."""


def write(path: Path, order: KillOrder) -> None:
    """Put the whole file there at once; with a full disk, an empty one.

    Raises `StorageUnavailable` when not even that is possible.
    """
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _write(draft, msgspec.json.encode(order) + b"\n")
            os.replace(draft, path)
        except OSError:
            path.touch(mode=0o600)
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise StorageUnavailable(
            f"cannot write the kill file {path}: {error.strerror or error}"
        ) from error


def read(path: Path) -> KillOrder | None:
    """What the file says; None where there is none. Content nobody understands still counts."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=KillOrder)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return KillOrder()
    except OSError as error:
        return KillOrder(reason=f"the kill file cannot be read: {error.strerror or error}")


def remove(path: Path) -> bool:
    """Remove it; False if there was none."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageUnavailable(
            f"cannot remove the kill file {path}: {error.strerror or error}"
        ) from error
    _sync_folder(path.parent)
    return True


async def orders(path: Path) -> AsyncGenerator[KillOrder, None]:
    """Give the order each time the file appears or says something new; at once if it is there.

    `path.parent` must exist. Runs until cancelled.
    """
    last: KillOrder | None = None
    stop = asyncio.Event()
    changes = awatch(
        path.parent,
        watch_filter=lambda _, changed: Path(changed).name == path.name,
        stop_event=stop,
        recursive=False,
        rust_timeout=LOOK_ANYWAY_MS,
        yield_on_timeout=True,
        debounce=50,
    )
    try:
        while True:
            order = read(path)
            if order is not None and order != last:
                yield order
            last = order
            await anext(changes)
    finally:
        stop.set()
        await changes.aclose()


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

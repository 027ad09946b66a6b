"""Locks between processes that the kernel drops when their holder dies.

`flock` is chosen over a file with a pid in it: there is nothing to prune after
a kill and no pid to be reused by a stranger. The file itself is never the
lock, so it is left in place on release.
"""

import asyncio
import fcntl
import os
import weakref
from pathlib import Path

_POLL_SECONDS = 0.05
_held: "weakref.WeakSet[FileLock]" = weakref.WeakSet()


class FileLock:
    """One advisory lock on one file; a second object is a second holder, also within a process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        return self._fd is not None

    def fileno(self) -> int:
        """The open descriptor: a child that inherits it keeps the lock alive past our death."""
        if self._fd is None:
            raise ValueError(f"{self.path} is not locked")
        return self._fd

    def try_acquire(self, *, shared: bool = False) -> bool:
        """Take the lock now or return False. The folder must exist; OSError if it cannot be opened."""
        if self._fd is not None:
            raise ValueError(f"{self.path} is already locked by this object")
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(fd, mode | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                return False
            except OSError:
                os.close(fd)
                raise
            if self._is_current(fd):
                self._fd = fd
                _held.add(self)
                return True
            os.close(fd)  # the file was deleted and made anew while we opened it

    async def acquire(self, *, shared: bool = False) -> None:
        """Wait for the lock without holding up the loop; cancelling leaves it untaken."""
        while not self.try_acquire(shared=shared):  # noqa: ASYNC110 - another process frees it
            await asyncio.sleep(_POLL_SECONDS)

    def release(self) -> None:
        """Let go; does nothing when not held."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            _held.discard(self)
            os.close(fd)

    def _is_current(self, fd: int) -> bool:
        try:
            named = os.stat(self.path)
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(fd), named)


def _forget_in_child() -> None:
    # A forked worker would otherwise keep its dead parent's locks.
    for lock in tuple(_held):
        lock.release()


os.register_at_fork(after_in_child=_forget_in_child)

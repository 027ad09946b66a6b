"""One engine per data folder."""

import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from arbiter.model.errors import InstanceLocked, StorageUnavailable
from arbiter.storage.file_lock import FileLock


class InstanceHolder(msgspec.Struct, frozen=True, kw_only=True):
    """Who owns a data folder."""

    pid: int
    since_ns: int
    """Wall clock, ns UTC."""
    mode: str

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since_ns // 1_000_000_000, UTC)
        return f"pid {self.pid}, mode {self.mode}, since {since:%Y-%m-%d %H:%M:%S} UTC"


class InstanceLock:
    """Own `home` until `release` or death: the kernel frees it, so a killed engine blocks nobody."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = FileLock(home / "arbiter.lock")

    def acquire(self, *, mode: str, now_ns: int) -> None:
        """Take the folder, making it (0700) where missing.

        Raises InstanceLocked naming the owner, StorageUnavailable when the
        folder cannot be made or written.
        """
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._lock.try_acquire():
                raise InstanceLocked(self._refusal())
            self._sign(InstanceHolder(pid=os.getpid(), since_ns=now_ns, mode=mode))
        except OSError as error:
            self._lock.release()
            raise StorageUnavailable(
                f"cannot lock the data folder {self._home}: {error.strerror or error}; "
                "make it writable for this user or set ARBITER_HOME to another folder"
            ) from error

    def release(self) -> None:
        """Give the folder back; does nothing when not held."""
        self._lock.release()

    def holder(self) -> InstanceHolder | None:
        """Who holds the folder now, None if nobody does or the owner has not signed yet.

        Takes nothing and needs only read access.
        """
        if self._lock.held:
            return self._signature()
        if not self._lock.path.exists():
            return None
        probe = FileLock(self._lock.path)
        if probe.try_acquire(shared=True):
            probe.release()
            return None
        return self._signature()

    def _sign(self, holder: InstanceHolder) -> None:
        os.ftruncate(self._lock.fileno(), 0)
        os.pwrite(self._lock.fileno(), msgspec.json.encode(holder), 0)

    def _signature(self) -> InstanceHolder | None:
        try:
            return msgspec.json.decode(self._lock.path.read_bytes(), type=InstanceHolder)
        except (msgspec.DecodeError, FileNotFoundError):
            return None

    def _refusal(self) -> str:
        holder = self._signature()
        who = f" ({holder})" if holder else ""
        return (
            f"another arbiter{who} uses the data folder {self._home}; "
            "stop it or set ARBITER_HOME to another folder"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

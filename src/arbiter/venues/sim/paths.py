"""Where the simulated venues live below the data folder, and how to reach their socket.

A unix socket's path may have 107 bytes; a data folder's may be longer. The socket is therefore
addressed through its folder's descriptor where the system allows that.
"""

import os
import socket
from pathlib import Path

_LONGEST = 100


def sim_folder(home: Path) -> Path:
    return home / "sim"


def socket_path(home: Path) -> Path:
    return sim_folder(home) / "venue.sock"


def lock_path(home: Path) -> Path:
    return sim_folder(home) / "venue.lock"


def log_path(home: Path) -> Path:
    return sim_folder(home) / "venue.log"


class SocketAddress:
    """A path `bind` and `connect` accept, valid inside the `with` block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder: int | None = None

    def __enter__(self) -> str:
        plain = str(self._path)
        if len(os.fsencode(plain)) <= _LONGEST:
            return plain
        self._folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._folder}/{self._path.name}"

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            os.close(self._folder)


def listening_socket(path: Path) -> socket.socket:
    """Bind in place of whatever an earlier process left; only the owner may connect."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with SocketAddress(path) as address:
            listener.bind(address)
    finally:
        os.umask(before)
    listener.listen(64)
    listener.setblocking(False)
    return listener


def connected_socket(path: Path) -> socket.socket:
    """Connect (at once or not at all: the peer is on this machine). Failure is an `OSError`."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        with SocketAddress(path) as address:
            connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection

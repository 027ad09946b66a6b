"""Ports for engines of tests that run beside others."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

_BELOW_OUTGOING = (20_000, 32_768)
"""Systems give higher ones to outgoing connections: one could be gone before an engine binds it."""

_given: list[int] = []
"""Descriptors whose locks say that a port is this process's, until it ends."""


def free_port() -> int:
    """Give a port that nothing listens on, no outgoing connection takes, and no other test is given.

    It stays this process's own while an engine that listened there is down.
    """
    draw = random.SystemRandom()
    folder = Path(tempfile.gettempdir()) / f"arbiter-ports-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    while True:
        port = draw.randrange(*_BELOW_OUTGOING)
        lock = os.open(folder / str(port), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            os.close(lock)
            continue
        _given.append(lock)
        return port

"""Ports for engines of tests that run beside others."""

import random
import socket

_BELOW_OUTGOING = (20_000, 32_768)
"""Systems give higher ones to outgoing connections: one could be gone before an engine binds it."""


def free_port() -> int:
    """Give a port that nothing listens on and no outgoing connection takes meanwhile."""
    draw = random.SystemRandom()
    while True:
        port = draw.randrange(*_BELOW_OUTGOING)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port

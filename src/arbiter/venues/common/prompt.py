"""Writing to a connection at once, amid whatever else the loop has in hand."""

import asyncio
import contextlib
import os


def write_now(transport: asyncio.Transport, data: bytes) -> None:
    """Hand bytes to the system before returning, where nothing of this connection waits already.

    uvloop writes when the loop has done what it was woken for; amid a burst of quotes that is
    late. What the system does not take goes the ordinary way, in order. For plain sockets only:
    bytes of an encrypted connection have to pass its transport.
    """
    if not transport.get_write_buffer_size():
        plain = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # full, or gone: the transport finds out which
            data = data[os.write(plain.fileno(), data) :]
    if data:
        transport.write(data)

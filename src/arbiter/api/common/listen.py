"""Binding: which sockets an address stands for, and what to say when they cannot be had."""

import contextlib
import errno
import ipaddress
import socket

from arbiter.model.errors import BadConfig, Conflict

_ABSENT = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_BACKLOG = 512
_UNSENT = 64 * 1024
"""Bytes the system holds for a client before the writer is made to wait (``TCP_NOTSENT_LOWAT``).

Left to itself it takes megabytes: half a minute of prices, stale when they arrive.
"""
UNREAD_S = 30
"""A connection whose other end takes nothing for so long is ended (``TCP_USER_TIMEOUT``, tcp(7)).

A server that closes it sends what it still holds first, and would wait for ever for a client that
answers the system's probes and reads nothing.
"""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on `host`; of names only localhost is one."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int, *, setting: str) -> list[socket.socket]:
    """Open listening sockets: for this machine both 127.0.0.1 and, where there is one, ::1.

    `setting` is the key of the port (``listen.ops_port``), for messages; the host's lies beside it.
    Port 0 takes a free one.
    Raises `Conflict` when the port is taken, `BadConfig` when the address cannot be had.
    """
    sockets: list[socket.socket] = []
    try:
        if not is_loopback(host):
            return [_listening(host, port, setting)]
        sockets.append(_listening("127.0.0.1", port, setting))
        with contextlib.suppress(_NoSuchAddress):
            sockets.append(_listening("::1", sockets[0].getsockname()[1], setting))
    except (BadConfig, Conflict):
        for opened in sockets:
            opened.close()
        raise
    return sockets


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _NoSuchAddress(BadConfig):
    """The machine has no such address."""


def _listening(host: str, port: int, setting: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise BadConfig(
            f"{_host(setting)} = {host} is no address of this machine: {error.strerror}"
        ) from error
    try:
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _NoSuchAddress(f"{_host(setting)} = {host}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _hold_little(listener)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _refusal(error, host, port, setting) from error
    listener.setblocking(False)
    return listener


def _hold_little(listener: socket.socket) -> None:
    """Bound what is held, and how long, for clients that read nothing; connections inherit it."""
    wanted = {"TCP_NOTSENT_LOWAT": _UNSENT, "TCP_USER_TIMEOUT": UNREAD_S * 1000}
    for name, value in wanted.items():
        if hasattr(socket, name):  # some systems lack the one or the other
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _refusal(error: OSError, host: str, port: int, setting: str) -> BadConfig | Conflict:
    if error.errno == errno.EADDRINUSE:
        return Conflict(f"port {port} is in use by another program; set {setting}")
    if error.errno == errno.EACCES:
        return BadConfig(
            f"port {port} may not be opened by this user; set {setting} to 1024 or above"
        )
    if error.errno in _ABSENT:
        return _NoSuchAddress(f"{_host(setting)} = {host} is no address of this machine")
    return BadConfig(f"cannot listen on {host} port {port}: {error.strerror or error}")


def _host(setting: str) -> str:
    return setting.removesuffix("_port") + "_host"

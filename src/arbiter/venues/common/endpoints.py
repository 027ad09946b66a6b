"""Where a venue is reached: settings, so that they can point at a simulator or a proxy."""

import ipaddress
from urllib.parse import urlsplit

import msgspec

from arbiter.model.errors import BadConfig

_PLAIN = {"wss": "ws", "https": "http"}


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Origins (scheme, host, port) of a venue; paths are the venue's own.

    Anything but TLS is refused unless the host is this machine.
    """

    stream: str
    """``wss://stream.example.com:9443``"""
    rest: str
    """``https://api.example.com``"""

    def __post_init__(self) -> None:
        check_origin("stream", self.stream, "wss")
        check_origin("rest", self.rest, "https")


def check_origin(name: str, address: str, scheme: str) -> None:
    """Refuse an address that is no bare origin or would send in the clear over a network."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadConfig(f"{name}: {address!r} is no address: {error}") from None
    if not host or parts.scheme not in (scheme, _PLAIN[scheme]):
        raise BadConfig(f"{name}: {address!r} must begin with {scheme}:// and name a host")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise BadConfig(f"{name}: {address!r} must end after the host and port")
    if parts.scheme != scheme and not is_this_machine(host):
        raise BadConfig(f"{name}: {address!r} is not encrypted; use {scheme}://")


def is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

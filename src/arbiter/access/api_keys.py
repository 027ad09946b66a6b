"""API keys: random, shown once, kept only as a digest.

A key holds 256 random bits, so a plain SHA-256 cannot be turned back; slow hashing is for what
people choose themselves.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from uuid import UUID

import msgspec

from arbiter.access.randomness import TokenSource
from arbiter.access.roles import Principal, Role
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Actor

PREFIX = "arb_"
"""Lets people and secret scanners recognise a key."""

_RANDOM_BYTES = 32
_MAX_NAME_LENGTH = 64


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    key_id: UUID
    name: str
    """Unique among keys that are not revoked."""
    role: Role
    digest: bytes
    """SHA-256 of the key's text."""
    created_ns: int
    last_used_ns: int | None = None
    """To about a minute."""
    revoked_ns: int | None = None

    def __repr__(self) -> str:
        return f"ApiKey({self.name!r}, {self.role})"

    def answers_to(self, digest: bytes) -> bool:
        """Compare in constant time; a revoked key answers to nothing."""
        return hmac.compare_digest(self.digest, digest) and self.revoked_ns is None

    def principal(self) -> Principal:
        return Principal(actor=Actor(f"key:{self.name}"), user_id=None, role=self.role)


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key just made: the only time its text is known."""

    record: ApiKey
    text: str

    def __repr__(self) -> str:
        return f"NewKey({self.record!r})"


def mint(random: TokenSource) -> str:
    """Make a key's text: the prefix and 43 url-safe characters."""
    body = urlsafe_b64encode(random(_RANDOM_BYTES)).rstrip(b"=")
    return PREFIX + body.decode("ascii")


def digest_of(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def same_key(given: str, expected: str) -> bool:
    """Compare two keys in constant time, whatever their lengths."""
    return hmac.compare_digest(digest_of(given), digest_of(expected))


def check_key_name(text: str) -> str:
    """Accept 1 to 64 printable characters without spaces; else `InvalidValue`."""
    if not text or len(text) > _MAX_NAME_LENGTH:
        raise InvalidValue(f"a key's name has 1 to {_MAX_NAME_LENGTH} characters")
    if not text.isprintable() or any(character.isspace() for character in text):
        raise InvalidValue(f"the key name {text!r} has spaces or unprintable characters")
    return text

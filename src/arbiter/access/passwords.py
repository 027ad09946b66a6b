"""Passwords: argon2id, off the loop, with the same work whether or not the user exists.

One check takes tens of milliseconds and as much memory as `memory_kib` says, on purpose. So they
run in a bounded executor, and only so many wait for it: the rest are told to come back.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

import msgspec
from argon2 import PasswordHasher, Type
from argon2.exceptions import (
    HashingError,
    InvalidHashError,
    VerificationError,
    VerifyMismatchError,
)

from arbiter.access.randomness import TokenSource
from arbiter.model.errors import BadConfig, InvalidValue, RateLimited

_SALT_BYTES = 16
_HASH_BYTES = 32
_ARGON2_VERSION = 19
_BUSY_RETRY_MS = 1_000
MAX_CREDENTIAL_BYTES = 1_024

T = TypeVar("T")


class PasswordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The defaults are RFC 9106 §4's second recommended option."""

    passes: int = 3
    memory_kib: int = 65_536
    lanes: int = 4
    min_length: int = 8
    """Characters a new credential must have at least."""
    max_waiting: int = 32
    """Checks in the executor or waiting for it."""

    def __post_init__(self) -> None:
        if not (self.passes >= 1 and 1 <= self.lanes <= 64 and self.memory_kib >= 8 * self.lanes):
            raise BadConfig("password hashing needs passes >= 1, lanes 1..64, 8 KiB per lane")
        if self.min_length < 1:
            raise BadConfig(f"passwords.min_length must be at least 1, not {self.min_length}")
        if self.max_waiting < 1:
            raise BadConfig(f"passwords.max_waiting must be at least 1, not {self.max_waiting}")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    matches: bool
    new_hash: str | None = None
    """The same password under today's parameters, where the stored hash has older ones."""


class Passwords:
    """Hashes and checks credentials in the executor handed in (a few threads; argon2 frees the
    interpreter's lock)."""

    def __init__(self, settings: PasswordSettings, executor: Executor, random: TokenSource) -> None:
        self._settings = settings
        self._executor = executor
        self._random = random
        self._waiting = 0
        self._hasher = PasswordHasher(
            time_cost=settings.passes,
            memory_cost=settings.memory_kib,
            parallelism=settings.lanes,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
            type=Type.ID,
        )
        self._nobody = self._unmatched_hash()

    async def hash(self, credential: str) -> str:
        """Hash a new credential; `InvalidValue` if it is too short or too long."""
        if len(credential) < self._settings.min_length:
            raise InvalidValue(
                f"the credential has {len(credential)} characters;"
                f" {self._settings.min_length} is the least"
            )
        secret = _encode(credential)
        return await self._off_loop(secret, self._hash)

    async def check(self, stored: str | None, credential: str) -> Verdict:
        """Check a credential; `stored` is None for an unknown user, which costs the same.

        Raises `RateLimited` when too many checks wait already, `InvalidValue` over 1,024 bytes.
        """
        secret = _encode(credential)
        if stored is None:
            return await self._off_loop(secret, self._check_nobody)
        return await self._off_loop(secret, lambda given: self._check(stored, given))

    async def _off_loop(self, secret: bytes, work: Callable[[bytes], T]) -> T:
        if self._waiting >= self._settings.max_waiting:
            raise RateLimited(
                "too many log-ins at once; try again in a moment", retry_after_ms=_BUSY_RETRY_MS
            )
        future = asyncio.get_running_loop().run_in_executor(self._executor, work, secret)
        self._waiting += 1
        # Counted until the thread is done, not until a caller has lost patience.
        future.add_done_callback(self._one_done)
        return await asyncio.shield(future)

    def _one_done(self, future: "asyncio.Future[T]") -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()

    def _hash(self, secret: bytes) -> str:
        try:
            return self._hasher.hash(secret, salt=self._random(_SALT_BYTES))
        except HashingError as error:
            raise _no_memory(error) from error

    def _check(self, stored: str, secret: bytes) -> Verdict:
        try:
            self._hasher.verify(stored, secret)
        except (VerifyMismatchError, InvalidHashError):
            return Verdict(matches=False)
        except VerificationError as error:
            raise _no_memory(error) from error
        stale = self._hasher.check_needs_rehash(stored)
        return Verdict(matches=True, new_hash=self._hash(secret) if stale else None)

    def _check_nobody(self, secret: bytes) -> Verdict:
        self._check(self._nobody, secret)
        return Verdict(matches=False)

    def _unmatched_hash(self) -> str:
        """An encoded hash no password is known for: checking against it is the whole work."""
        salt, tag = (
            b64encode(self._random(size)).rstrip(b"=").decode("ascii")
            for size in (_SALT_BYTES, _HASH_BYTES)
        )
        cost = f"m={self._settings.memory_kib},t={self._settings.passes},p={self._settings.lanes}"
        return f"$argon2id$v={_ARGON2_VERSION}${cost}${salt}${tag}"


def _no_memory(error: Exception) -> RateLimited:
    return RateLimited(
        f"credentials cannot be checked just now: {error}", retry_after_ms=_BUSY_RETRY_MS
    )


def _encode(credential: str) -> bytes:
    secret = credential.encode("utf-8", "surrogatepass")
    if len(secret) > MAX_CREDENTIAL_BYTES:
        raise InvalidValue(f"the credential has more than {MAX_CREDENTIAL_BYTES} bytes")
    return secret

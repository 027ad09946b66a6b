"""The secret that signs tokens: from the settings, or made once and kept in the data folder."""

import os
import re
import stat
from pathlib import Path

import msgspec

from arbiter.access.randomness import TokenSource
from arbiter.model.errors import BadConfig

MIN_SECRET_BYTES = 32
_MIN_DISTINCT_BYTES = 8
_MADE_BYTES = 48
_MAX_FILE_BYTES = 4_096

_PLACEHOLDERS = (
    "changeme",
    "changethis",
    "changeit",
    "replaceme",
    "replacethis",
    "yoursecret",
    "yourjwtsecret",
    "yoursupersecret",
    "youraccesssecret",
    "supersecret",
    "topsecret",
    "mysecret",
    "jwtsecret",
    "secretkey",
    "somethingsecret",
    "somesecret",
    "examplesecret",
    "testsecret",
    "devsecret",
    "defaultsecret",
    "notasecret",
    "keepitsecret",
    "stringsecret",
    "256bitsecret",
    "256bitslong",
    "insecure",
    "placeholder",
    "password",
    "signedchallenge",
    "0123456789",
    "1234567890",
    "abcdefghijklmnop",
)
"""What samples, tutorials and generated configurations put where a secret belongs."""


class JwtSecret(msgspec.Struct, frozen=True, kw_only=True):
    value: bytes
    configured: bool
    """Set by the operator; a public bind needs that, a made one serves loopback only."""

    def __repr__(self) -> str:
        return f"JwtSecret(configured={self.configured})"


def jwt_secret(setting: str | None, path: Path, random: TokenSource) -> JwtSecret:
    """Take the setting, else the secret kept in `path`, else make one and keep it there (0600).

    Raises `BadConfig` for a secret that is short or known, or a file that others can read.
    """
    if setting is not None:
        return JwtSecret(value=check_secret(setting), configured=True)
    if not os.path.lexists(path):
        _keep(path, random)
    return JwtSecret(value=_read(path), configured=False)


def check_secret(text: str) -> bytes:
    """Refuse a JWT secret that could be guessed; the message never shows it."""
    value = text.strip().encode("utf-8", "surrogateescape")
    mend = "set JWT_SECRET to the output of `openssl rand -base64 48`"
    if len(value) < MIN_SECRET_BYTES:
        raise BadConfig(
            f"JWT_SECRET has {len(value)} bytes, {MIN_SECRET_BYTES} are the least; {mend}"
        )
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    if any(known in plain for known in _PLACEHOLDERS):
        raise BadConfig(f"JWT_SECRET is, or holds, a default that others know; {mend}")
    if len(set(value)) < _MIN_DISTINCT_BYTES:
        raise BadConfig(f"JWT_SECRET repeats a few characters; {mend}")
    return value


def _keep(path: Path, random: TokenSource) -> None:
    """Write beside and link into place: two processes starting at once keep one secret."""
    draft = path.with_name(f".{path.name}.{random(8).hex()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(random(_MADE_BYTES).hex().encode("ascii") + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        except FileExistsError:
            return
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise BadConfig(f"cannot write the JWT secret {path}: {error.strerror}") from error


def _read(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BadConfig(f"the JWT secret {path} is not a plain file; remove it")
            if status.st_mode & 0o077:
                raise BadConfig(f"others can read the JWT secret; run: chmod 600 {path}")
            text = file.read(_MAX_FILE_BYTES).strip()
    except OSError as error:
        raise BadConfig(f"cannot read the JWT secret {path}: {error.strerror}") from error
    if len(text) < MIN_SECRET_BYTES:
        raise BadConfig(f"the JWT secret in {path} is damaged; remove it to make a new one")
    return text

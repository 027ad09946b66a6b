"""Exchange keys at rest: one file, 0600, sealed with a key derived from a passphrase.

ChaCha20-Poly1305 over each venue's credentials with the venue's name as associated data; the key
comes from argon2id with a salt of the file's own. Names, times and the last characters of a key's
public half are readable without the passphrase; no secret is.
"""

import os
import stat
from base64 import b64decode, b64encode
from pathlib import Path

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from arbiter.access.randomness import TokenSource
from arbiter.model.errors import BadConfig, NotFound, Unauthenticated
from arbiter.model.ids import VenueId

MIN_PASSPHRASE = 8
_SALT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32
_HINT = 4


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue asks for; shown nowhere."""

    api_key: str
    secret: str
    password: str = ""

    def __post_init__(self) -> None:
        for name in ("api_key", "secret"):
            text: str = getattr(self, name)
            if not (_a_word(text) or _a_pem(text)):
                raise BadConfig(f"{name} is empty or has spaces or unprintable characters in it")

    def __repr__(self) -> str:
        return "Credentials(***)"


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of a stored key."""

    venue: VenueId
    hint: str
    """The last characters of its public half."""
    created_ns: int


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    nonce: str
    box: str
    hint: str
    created_ns: int


class _File(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    version: int = 1
    salt: str
    passes: int = 3
    memory_kib: int = 65_536
    lanes: int = 4
    keys: dict[str, _Sealed] = {}


class VenueKeyStore:
    """The keys of one data folder."""

    def __init__(self, path: Path, random: TokenSource) -> None:
        self._path = path
        self._random = random

    def rows(self) -> list[KeyRow]:
        """What is stored, without any passphrase."""
        file = self._read()
        if file is None:
            return []
        return [
            KeyRow(venue=VenueId(name), hint=sealed.hint, created_ns=sealed.created_ns)
            for name, sealed in sorted(file.keys.items())
        ]

    def add(self, venue: VenueId, keys: Credentials, passphrase: str, now_ns: int) -> None:
        """Keep a venue's key; one that was there is replaced.

        `Unauthenticated` when the passphrase is not the one that the others were sealed with.
        """
        if len(passphrase) < MIN_PASSPHRASE:
            raise BadConfig(f"a passphrase needs at least {MIN_PASSPHRASE} characters")
        file = self._read() or _File(salt=_text(self._random(_SALT_BYTES)))
        box = _box(file, passphrase)
        for name, sealed in file.keys.items():
            _open(box, name, sealed)
        nonce = self._random(_NONCE_BYTES)
        sealed_bytes = box.encrypt(nonce, msgspec.json.encode(keys), venue.encode())
        file.keys[venue] = _Sealed(
            nonce=_text(nonce),
            box=_text(sealed_bytes),
            hint=keys.api_key[-_HINT:],
            created_ns=now_ns,
        )
        self._write(file)

    def remove(self, venue: VenueId) -> None:
        """Forget a venue's key. `NotFound` when there is none."""
        file = self._read()
        if file is None or venue not in file.keys:
            raise NotFound(f"no key of {venue} is stored; arbiter keys list shows those that are")
        del file.keys[venue]
        self._write(file)

    def open(self, passphrase: str) -> dict[VenueId, Credentials]:
        """Give all keys. `Unauthenticated` for a wrong passphrase or a file that was changed."""
        file = self._read()
        if file is None or not file.keys:
            return {}
        box = _box(file, passphrase)
        return {VenueId(name): _open(box, name, sealed) for name, sealed in file.keys.items()}

    def _read(self) -> _File | None:
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadConfig(f"cannot read {self._path}: {error.strerror}") from error
        with os.fdopen(handle, "rb") as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BadConfig(f"{self._path} is not a plain file; remove it")
            if status.st_mode & 0o077:
                raise BadConfig(f"others can read the venues' keys; run: chmod 600 {self._path}")
            data = opened.read()
        try:
            return msgspec.json.decode(data, type=_File)
        except msgspec.MsgspecError as error:
            raise BadConfig(
                f"{self._path} is damaged ({error}); remove it and add the keys again"
            ) from None

    def _write(self, file: _File) -> None:
        """Write beside and move into place: a crash leaves the old file or the new one."""
        draft = self._path.with_name(f".{self._path.name}.{self._random(8).hex()}")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            try:
                with os.fdopen(handle, "wb") as opened:
                    opened.write(msgspec.json.encode(file))
                    opened.flush()
                    os.fsync(opened.fileno())
                os.replace(draft, self._path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise BadConfig(f"cannot write {self._path}: {error.strerror}") from error


def _box(file: _File, passphrase: str) -> ChaCha20Poly1305:
    key = hash_secret_raw(
        passphrase.encode(),
        b64decode(file.salt),
        time_cost=file.passes,
        memory_cost=file.memory_kib,
        parallelism=file.lanes,
        hash_len=_KEY_BYTES,
        type=Type.ID,
    )
    return ChaCha20Poly1305(key)


def _open(box: ChaCha20Poly1305, name: str, sealed: _Sealed) -> Credentials:
    try:
        data = box.decrypt(b64decode(sealed.nonce), b64decode(sealed.box), name.encode())
    except InvalidTag:
        raise Unauthenticated(
            "the passphrase does not open the venues' keys, or their file was changed"
        ) from None
    return msgspec.json.decode(data, type=Credentials)


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _a_word(text: str) -> bool:
    return bool(text) and text == text.strip() and text.isprintable()


def _a_pem(text: str) -> bool:
    """A private key of several lines."""
    return text.startswith("-----BEGIN ") and all(
        line.isprintable() for line in text.replace("\r\n", "\n").split("\n")
    )

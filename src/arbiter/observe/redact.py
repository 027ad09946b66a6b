"""Redaction: what must never be printed, wherever in a log line it stands.

Three nets: values under a key whose name says secret, credentials in the shape of a URL or an
authorization header inside any text, and every secret value the process was told about.
"""

import re
from collections.abc import Collection, Mapping

MASK = "***"

_SECRET_WORDS = frozenset(
    {
        "apikey",
        "authorization",
        "cookie",
        "credential",
        "credentials",
        "jwt",
        "mnemonic",
        "passphrase",
        "passwd",
        "password",
        "pwd",
        "secret",
        "secrets",
        "token",
    }
)
_SECRET_KEYS = frozenset({"access", "api", "encryption", "master", "private", "secret", "signing"})
"""Words that make a secret of a following ``key``."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATORS = re.compile(r"[\s_\-.]+")
_URL_PASSWORD = re.compile(r"(?P<head>[a-zA-Z][\w+.-]*://[^\s:/@]*:)[^\s@]+(?=@)")
_SCHEME = re.compile(r"(?i)\b(?P<head>(?:bearer|basic)\s+)[\w.~+/=-]{8,}")
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")
_MIN_LENGTH = 6
"""A shorter secret value would mask half of every text."""


class Redactor:
    """Masks secrets in nested values; `secrets` are values known to be secret."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        known = sorted({s for s in secrets if len(s) >= _MIN_LENGTH}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def value(self, key: str, value: object) -> object:
        """Give what may be printed of a value that stands under `key`."""
        if value is not None and value != "" and names_a_secret(key):
            return MASK
        return self.inside(value)

    def inside(self, value: object) -> object:
        """Give a value with everything secret inside it masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "replace"))
        if isinstance(value, Mapping):
            return {key: self.value(str(key), item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.inside(item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(str(value))

    def text(self, text: str) -> str:
        """Mask credentials within a text."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        text = _URL_PASSWORD.sub(rf"\g<head>{MASK}", text)
        text = _SCHEME.sub(rf"\g<head>{MASK}", text)
        return _JWT.sub(MASK, text)


def names_a_secret(key: str) -> bool:
    """Tell by a key's words: ``JWT_SECRET``, ``apiKey``, ``db-password``; not ``token_id``."""
    words = [word.lower() for word in _SEPARATORS.split(_CAMEL.sub("_", key)) if word]
    if not words:
        return False
    if words[-1] in _SECRET_WORDS:
        return True
    return words[-1] in {"key", "keys"} and len(words) > 1 and words[-2] in _SECRET_KEYS

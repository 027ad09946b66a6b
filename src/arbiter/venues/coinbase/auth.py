"""Signing for Coinbase: a token per request, made with the key's private half.

Claims and headers are those of the venue's own client. An EC key (P-256, ES256) comes as PEM, an
Ed25519 key as PEM or as 64 bytes in base64.
"""

import base64
import binascii
import secrets
import time
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from arbiter.model.errors import BadConfig
from arbiter.venues.coinbase.errors import read_refusal
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.signed import SignedRest

_VALID_S = 120
_SEED = 32


class Signer:
    """`BadConfig` for a secret that is no private key."""

    def __init__(self, keys: VenueKeys) -> None:
        self._name = keys.api_key
        self._key, self._algorithm = _private_key(keys.secret)

    def token(self, now_s: int, uri: str = "") -> str:
        """Make a token for one request (``GET host/path``), or for a stream without one."""
        claims: dict[str, Any] = {
            "sub": self._name,
            "iss": "cdp",
            "nbf": now_s,
            "exp": now_s + _VALID_S,
        }
        if uri:
            claims["uri"] = uri
        headers = {"kid": self._name, "nonce": secrets.token_hex(16)}
        return jwt.encode(claims, self._key, algorithm=self._algorithm, headers=headers)


def _private_key(secret: str) -> tuple[EllipticCurvePrivateKey | Ed25519PrivateKey, str]:
    text = secret.replace("\\n", "\n").strip()
    try:
        if not text.startswith("-----BEGIN"):
            raw = base64.b64decode(text, validate=True)
            return Ed25519PrivateKey.from_private_bytes(raw[:_SEED]), "EdDSA"
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, binascii.Error):
        raise BadConfig("coinbase: the secret is no private key in PEM or base64") from None
    if isinstance(key, Ed25519PrivateKey):
        return key, "EdDSA"
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key, "ES256"
    raise BadConfig("coinbase: the secret must be a key of P-256 or Ed25519")


class CoinbaseRest(SignedRest):
    """ccxt carries; the tokens are ours, by the venue's clock."""

    def __init__(
        self, keys: VenueKeys | None, endpoints: Endpoints | None, timeout_s: float
    ) -> None:
        super().__init__("coinbase", keys, endpoints, read_refusal, timeout_s=timeout_s)
        self.signer = None if keys is None else Signer(keys)
        if self.signer is not None:
            self._exchange.create_auth_token = self._token

    def now_s(self) -> int:
        return int(time.time() + self.offset_ms / 1_000)

    def stream_token(self) -> str:
        assert self.signer is not None, "only those with a key follow"
        return self.signer.token(self.now_s())

    def _token(self, _seconds: Any, method: str, url: str, _eddsa: bool = False) -> str:
        assert self.signer is not None
        parts = urlsplit(url)
        return self.signer.token(self.now_s(), f"{method} {parts.netloc}{parts.path}")

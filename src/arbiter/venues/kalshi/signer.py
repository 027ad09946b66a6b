"""Kalshi's signatures: RSA-PSS over time, method and path.

Source: docs.kalshi.com, "API Keys": base64 of RSA-PSS with SHA-256 (salt as long as the digest) over
``timestamp in ms`` + ``METHOD`` + ``path``, the path from ``/trade-api`` on and without its query.
The handshake of a stream is signed as a GET of its path.
"""

import base64
import re
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from arbiter.model.errors import BadConfig
from arbiter.venues.common.keys import VenueKeys

_PEM = re.compile(r"(-----BEGIN [A-Z ]+-----)(.*?)(-----END [A-Z ]+-----)", re.DOTALL)
_LINE: Final = 64


class Signer:
    """Makes the three headers. The key is read when first needed: `BadConfig` if it is none."""

    def __init__(self, keys: VenueKeys) -> None:
        self._keys = keys
        self._key: RSAPrivateKey | None = None

    def headers(self, method: str, path: str, at_ms: int) -> dict[str, str]:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        if self._key is None:
            self._key = _private_key(self._keys.secret)
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
        text = f"{at_ms}{method}{path.partition('?')[0]}".encode()
        made = self._key.sign(text, pss, hashes.SHA256())
        return {
            "KALSHI-ACCESS-KEY": self._keys.api_key,
            "KALSHI-ACCESS-TIMESTAMP": str(at_ms),
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(made).decode(),
        }


def _private_key(text: str) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(mended(text).encode(), password=None)
    except (ValueError, TypeError):
        raise BadConfig(
            "the private key of kalshi is no RSA key in PEM: give the whole text of the file, from "
            "-----BEGIN to END----- (line ends may be written as \\n)"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise BadConfig("the private key of kalshi must be an RSA key")
    return key


def mended(text: str) -> str:
    """Give a PEM its lines back: an environment or a prompt may have made one line of it."""
    found = _PEM.search(text.replace("\\n", "\n"))
    if found is None:
        return text
    begin, body, end = found.groups()
    whole = "".join(body.split())
    lines = [whole[at : at + _LINE] for at in range(0, len(whole), _LINE)]
    return "\n".join([begin, *lines, end, ""])

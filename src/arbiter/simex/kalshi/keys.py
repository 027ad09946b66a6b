"""RSA keys of simulated customers, the same from the same seed, and the check of what they sign.

A venue's customers have keys of 2048 bits; these have half, to be made at every start.
"""

import base64
import hashlib
import random
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

_PRIME_BITS: Final = 512
_EXPONENT: Final = 65_537
_ROUNDS: Final = 20
_SMALL = [n for n in range(3, 2_000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)


@lru_cache(maxsize=256)
def derive_pem(*what: object) -> str:
    """Make a private key, as PEM, from what it is for."""
    digest = hashlib.sha256(":".join(map(str, what)).encode()).digest()
    draw = random.Random(digest)
    p, q = _prime(draw), _prime(draw)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(_EXPONENT, p * q),
    )
    made = numbers.private_key().private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    return made.decode()


class Checker:
    """The venue's half of a key: it knows the public one alone."""

    def __init__(self, pem: str) -> None:
        key = load_pem_private_key(pem.encode(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey), "made here"
        self._public = key.public_key()

    def signed(self, text: str, signature: str) -> bool:
        try:
            made = base64.b64decode(signature, validate=True)
            self._public.verify(made, text.encode(), _PSS, hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True


def _prime(draw: random.Random) -> int:
    while True:
        found = draw.getrandbits(_PRIME_BITS) | 1 | 3 << (_PRIME_BITS - 2)
        if any(found % small == 0 for small in _SMALL) or (found - 1) % _EXPONENT == 0:
            continue
        if all(_passes(found, draw.randrange(2, found - 1)) for _ in range(_ROUNDS)):
            return found


def _passes(number: int, base: int) -> bool:
    """Miller and Rabin's test."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    x = pow(base, odd, number)
    if x in (1, number - 1):
        return True
    for _ in range(twos - 1):
        x = x * x % number
        if x == number - 1:
            return True
    return False

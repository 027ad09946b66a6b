"""What a wallet signs: log-ins (L1), requests (L2), and orders of version 2.

Sources: docs.polymarket.com, "Authentication" and "Orders"; EIP-712; ERC-7739 for type 3. Money is
held by the key's own address (type 0), a proxy (1), a Safe (2) or a deposit wallet (3). No order
carries a builder.
"""

import base64
import hashlib
import hmac
from typing import Any

import msgspec
from eth_abi.abi import encode as abi_encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from arbiter.model.errors import BadConfig
from arbiter.observe.redact import MASK
from arbiter.venues.common.keys import VenueKeys

CHAIN = 137
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE = "0xe2222d279d744050d28e00520010520000310F59"
COLLATERAL = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
"""pUSD, six places."""
OUTCOME_TOKENS = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"

_STATEMENT = "This message attests that I control the given wallet"
_NOTHING = bytes(32)
_ZERO = "0x" + "0" * 64
_DEPOSIT_WALLET = 3
_FIELDS = (
    ("uint256", "salt"),
    ("address", "maker"),
    ("address", "signer"),
    ("uint256", "tokenId"),
    ("uint256", "makerAmount"),
    ("uint256", "takerAmount"),
    ("uint8", "side"),
    ("uint8", "signatureType"),
    ("uint256", "timestamp"),
    ("bytes32", "metadata"),
    ("bytes32", "builder"),
)
_ORDER = "Order(" + ",".join(f"{kind} {name}" for kind, name in _FIELDS) + ")"
_NESTED = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,"
    f"address verifyingContract,bytes32 salt){_ORDER}"
)
_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_LOGIN_TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
    ],
    "ClobAuth": [
        {"name": "address", "type": "address"},
        {"name": "timestamp", "type": "string"},
        {"name": "nonce", "type": "uint256"},
        {"name": "message", "type": "string"},
    ],
}


class Login(msgspec.Struct, frozen=True, kw_only=True, rename={"api_key": "apiKey"}):
    """What requests are signed with; made from the wallet's key, and the same each time."""

    api_key: str
    secret: str
    passphrase: str

    def __repr__(self) -> str:
        return f"Login({MASK})"

    __str__ = __repr__


class Unsigned(msgspec.Struct, frozen=True, kw_only=True):
    """An order before it is signed; amounts in millionths."""

    salt: int
    token: str
    buys: bool
    maker_amount: int
    taker_amount: int
    timestamp_ms: int
    expires_s: int = 0
    """Not signed; 0 is never."""


def _separator(exchange: str) -> bytes:
    return keccak(
        abi_encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(text=_DOMAIN),
                keccak(text="Polymarket CTF Exchange"),
                keccak(text="2"),
                CHAIN,
                exchange,
            ],
        )
    )


_SEPARATORS = {False: _separator(EXCHANGE), True: _separator(NEG_RISK_EXCHANGE)}
_ORDER_TYPE, _NESTED_TYPE = keccak(text=_ORDER), keccak(text=_NESTED)
_WALLET_NAME, _WALLET_VERSION = keccak(text="DepositWallet"), keccak(text="1")


class Wallet:
    """A key and the address that holds the money. The key is shown nowhere."""

    def __init__(self, private: str, holder: str, kind: int) -> None:
        self._private = private
        try:
            self.address = str(Account.from_key(private).address)
        except (ValueError, TypeError, ValidationError):
            raise BadConfig("polymarket: the private key is none") from None
        self.holder = str(to_checksum_address(holder))
        self.kind = kind
        self._signs = self.holder if kind == _DEPOSIT_WALLET else self.address

    def __repr__(self) -> str:
        return f"Wallet({self.holder})"

    def login_headers(self, at_s: int) -> dict[str, str]:
        """L1: for asking for a log-in."""
        typed = {
            "primaryType": "ClobAuth",
            "domain": {"name": "ClobAuthDomain", "version": "1", "chainId": CHAIN},
            "types": _LOGIN_TYPES,
            "message": {
                "address": self.address,
                "timestamp": str(at_s),
                "nonce": 0,
                "message": _STATEMENT,
            },
        }
        signed = Account.sign_message(encode_typed_data(full_message=typed), self._private)
        return {
            "POLY_ADDRESS": self.address,
            "POLY_SIGNATURE": "0x" + bytes(signed.signature).hex(),
            "POLY_TIMESTAMP": str(at_s),
            "POLY_NONCE": "0",
        }

    def headers(
        self, login: Login, at_s: int, method: str, path: str, body: bytes
    ) -> dict[str, str]:
        """L2: every request with an account; the query is not signed."""
        said = f"{at_s}{method}{path}".encode() + body
        key = base64.urlsafe_b64decode(login.secret)
        made = hmac.new(key, said, hashlib.sha256).digest()
        return {
            "POLY_ADDRESS": self.address,
            "POLY_SIGNATURE": base64.urlsafe_b64encode(made).decode(),
            "POLY_TIMESTAMP": str(at_s),
            "POLY_API_KEY": login.api_key,
            "POLY_PASSPHRASE": login.passphrase,
        }

    def order(self, unsigned: Unsigned, *, neg_risk: bool) -> tuple[str, dict[str, Any]]:
        """Sign; gives the order's id, which is its hash, and the record to send."""
        contents = keccak(
            abi_encode(
                ["bytes32", *(kind for kind, _ in _FIELDS)],
                [
                    _ORDER_TYPE,
                    unsigned.salt,
                    self.holder,
                    self._signs,
                    int(unsigned.token),
                    unsigned.maker_amount,
                    unsigned.taker_amount,
                    0 if unsigned.buys else 1,
                    self.kind,
                    unsigned.timestamp_ms,
                    _NOTHING,
                    _NOTHING,
                ],
            )
        )
        separator = _SEPARATORS[neg_risk]
        digest = keccak(b"\x19\x01" + separator + contents)
        if self.kind == _DEPOSIT_WALLET:
            signature = self._nested(separator, contents)
        else:
            signature = self.sign(digest)
        return "0x" + digest.hex(), {
            "salt": unsigned.salt,
            "maker": self.holder,
            "signer": self._signs,
            "tokenId": unsigned.token,
            "makerAmount": str(unsigned.maker_amount),
            "takerAmount": str(unsigned.taker_amount),
            "side": "BUY" if unsigned.buys else "SELL",
            "expiration": str(unsigned.expires_s),
            "signatureType": self.kind,
            "timestamp": str(unsigned.timestamp_ms),
            "metadata": _ZERO,
            "builder": _ZERO,
            "signature": "0x" + signature.hex(),
        }

    def _nested(self, separator: bytes, contents: bytes) -> bytes:
        """ERC-7739: the order within a record of the deposit wallet, and what to check it by."""
        record = keccak(
            abi_encode(
                ["bytes32", "bytes32", "bytes32", "bytes32", "uint256", "address", "bytes32"],
                [
                    _NESTED_TYPE,
                    contents,
                    _WALLET_NAME,
                    _WALLET_VERSION,
                    CHAIN,
                    self.holder,
                    _NOTHING,
                ],
            )
        )
        signed = self.sign(keccak(b"\x19\x01" + separator + record))
        return signed + separator + contents + _ORDER.encode() + len(_ORDER).to_bytes(2, "big")

    def sign_words(self, digest: bytes) -> bytes:
        """Sign a hash as a text (EIP-191), as Safes and proxies want it."""
        return self.sign(keccak(b"\x19Ethereum Signed Message:\n32" + digest))

    def sign(self, digest: bytes) -> bytes:
        return bytes(Account.unsafe_sign_hash(digest, private_key=self._private).signature)


def wallet_of(keys: VenueKeys) -> Wallet:
    """`api_key` is the address that holds the money, `password` the type of signature, 0 to 3.

    Left out, the type is 0 where the key's own address holds it, and 3 otherwise.
    """
    if not is_address(keys.api_key):
        raise BadConfig("polymarket: the first part of the key is the wallet's address, 0x…")
    own = Wallet(keys.secret, keys.api_key, 0)
    told = keys.password.strip()
    if told and told not in ("0", "1", "2", "3"):
        raise BadConfig("polymarket: the type of signature is 0, 1, 2 or 3")
    mine = own.holder == own.address
    kind = int(told) if told else 0 if mine else _DEPOSIT_WALLET
    if (kind == 0) != mine:
        raise BadConfig(
            f"polymarket: type {kind} does not go with {own.holder}: 0 is for the key's own "
            "address, 1 for a proxy, 2 for a Safe, 3 for a deposit wallet"
        )
    return Wallet(keys.secret, keys.api_key, kind)

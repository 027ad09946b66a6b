"""Wallets and what they sign: EIP-712 of log-ins (L1) and of orders, version 2.

A signature of type 0 is the holder's own, 1 and 2 those of a key for its proxy or Safe. Type 3 is
ERC-7739: the key signs the order nested in a record that names its deposit wallet, and the
signature carries what a contract needs to follow that.
"""

import hashlib
from typing import Any

import msgspec
from eth_abi.abi import encode as abi_encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

CHAIN = 137
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE = "0xe2222d279d744050d28e00520010520000310F59"
MESSAGE = "This message attests that I control the given wallet"

NO_SIGNATURE = (ValueError, TypeError, BadSignature, ValidationError)
_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_ORDER = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,"
    "uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,"
    "bytes32 builder)"
)
_NESTED = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,"
    f"address verifyingContract,bytes32 salt){_ORDER}"
)
_FIELDS = [
    tuple(field.split(" ")) for field in _ORDER.removeprefix("Order(").removesuffix(")").split(",")
]


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """A key and the addresses that hold for it."""

    private: str
    address: str
    """Of the key itself."""
    holders: tuple[str, str, str, str]
    """Who holds the money, by type of signature."""


def make_wallet(server: str, seed: int, account: int, kind: str) -> Wallet:
    def digest(what: str) -> str:
        return hashlib.sha256(f"{server}:{seed}:{account}:{kind}:{what}".encode()).hexdigest()

    private = "0x" + digest("private key")
    address = str(Account.from_key(private).address)
    made = [_checksum(digest(what)[:40]) for what in ("proxy", "safe", "deposit wallet")]
    return Wallet(private=private, address=address, holders=(address, made[0], made[1], made[2]))


def _checksum(digits: str) -> str:
    return str(to_checksum_address("0x" + digits))


def login_signer(address: str, timestamp: str, nonce: int, signature: str) -> str:
    """Who signed a log-in; `ValueError` for what is no signature."""
    typed = {
        "primaryType": "ClobAuth",
        "domain": {"name": "ClobAuthDomain", "version": "1", "chainId": CHAIN},
        "types": {
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
        },
        "message": {
            "address": address,
            "timestamp": timestamp,
            "nonce": nonce,
            "message": MESSAGE,
        },
    }
    return _recovered(encode_typed_data(full_message=typed), signature)


def order_hash(order: dict[str, Any], *, neg_risk: bool) -> str:
    return "0x" + keccak(b"\x19\x01" + _domain(neg_risk) + _contents(order)).hex()


def order_signer(order: dict[str, Any], *, neg_risk: bool) -> str:
    """Who signed an order; `ValueError` where the signature is none of its type."""
    signature = str(order["signature"])
    if int(order["signatureType"]) != 3:
        digest = keccak(b"\x19\x01" + _domain(neg_risk) + _contents(order))
        return _recovered_hash(digest, signature)
    tail = _domain(neg_risk) + _contents(order) + _ORDER.encode() + len(_ORDER).to_bytes(2, "big")
    told = bytes.fromhex(signature.removeprefix("0x"))
    if told[65:] != tail:
        raise ValueError("the signature does not carry the order's type")
    nested = keccak(
        abi_encode(
            ["bytes32", "bytes32", "bytes32", "bytes32", "uint256", "address", "bytes32"],
            [
                keccak(text=_NESTED),
                _contents(order),
                keccak(text="DepositWallet"),
                keccak(text="1"),
                CHAIN,
                str(order["signer"]),
                bytes(32),
            ],
        )
    )
    digest = keccak(b"\x19\x01" + _domain(neg_risk) + nested)
    return _recovered_hash(digest, "0x" + told[:65].hex())


def _domain(neg_risk: bool) -> bytes:
    return keccak(
        abi_encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(text=_DOMAIN),
                keccak(text="Polymarket CTF Exchange"),
                keccak(text="2"),
                CHAIN,
                NEG_RISK_EXCHANGE if neg_risk else EXCHANGE,
            ],
        )
    )


def _contents(order: dict[str, Any]) -> bytes:
    values: list[Any] = []
    for kind, name in _FIELDS:
        told = order[name]
        if name == "side":
            values.append({"BUY": 0, "SELL": 1}[told])
        elif kind == "bytes32":
            values.append(bytes.fromhex(str(told).removeprefix("0x").zfill(64)))
        elif kind == "address":
            values.append(str(told))
        else:
            values.append(int(told))
    types = ["bytes32", *(kind for kind, _ in _FIELDS)]
    return keccak(abi_encode(types, [keccak(text=_ORDER), *values]))


def _recovered(message: Any, signature: str) -> str:
    try:
        return str(Account.recover_message(message, signature=signature))
    except NO_SIGNATURE as error:
        raise ValueError(str(error)) from None


def _recovered_hash(digest: bytes, signature: str) -> str:
    try:
        return str(Account._recover_hash(digest, signature=signature))
    except NO_SIGNATURE as error:
        raise ValueError(str(error)) from None

"""How an action is signed: the EIP-712 "phantom agent" over the hash of its msgpack.

Source: hyperliquid.gitbook.io, "Signing", and the venue's own Python SDK. The hash is keccak over
the packed action, the nonce (8 bytes, big end first), one byte that says "no vault" and, where the
action has an end, another zero and that time (8 bytes); what is signed is ``Agent(source, connectionId)`` in the domain ``Exchange``, with source ``a`` on mainnet.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import msgspec

from arbiter.model.errors import BadConfig

MAINNET = "a"
_CHAIN = 1337


class Wallet:
    """A private key, which nothing here shows. `BadConfig` for what is none."""

    def __init__(self, private_key: str) -> None:
        account = importlib.import_module("eth_account")  # they cost most of a second
        self._messages = importlib.import_module("eth_account.messages")
        self._keccak = importlib.import_module("eth_utils").keccak
        try:
            self._signer = account.Account.from_key(private_key.strip())
        except (ValueError, TypeError):
            text = "hyperliquid: a private key is 64 hex digits, with or without 0x before them"
            raise BadConfig(text) from None
        self.address: str = self._signer.address.lower()
        self._domain = self._keccak(
            self._named(
                "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
            )
            + self._named("Exchange")
            + self._named("1")
            + _CHAIN.to_bytes(32, "big")
            + bytes(32)
        )
        self._agent = self._named("Agent(string source,bytes32 connectionId)")

    def sign(
        self,
        action: Mapping[str, Any],
        nonce: int,
        expires_ms: int | None = None,
        source: str = MAINNET,
    ) -> dict[str, Any]:
        """Sign an action, whose keys stand in the venue's order."""
        packed = msgspec.msgpack.encode(action) + nonce.to_bytes(8, "big") + b"\x00"
        if expires_ms is not None:
            packed += b"\x00" + expires_ms.to_bytes(8, "big")
        body = self._keccak(self._agent + self._named(source) + self._keccak(packed))
        message = self._messages.SignableMessage(b"\x01", self._domain, body)
        made = self._signer.sign_message(message)
        return {"r": f"0x{made.r:064x}", "s": f"0x{made.s:064x}", "v": made.v}

    def _named(self, text: str) -> bytes:
        hashed: bytes = self._keccak(text.encode())
        return hashed


def is_address(text: str) -> bool:
    """Whether it is ``0x`` and 40 hex digits."""
    return (
        len(text) == 42 and text.startswith("0x") and all(c in "0123456789abcdef" for c in text[2:])
    )

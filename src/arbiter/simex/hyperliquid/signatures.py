"""Who signed an action: recovered from the signature, as the chain does it."""

import importlib
from typing import Any

import msgspec

_SOURCES = ("a", "b")
_ZERO = "0x" + "0" * 40
_AGENT = {
    "Agent": [
        {"name": "source", "type": "string"},
        {"name": "connectionId", "type": "bytes32"},
    ]
}
_USER_SIGNED = {
    "approveBuilderFee": (
        "HyperliquidTransaction:ApproveBuilderFee",
        [
            ("hyperliquidChain", "string"),
            ("maxFeeRate", "string"),
            ("builder", "address"),
            ("nonce", "uint64"),
        ],
    ),
    "approveAgent": (
        "HyperliquidTransaction:ApproveAgent",
        [
            ("hyperliquidChain", "string"),
            ("agentAddress", "address"),
            ("agentName", "string"),
            ("nonce", "uint64"),
        ],
    ),
}
"""Actions whose fields themselves are signed, by the account's own key."""


class BadSignature(Exception):
    """Nobody can have signed so."""


class Signatures:
    """Loads what recovers addresses, which takes most of a second, once."""

    def __init__(self) -> None:
        self._account = importlib.import_module("eth_account").Account
        self._messages = importlib.import_module("eth_account.messages")
        self._keccak = importlib.import_module("eth_utils").keccak

    def address(self, private_key: str) -> str:
        """The address of a key, in lower case."""
        found: str = self._account.from_key(private_key).address
        return found.lower()

    def signers(self, body: dict[str, Any]) -> dict[str, str]:
        """Addresses that the signature stands for, by the source it is taken for.

        A client that was given another address than mainnet's may sign for the test network: only
        who knows the account can say which of the two it was.
        """
        action, vrs = body["action"], _vrs(body.get("signature"))
        if action["type"] in _USER_SIGNED:
            return {"a": self._recover(self._user_signed(action), vrs)}
        packed = msgspec.msgpack.encode(action) + int(body["nonce"]).to_bytes(8, "big")
        vault = body.get("vaultAddress")
        packed += b"\x00" if vault is None else b"\x01" + bytes.fromhex(str(vault)[2:])
        if body.get("expiresAfter") is not None:
            packed += b"\x00" + int(body["expiresAfter"]).to_bytes(8, "big")
        connection = self._keccak(packed)
        domain = {"name": "Exchange", "version": "1", "chainId": 1337, "verifyingContract": _ZERO}
        return {
            source: self._recover(
                self._messages.encode_typed_data(
                    domain, _AGENT, {"source": source, "connectionId": connection}
                ),
                vrs,
            )
            for source in _SOURCES
        }

    def _user_signed(self, action: dict[str, Any]) -> Any:
        kind, fields = _USER_SIGNED[action["type"]]
        domain = {
            "name": "HyperliquidSignTransaction",
            "version": "1",
            "chainId": int(str(action["signatureChainId"]), 16),
            "verifyingContract": _ZERO,
        }
        types = {kind: [{"name": name, "type": type_} for name, type_ in fields]}
        told = {name: action.get(name, "") for name, _ in fields}
        return self._messages.encode_typed_data(domain, types, told)

    def _recover(self, message: Any, vrs: tuple[int, int, int]) -> str:
        failures = importlib.import_module("eth_keys.exceptions")
        try:
            found: str = self._account.recover_message(message, vrs=vrs)
        except (failures.BadSignature, failures.ValidationError, ValueError) as error:
            raise BadSignature(str(error)) from None
        return found.lower()


def _vrs(signature: Any) -> tuple[int, int, int]:
    try:
        return int(signature["v"]), int(signature["r"], 16), int(signature["s"], 16)
    except (KeyError, TypeError, ValueError) as error:
        raise BadSignature(str(error)) from None

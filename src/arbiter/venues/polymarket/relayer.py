"""Polymarket's relayer: transactions a wallet signs and the venue pays the gas of.

Sources: docs.polymarket.com, "Gasless transactions" and "Relayer API"; EIP-712 for the hashes of a
Safe and of a deposit wallet. What is signed carries a nonce, so the chain executes it once at most,
however often it is handed in. A proxy's transaction goes through a relay hub, whose fee is nothing.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec
from eth_abi.abi import encode as abi_encode
from eth_utils.address import is_address
from eth_utils.crypto import keccak

from arbiter.model.errors import OutcomeUnknown
from arbiter.venues.polymarket.addresses import Api
from arbiter.venues.polymarket.rest import PolymarketRest
from arbiter.venues.polymarket.signing import CHAIN, COLLATERAL, Wallet

ADAPTER = "0xAdA100Db00Ca00073811820692005400218FcE1f"
NEG_RISK_ADAPTER = "0xadA2005600Dec949baf300f4C6120000bDB6eAab"
"""They take the tokens, redeem them, and pay in pUSD."""
PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
WALLET_FACTORY = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
RELAY_HUB = "0xD216153c06E857cD7f72665E0aF1d7D82172F494"
GAS_LIMIT = 10_000_000
"""Of a proxy's transaction: ample; who pays it is the venue."""
DEADLINE_S = 600
KINDS = {1: "PROXY", 2: "SAFE", 3: "WALLET"}
"""The wallets the relayer serves, by type of signature."""

_NOBODY = "0x" + "0" * 40
_SAFE_TYPES = ["bytes32", "address", "uint256", "bytes32", "uint8"]
_SAFE_TYPES += ["uint256", "uint256", "uint256", "address", "address", "uint256"]
_SAFE_DOMAIN = "EIP712Domain(uint256 chainId,address verifyingContract)"
_SAFE_TX = (
    "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,"
    "uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)
_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_CALL = "Call(address target,uint256 value,bytes data)"
_BATCH = f"Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls){_CALL}"


class State(StrEnum):
    NEW = "STATE_NEW"
    EXECUTED = "STATE_EXECUTED"
    MINED = "STATE_MINED"
    CONFIRMED = "STATE_CONFIRMED"
    FAILED = "STATE_FAILED"
    INVALID = "STATE_INVALID"

    @property
    def on_chain(self) -> bool:
        return self in (State.MINED, State.CONFIRMED)

    @property
    def over(self) -> bool:
        return self in (State.CONFIRMED, State.FAILED, State.INVALID)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet is to do: call a contract, paying nothing."""

    to: str
    data: bytes


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the relayer says of one transaction."""

    number: str
    state: State
    why: str = ""


def redemption(condition: str, *, neg_risk: bool) -> Call:
    """Turn all that is held of a decided market, both outcomes, into what it pays."""
    arguments = abi_encode(
        ["address", "bytes32", "bytes32", "uint256[]"],
        [COLLATERAL, bytes(32), bytes.fromhex(condition.removeprefix("0x")), [1, 2]],
    )
    selector = keccak(text="redeemPositions(address,bytes32,bytes32,uint256[])")[:4]
    return Call(to=NEG_RISK_ADAPTER if neg_risk else ADAPTER, data=selector + arguments)


def payload(
    wallet: Wallet, call: Call, *, nonce: int, relay: str, deadline_s: int, metadata: str = ""
) -> dict[str, Any]:
    """Sign a call and give the body of ``POST /submit``; `relay` is needed by a proxy alone."""
    match KINDS[wallet.kind]:
        case "SAFE":
            made = _safe(wallet, call, nonce)
        case "PROXY":
            made = _proxy(wallet, call, nonce, relay)
        case _:
            made = _deposit_wallet(wallet, call, nonce, deadline_s)
    return made | {
        "type": KINDS[wallet.kind],
        "from": wallet.address,
        "nonce": str(nonce),
        "metadata": metadata,
    }


def _safe(wallet: Wallet, call: Call, nonce: int) -> dict[str, Any]:
    record = keccak(
        abi_encode(
            _SAFE_TYPES,
            [
                keccak(text=_SAFE_TX),
                call.to,
                0,
                keccak(call.data),
                *(0, 0, 0, 0, _NOBODY, _NOBODY, nonce),
            ],
        )
    )
    domain = keccak(
        abi_encode(
            ["bytes32", "uint256", "address"], [keccak(text=_SAFE_DOMAIN), CHAIN, wallet.holder]
        )
    )
    signed = wallet.sign_words(keccak(b"\x19\x01" + domain + record))
    # A Safe tells a signature over a text by its last byte: four more than usual.
    signature = signed[:64] + bytes([signed[64] + 4])
    return {
        "to": call.to,
        "proxyWallet": wallet.holder,
        "data": "0x" + call.data.hex(),
        "signature": "0x" + signature.hex(),
        "signatureParams": {
            "baseGas": "0",
            "gasPrice": "0",
            "gasToken": _NOBODY,
            "operation": "0",
            "refundReceiver": _NOBODY,
            "safeTxnGas": "0",
        },
    }


def _proxy(wallet: Wallet, call: Call, nonce: int, relay: str) -> dict[str, Any]:
    calls = abi_encode(["(uint8,address,uint256,bytes)[]"], [[(1, call.to, 0, call.data)]])
    data = keccak(text="proxy((uint8,address,uint256,bytes)[])")[:4] + calls
    numbers = b"".join(number.to_bytes(32, "big") for number in (0, 0, GAS_LIMIT, nonce))
    said = (
        b"rlx:"
        + _raw(wallet.address)
        + _raw(PROXY_FACTORY)
        + data
        + numbers
        + _raw(RELAY_HUB)
        + _raw(relay)
    )
    return {
        "to": PROXY_FACTORY,
        "proxyWallet": wallet.holder,
        "data": "0x" + data.hex(),
        "signature": "0x" + wallet.sign_words(keccak(said)).hex(),
        "signatureParams": {
            "gasLimit": str(GAS_LIMIT),
            "gasPrice": "0",
            "relay": relay,
            "relayHub": RELAY_HUB,
            "relayerFee": "0",
        },
    }


def _deposit_wallet(wallet: Wallet, call: Call, nonce: int, deadline_s: int) -> dict[str, Any]:
    one = keccak(
        abi_encode(
            ["bytes32", "address", "uint256", "bytes32"],
            [keccak(text=_CALL), call.to, 0, keccak(call.data)],
        )
    )
    record = keccak(
        abi_encode(
            ["bytes32", "address", "uint256", "uint256", "bytes32"],
            [keccak(text=_BATCH), wallet.holder, nonce, deadline_s, keccak(one)],
        )
    )
    domain = keccak(
        abi_encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(text=_DOMAIN),
                keccak(text="DepositWallet"),
                keccak(text="1"),
                *(CHAIN, wallet.holder),
            ],
        )
    )
    return {
        "to": WALLET_FACTORY,
        "signature": "0x" + wallet.sign(keccak(b"\x19\x01" + domain + record)).hex(),
        "depositWalletParams": {
            "depositWallet": wallet.holder,
            "deadline": str(deadline_s),
            "calls": [{"target": call.to, "value": "0", "data": "0x" + call.data.hex()}],
        },
    }


def _raw(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x"))


class Relayer:
    """Errors are those of `VenueRest.call`; each call asks once."""

    def __init__(self, rest: PolymarketRest, wallet: Wallet, key: str, owner: str) -> None:
        self._rest = rest
        self._wallet = wallet
        self._headers = {
            "RELAYER_API_KEY": key,
            "RELAYER_API_KEY_ADDRESS": owner or wallet.address,
        }

    async def nonce(self) -> tuple[int, str]:
        """The wallet's next nonce, and for a proxy who is to relay."""
        kind = KINDS[self._wallet.kind]
        path = "/relay-payload" if kind == "PROXY" else "/v1/account/transactions/params"
        query = {"address": self._wallet.address, "type": kind}
        told = await self._ask("GET", path, query=query)
        try:
            nonce, relay = int(told["nonce"]), str(told["address"])
        except (KeyError, TypeError, ValueError):
            raise OutcomeUnknown("relayer: no nonce") from None
        if nonce < 0 or not is_address(relay):
            raise OutcomeUnknown("relayer: a nonce that cannot be used")
        return nonce, relay

    async def submit(self, body: Mapping[str, Any]) -> Told:
        return _told(await self._ask("POST", "/submit", body=body))

    async def state(self, number: str) -> Told:
        return _told(await self._ask("GET", f"/v1/account/transactions/{number}"))

    async def find(self, signature: str) -> Told | None:
        """A transaction by its signature, among the latest; None when it never came there."""
        rows = await self._ask("GET", "/transactions")
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and str(row.get("signature", "")).lower() == signature.lower():
                return _told(row)
        return None

    async def _ask(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None
    ) -> Any:
        return await self._rest.ask(
            Api.RELAYER, method, path, query=query, body=body, headers=self._headers
        )


def _told(row: Any) -> Told:
    """One endpoint writes camels, another snakes."""
    try:
        number = row.get("transactionID") or row["transaction_id"]
        state = State(row["state"])
    except (AttributeError, KeyError, ValueError):
        raise OutcomeUnknown("relayer: a transaction that cannot be read") from None
    return Told(number=str(number), state=state, why=str(row.get("error_msg") or ""))

"""The relayer: signed transactions of proxies, Safes and deposit wallets, carried out one by one.

Of what a wallet could have done it knows one thing: redeeming through the adapters. Anything else
reverts. As on a chain, a nonce is good once, a transaction that fails uses none up, and a wallet
with one under way is busy.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils.crypto import keccak

from arbiter.model.time import NS_PER_S
from arbiter.simex.polymarket import words
from arbiter.simex.polymarket.desk import Desk
from arbiter.simex.polymarket.gamma import Listed
from arbiter.simex.polymarket.wallets import CHAIN, NO_SIGNATURE, Wallet
from arbiter.simex.rest import Call, VenueError
from arbiter.simex.venue import VenueServer

COLLATERAL = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
ADAPTER = "0xAdA100Db00Ca00073811820692005400218FcE1f"
NEG_RISK_ADAPTER = "0xadA2005600Dec949baf300f4C6120000bDB6eAab"
PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
WALLET_FACTORY = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
RELAY_HUB = "0xD216153c06E857cD7f72665E0aF1d7D82172F494"
RELAY = "0x4da9395388791c22684e03779c3de10934eb9cfb"

_KINDS = {"PROXY": 1, "SAFE": 2, "WALLET": 3}
_NEW, _EXECUTED, _MINED = "STATE_NEW", "STATE_EXECUTED", "STATE_MINED"
_CONFIRMED, _FAILED = "STATE_CONFIRMED", "STATE_FAILED"
_OVER = (_CONFIRMED, _FAILED)
_PARAMS, _TRANSACTIONS = "/v1/account/transactions/params", "/v1/account/transactions/"
_REDEEM = keccak(text="redeemPositions(address,bytes32,bytes32,uint256[])")[:4]
_PROXY = keccak(text="proxy((uint8,address,uint256,bytes)[])")[:4]
_LATEST = 100


class _Reverted(Exception):
    """The chain refuses to do it."""


class Transaction(msgspec.Struct, kw_only=True):
    number: str
    owner: str
    account: int
    body: Mapping[str, Any]
    at_ns: int
    fails: bool
    state: str = _NEW
    why: str = ""

    @property
    def told(self) -> dict[str, Any]:
        on_chain = self.state not in (_NEW, _FAILED)
        hash_ = "0x" + hashlib.sha256(self.number.encode()).hexdigest() if on_chain else ""
        same = {name: self.body.get(name, "") for name in ("from", "to", "data", "nonce", "type")}
        return same | {
            "transaction_id": self.number,
            "transaction_hash": hash_,
            "signature": self.body["signature"],
            "proxyAddress": self.body.get("proxyWallet", ""),
            "state": self.state,
            "owner": self.owner,
            "metadata": self.body.get("metadata", ""),
            "error_msg": self.why or None,
        }


def key_of(wallet: Wallet) -> str:
    """The relayer's key of a wallet."""
    return hashlib.sha256(f"relayer:{wallet.private}".encode()).hexdigest()[:32]


class Relayer:
    def __init__(
        self, server: VenueServer, listed: list[Listed], desk: Desk, wallets: list[Wallet]
    ) -> None:
        self._server = server
        self._desk = desk
        self._by_condition = {one.condition: one for one in listed}
        self._wallets = {wallet.address: (n, wallet) for n, wallet in enumerate(wallets)}
        self._nonces: dict[tuple[str, str], int] = {}
        self.transactions: dict[str, Transaction] = {}
        self.held_back = False
        """What was handed in stays as it is."""
        self.failing = 0
        """So many of the next transactions fail."""

    def serves(self, path: str) -> bool:
        return path in ("/submit", "/relay-payload", "/transactions") or path.startswith(
            _TRANSACTIONS
        )

    def serve(self, call: Call) -> Any:
        query = call.query_values()
        match (call.method, call.path):
            case ("GET", path) if path in (_PARAMS, "/relay-payload"):
                return self._params(query, relayed=path != _PARAMS)
            case ("POST", "/submit"):
                return self._submit(self._owner(call), call.body)
            case ("GET", "/transactions"):
                owner = self._owner(call)
                mine = [t for t in self.transactions.values() if t.owner == owner]
                return [_camel(t) for t in reversed(mine[-_LATEST:])]
            case ("GET", path):
                owner, number = self._owner(call), path.removeprefix(_TRANSACTIONS)
                found = self.transactions.get(number)
                if found is None or found.owner != owner:
                    raise VenueError(0, "transaction not found", 404)
                return found.told
        raise VenueError(0, "not found", 404)

    def step(self, now_ns: int) -> None:
        """Take on what is under way."""
        if self.held_back:
            return
        whole = max(self._desk.confirm_ns, 3)
        for one in self.transactions.values():
            age = now_ns - one.at_ns
            if one.state == _NEW and age >= whole // 3:
                one.state = _EXECUTED
            if one.state == _EXECUTED and age >= whole * 2 // 3:
                self._carry_out(one)
            if one.state == _MINED and age >= whole:
                one.state = _CONFIRMED

    # Handing in.

    def _owner(self, call: Call) -> str:
        owner = call.headers.get("RELAYER_API_KEY_ADDRESS", "")
        known = self._wallets.get(owner)
        if known is None or call.headers.get("RELAYER_API_KEY") != key_of(known[1]):
            raise VenueError(0, "invalid authorization", 401)
        return owner

    def _params(self, query: Mapping[str, str], *, relayed: bool) -> dict[str, str]:
        address, kind = query.get("address", ""), query.get("type", "")
        if kind not in _KINDS or address not in self._wallets:
            raise VenueError(0, "invalid address or type", 400)
        nonce = str(self._nonces.get((address, kind), 0))
        return {"address": RELAY if relayed else address, "nonce": nonce}

    def _submit(self, owner: str, data: bytes) -> dict[str, str]:
        try:
            body = msgspec.json.decode(data, type=dict[str, Any])
            kind, signer, nonce = str(body["type"]), str(body["from"]), int(body["nonce"])
            account, wallet = self._wallets[signer]
            holder = wallet.holders[_KINDS[kind]]
            fits = self._signer(body, kind, holder) == signer == owner
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
            raise VenueError(0, "invalid transaction request", 400) from None
        if not fits:
            raise VenueError(0, "invalid signature", 400)
        expected = self._nonces.get((signer, kind), 0)
        if nonce != expected:
            text = f"batch nonce {nonce} does not match on-chain nonce {expected}"
            raise VenueError(0, text, 400)
        if any(t.owner == owner and t.state not in _OVER for t in self.transactions.values()):
            raise VenueError(0, "wallet busy: has an active action", 400)
        number = f"0190b317-a1d3-7bec-{account:04x}-{len(self.transactions):012x}"
        self.transactions[number] = Transaction(
            number=number,
            owner=owner,
            account=account,
            body=body,
            at_ns=self._server.now_ns(),
            fails=self.failing > 0,
        )
        self.failing = max(self.failing - 1, 0)
        return {"transactionID": number, "state": _NEW, "transactionHash": ""}

    def _signer(self, body: Mapping[str, Any], kind: str, holder: str) -> str:
        """Who signed for the wallet `holder`; `ValueError` or `KeyError` for what does not fit."""
        signature = bytes.fromhex(str(body["signature"]).removeprefix("0x"))
        if len(signature) != 65:
            raise ValueError("no signature")
        if kind == "WALLET":
            return self._batch_signer(body, holder, signature)
        if body["proxyWallet"] != holder:
            raise ValueError("not the signer's wallet")
        if kind == "PROXY":
            return _recovered(encode_defunct(primitive=_proxy_hash(body)), signature)
        typed = encode_typed_data(full_message=_safe_transaction(body, holder))
        digest = keccak(b"\x19" + typed.version + typed.header + typed.body)
        return _recovered(
            encode_defunct(primitive=digest), signature[:64] + bytes([signature[64] - 4])
        )

    def _batch_signer(self, body: Mapping[str, Any], holder: str, signature: bytes) -> str:
        told = body["depositWalletParams"]
        late = int(told["deadline"]) <= self._server.now_ns() // NS_PER_S
        if body["to"] != WALLET_FACTORY or told["depositWallet"] != holder or late:
            raise ValueError("not the signer's wallet, or too late")
        return _recovered(encode_typed_data(full_message=_batch(body, holder)), signature)

    # Carrying out.

    def _carry_out(self, one: Transaction) -> None:
        try:
            if one.fails:
                raise _Reverted("execution reverted")
            due = [self._decided(to, data) for to, data in _calls(one.body)]
        except (_Reverted, DecodingError, ValueError) as error:
            one.state, one.why = _FAILED, str(error)
            return
        account = self._server.accounts[one.account]
        for listed in due:
            self._desk.redeem(account, listed, self._server.decided[listed.shown.row])
        key = one.owner, str(one.body["type"])
        self._nonces[key] = self._nonces.get(key, 0) + 1
        one.state = _MINED

    def _decided(self, to: str, data: bytes) -> Listed:
        """Which market a call redeems."""
        if data[:4] != _REDEEM:
            raise _Reverted("execution reverted: unknown function")
        collateral, parent, condition, sets = abi_decode(
            ["address", "bytes32", "bytes32", "uint256[]"], data[4:]
        )
        listed = self._by_condition.get("0x" + condition.hex())
        if listed is None or listed.shown.row not in self._server.decided:
            raise _Reverted("execution reverted: result for condition not received yet")
        adapter = NEG_RISK_ADAPTER if listed.neg_risk else ADAPTER
        plain = collateral.lower() == COLLATERAL.lower() and not any(parent)
        if to.lower() != adapter.lower() or not plain or tuple(sets) != (1, 2):
            raise _Reverted("execution reverted")
        return listed


def _camel(one: Transaction) -> dict[str, Any]:
    told = one.told
    return told | {
        "transactionID": told.pop("transaction_id"),
        "transactionHash": told.pop("transaction_hash"),
    }


def _recovered(message: Any, signature: bytes) -> str:
    try:
        return str(EthAccount.recover_message(message, signature=signature))
    except NO_SIGNATURE as error:
        raise ValueError(str(error)) from None


def _calls(body: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """What the wallet calls: contract and data."""
    if body["type"] == "WALLET":
        told = body["depositWalletParams"]["calls"]
        return [(str(call["target"]), _bytes(call["data"])) for call in told]
    data = _bytes(body["data"])
    if body["type"] == "SAFE":
        return [(str(body["to"]), data)]
    if body["to"] != PROXY_FACTORY or data[:4] != _PROXY:
        raise _Reverted("execution reverted: unknown function")
    (made,) = abi_decode(["(uint8,address,uint256,bytes)[]"], data[4:])
    return [(str(to), inner) for kind, to, value, inner in made if (kind, value) == (1, 0)]


def _proxy_hash(body: Mapping[str, Any]) -> bytes:
    told = body["signatureParams"]
    if told["relayHub"] != RELAY_HUB or told["relay"] != RELAY:
        raise ValueError("not this relay")
    fields = (told["relayerFee"], told["gasPrice"], told["gasLimit"], body["nonce"])
    said = [b"rlx:", _bytes(body["from"]), _bytes(body["to"]), _bytes(body["data"])]
    said += [int(number).to_bytes(32, "big") for number in fields]
    said += [_bytes(told["relayHub"]), _bytes(told["relay"])]
    return keccak(b"".join(said))


def _safe_transaction(body: Mapping[str, Any], holder: str) -> dict[str, Any]:
    told = body["signatureParams"]
    numbers = ("safeTxGas", "baseGas", "gasPrice")
    fields = [("to", "address"), ("value", "uint256"), ("data", "bytes"), ("operation", "uint8")]
    fields += [(name, "uint256") for name in numbers]
    fields += [("gasToken", "address"), ("refundReceiver", "address"), ("nonce", "uint256")]
    return {
        "primaryType": "SafeTx",
        "domain": {"chainId": CHAIN, "verifyingContract": holder},
        "types": {
            "EIP712Domain": [
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "SafeTx": [{"name": name, "type": kind} for name, kind in fields],
        },
        "message": {
            "to": body["to"],
            "value": int(body.get("value", 0)),
            "data": _bytes(body["data"]),
            "operation": int(told["operation"]),
            "safeTxGas": int(told["safeTxnGas"]),
            "baseGas": int(told["baseGas"]),
            "gasPrice": int(told["gasPrice"]),
            "gasToken": told.get("gasToken", words.ZERO_ADDRESS),
            "refundReceiver": told.get("refundReceiver", words.ZERO_ADDRESS),
            "nonce": int(body["nonce"]),
        },
    }


def _batch(body: Mapping[str, Any], holder: str) -> dict[str, Any]:
    told = body["depositWalletParams"]
    domain = [("name", "string"), ("version", "string"), ("chainId", "uint256")]
    types = {
        "EIP712Domain": [*domain, ("verifyingContract", "address")],
        "Call": [("target", "address"), ("value", "uint256"), ("data", "bytes")],
        "Batch": [
            ("wallet", "address"),
            ("nonce", "uint256"),
            ("deadline", "uint256"),
            ("calls", "Call[]"),
        ],
    }
    return {
        "primaryType": "Batch",
        "domain": {
            "name": "DepositWallet",
            "version": "1",
            "chainId": CHAIN,
            "verifyingContract": holder,
        },
        "types": {
            name: [{"name": field, "type": kind} for field, kind in fields]
            for name, fields in types.items()
        },
        "message": {
            "wallet": holder,
            "nonce": int(body["nonce"]),
            "deadline": int(told["deadline"]),
            "calls": [
                {
                    "target": call["target"],
                    "value": int(call["value"]),
                    "data": _bytes(call["data"]),
                }
                for call in told["calls"]
            ],
        },
    }


def _bytes(text: Any) -> bytes:
    return bytes.fromhex(str(text).removeprefix("0x"))

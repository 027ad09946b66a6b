"""What the relayer is handed, held against the venue's own client, and what is kept of it."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.polymarket import relayer
from arbiter.venues.polymarket.addresses import Api
from arbiter.venues.polymarket.redeem import RELAYER_KEY, Sent, _load, _save, _why_by_hand
from arbiter.venues.polymarket.relayer import Call, payload, redemption
from arbiter.venues.polymarket.signing import COLLATERAL, Wallet

PRIVATE = "0x" + "11" * 32
HOLDER = "0x1F0b3a1A0f3f7cB3E0A0d7c6f1B7aE5C2D1b9c3A"
RELAY = "0x4da9395388791c22684e03779c3de10934eb9cfb"
CONDITION = "0x" + "c0ffee" * 10 + "abcd"
DEADLINE = 1_795_248_149

_ROOT = "polymarket._internal.actions.relayer"
calls = import_module(f"{_ROOT}.calls")
gasless = import_module(f"{_ROOT}.gasless")
safe = import_module(f"{_ROOT}.signing.safe")
proxy = import_module(f"{_ROOT}.signing.proxy")
deposit = import_module(f"{_ROOT}.signing.deposit_wallet")
CONFIG = import_module("polymarket.environments").PRODUCTION._config


def theirs(kind: int, call: Any, nonce: str, holder: str) -> dict[str, Any]:
    signer = Account.from_key(PRIVATE)
    told = {"signer_address": signer.address, "wallet": holder, "nonce": nonce, "metadata": "why"}
    derivation = CONFIG.wallet_derivation
    if kind == 2:
        plain = {"data": call.data, "value": 0, "operation": 0}
        signature = safe.sign_safe_transaction(
            signer, safe_address=holder, to=call.to, nonce=nonce, chain_id=137, **plain
        )
        made = gasless.build_safe_payload(target=call.to, signature=signature, **plain, **told)
    elif kind == 1:
        data = calls.encode_proxy_call([call])
        hash_ = proxy.build_proxy_transaction_hash(
            from_address=signer.address,
            to=derivation.proxy_factory,
            data=data,
            relayer_fee="0",
            gas_price="0",
            gas_limit=str(relayer.GAS_LIMIT),
            nonce=nonce,
            relay_hub=CONFIG.relay_hub,
            relay=RELAY,
        )
        made = gasless.build_proxy_payload(
            proxy_factory=derivation.proxy_factory,
            data=data,
            signature=proxy.sign_proxy_message(signer, hash_),
            gas_limit=str(relayer.GAS_LIMIT),
            relay=RELAY,
            relay_hub=CONFIG.relay_hub,
            **told,
        )
    else:
        signature = deposit.sign_deposit_wallet_batch(
            signer,
            wallet=holder,
            calls=[call],
            nonce=nonce,
            deadline=str(DEADLINE),
            chain_id=137,
        )
        made = gasless.build_deposit_wallet_payload(
            deposit_wallet_factory=derivation.deposit_wallet_factory,
            calls=[call],
            deadline=str(DEADLINE),
            signature=signature,
            **told,
        )
    assert isinstance(made, dict)
    return made


@pytest.mark.parametrize("neg_risk", [False, True])
@pytest.mark.parametrize("nonce", [0, 60])
@pytest.mark.parametrize("kind", [1, 2, 3])
def test_redemptions_are_signed_as_the_venues_own_client_signs_them(
    kind: int, nonce: int, neg_risk: bool
) -> None:
    wallet = Wallet(PRIVATE, HOLDER, kind)
    adapter = CONFIG.neg_risk_collateral_adapter if neg_risk else CONFIG.collateral_adapter
    call = calls.ctf_redeem_positions_call(
        ctf=adapter, collateral=CONFIG.collateral_token, condition_id=CONDITION
    )
    ours = redemption(CONDITION, neg_risk=neg_risk)
    assert (ours.to, "0x" + ours.data.hex()) == (call.to, call.data)
    made = payload(wallet, ours, nonce=nonce, relay=RELAY, deadline_s=DEADLINE, metadata="why")
    assert made == theirs(kind, call, str(nonce), wallet.holder)


def test_contracts_are_those_of_the_venues_own_client() -> None:
    assert CONFIG.collateral_token == COLLATERAL
    assert CONFIG.relayer_url == Api.RELAYER.value
    assert set(relayer.KINDS.values()) < {
        kind.value
        for kind in import_module("polymarket.models.clob.relayer").RelayerTransactionType
    }
    assert {state.value for state in relayer.State} == {
        state.value
        for state in import_module("polymarket.models.clob.relayer").RelayerTransactionState
    }


def test_another_call_another_signature() -> None:
    wallet = Wallet(PRIVATE, HOLDER, 2)
    made = {
        str(payload(wallet, Call(to=relayer.ADAPTER, data=data), nonce=n, relay="", deadline_s=0))
        for data in (b"a", b"b")
        for n in (1, 2)
    }
    assert len(made) == 4


def test_wallet_that_pays_its_gas_and_one_without_a_relayers_key_redeem_by_hand() -> None:
    own = Wallet(PRIVATE, Account.from_key(PRIVATE).address, 0)
    without = VenueKeys(api_key=HOLDER, secret=PRIVATE)
    keyed = VenueKeys(api_key=HOLDER, secret=PRIVATE, relayer_api_key="key")
    assert "gas" in _why_by_hand(own, keyed)
    for kind in (1, 2, 3):
        assert RELAYER_KEY in _why_by_hand(Wallet(PRIVATE, HOLDER, kind), without)
        assert not _why_by_hand(Wallet(PRIVATE, HOLDER, kind), keyed)


def test_what_was_sent_is_remembered_and_a_broken_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "redemptions"
    assert _load(path) == {}
    sent = Sent(condition=CONDITION, held=[], body={"signature": "0x1"}, deadline_s=DEADLINE)
    _save(path, [sent])
    assert _load(path) == {CONDITION: sent}
    path.write_bytes(b"{torn")
    assert _load(path) == {}

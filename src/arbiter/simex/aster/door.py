"""The door of Aster: who signed, for whom, when, and whether the account knows that agent."""

import importlib
from collections.abc import Mapping
from typing import Any

from arbiter.model.errors import InvalidValue
from arbiter.simex.account import ApiKey
from arbiter.simex.binance.calls import NONE, TRADING, Context, Route
from arbiter.simex.binance.door import Door
from arbiter.simex.rest import VenueError
from arbiter.simex.venue import VenueServer

_WINDOW_MS = 60_000
_DOMAIN = {
    "name": "AsterSignTransaction",
    "version": "1",
    "chainId": 1666,
    "verifyingContract": "0x" + 40 * "0",
}
_TYPES = {"Message": [{"name": "msg", "type": "string"}]}
BAD_SIGNATURE = VenueError(-1000, "Signature check failed")
NO_AGENT = VenueError(-1000, "No agent found")
_BUILDERS = ("builder", "feeRate")


class AsterDoor(Door):
    """Requests are known by the wallet that signed them.

    `user` is the account's wallet, or the agent's itself: ccxt has no way to name another.
    """

    def __init__(self, server: VenueServer) -> None:
        super().__init__(server)
        self._accounts: Any = importlib.import_module("eth_account").Account
        self._encode = importlib.import_module("eth_account.messages").encode_typed_data
        self._used: dict[str, set[int]] = {}

    def _context(
        self, route: Route, params: Mapping[str, str], key_text: str, payload: str
    ) -> Context:
        server = self._server
        if route.security == NONE:
            return Context(params, server.accounts[0], None)
        signature, signer = params.get("signature", ""), params.get("signer", "").lower()
        if self._signed_by(payload, signature) != signer:
            raise BAD_SIGNATURE
        key = server.keys.get(signer)
        if key is None or params.get("user", "").lower() not in (key.password, signer):
            raise NO_AGENT
        self._check_nonce(params.get("nonce", ""))
        if route.security >= TRADING and not key.can_trade:
            raise NO_AGENT
        if route.call == "submit":
            self._count_builder(params)
        return Context(params, server.accounts[key.account], key)

    def key(self, text: str) -> ApiKey:
        raise InvalidValue(f"{text}: there are wallets here, no keys")

    def _signed_by(self, payload: str, signature: str) -> str:
        message = self._encode(_DOMAIN, _TYPES, {"msg": payload})
        try:
            found: str = self._accounts.recover_message(message, signature=signature)
        except ValueError:
            return ""
        return found.lower()

    def _check_nonce(self, text: str) -> None:
        if not text.isdigit():
            raise VenueError(-1102, "Mandatory parameter 'nonce' was not sent, was empty/null.")
        behind_ms = self._server.now_ms() - int(text) // 1_000
        if abs(behind_ms) > _WINDOW_MS:
            raise VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")

    def _count_builder(self, params: Mapping[str, str]) -> None:
        for name in _BUILDERS:
            if name in params:
                self._server.brokers[name] += 1
                if self._server.settings.refuse_brokers:
                    raise VenueError(-2010, "Orders that carry a builder's mark are refused here.")
        super()._count_broker(params)

"""How a request is signed: EIP-712 ``Message(string msg)``, where `msg` is the query as it is sent.

Source: github.com/asterdex/api-docs, futures API v3. The domain is ``AsterSignTransaction``, version
1, chain 1666 (a number of this venue alone). The parameters name the account (``user``), the wallet
that signs for it (``signer``) and a ``nonce``: microseconds within a minute of the venue's clock.
"""

import importlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from arbiter.model.errors import BadConfig

_DOMAIN = {
    "name": "AsterSignTransaction",
    "version": "1",
    "chainId": 1666,
    "verifyingContract": "0x" + 40 * "0",
}
_TYPES = {"Message": [{"name": "msg", "type": "string"}]}


class Signer:
    """An agent's private key, which nothing here shows. `BadConfig` for what is none."""

    def __init__(self, user: str, private_key: str) -> None:
        account = importlib.import_module("eth_account")  # it costs most of a second
        self._messages = importlib.import_module("eth_account.messages")
        try:
            self._key = account.Account.from_key(private_key.strip())
        except (ValueError, TypeError):
            text = "aster: a private key is 64 hex digits, with or without 0x before them"
            raise BadConfig(text) from None
        self.user = user.strip()
        self.address: str = self._key.address
        digits = self.user.removeprefix("0x").lower()
        if len(digits) != 40 or not self.user.startswith("0x") or digits.strip("0123456789abcdef"):
            raise BadConfig("aster: walletAddress is 0x and 40 hex digits")

    @property
    def is_user(self) -> bool:
        """The account's own key signs: it may do everything."""
        return self.address.lower() == self.user.lower()

    def signed(self, params: Mapping[str, Any], nonce: int) -> str:
        """Encode the parameters of a request, with the signature last."""
        told = dict(params) | {"nonce": nonce, "user": self.user, "signer": self.address}
        query = urlencode(told)
        message = self._messages.encode_typed_data(_DOMAIN, _TYPES, {"msg": query})
        return f"{query}&signature=0x{self._key.sign_message(message).signature.hex()}"

"""Questions and signed actions over HTTP.

Nothing is sent but what is asked for here: no builder, no referrer, no approval of either.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from arbiter.model.errors import BadConfig, OutcomeUnknown
from arbiter.model.time import NS_PER_MS
from arbiter.ports.clock import Clock
from arbiter.venues.common.http import Http
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.signed import Answered
from arbiter.venues.hyperliquid.addresses import EXCHANGE, INFO
from arbiter.venues.hyperliquid.errors import refusal_in
from arbiter.venues.hyperliquid.signing import Wallet, is_address

_OK = 200
_JSON = {"Content-Type": "application/json"}
_SHOWN = 200


class WalletRest:
    """Implements `VenueRest`: `call` asks, `act` signs.

    `account` is the wallet asked about and traded for; the key that signs may be an agent's.
    """

    def __init__(
        self, keys: VenueKeys | None, origin: str, clock: Clock, timeout_s: float = 5.0
    ) -> None:
        self.offset_ms = 0
        self.account = "" if keys is None else keys.api_key.strip().lower()
        self.wallet = None if keys is None else Wallet(keys.secret)
        if keys is not None and not is_address(self.account):
            raise BadConfig("hyperliquid: walletAddress is 0x and 40 hex digits")
        self._http = Http(origin, timeout_s)
        self._clock = clock
        self._last_nonce = 0

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        """Ask `/info`; the endpoint is the question's type."""
        return await self._post(INFO, {"type": endpoint, **(params or {})})

    async def act(self, action: Mapping[str, Any], good_for_ms: int | None = None) -> Any:
        """Sign an action for `/exchange`, send it once, give the ``response``.

        What arrives later than `good_for_ms` after its signing is refused by the venue.
        """
        assert self.wallet is not None, "only those who trade act"
        nonce = self._nonce()
        expires_ms = None if good_for_ms is None else nonce + good_for_ms
        answer = await self._post(
            EXCHANGE,
            {
                "action": action,
                "nonce": nonce,
                "signature": self.wallet.sign(action, nonce, expires_ms),
                "vaultAddress": None,
                "expiresAfter": expires_ms,
            },
        )
        if not isinstance(answer, dict) or "status" not in answer:
            raise OutcomeUnknown(f"{action['type']}: the answer says neither yes nor no")
        refusal = refusal_in(answer)
        if refusal is not None:
            raise Answered(_OK, *refusal)
        return answer["response"]

    async def close(self) -> None:
        await self._http.close()

    def now_ms(self) -> int:
        """The venue's time, as far as its offset is known."""
        return self._clock.now_ns() // NS_PER_MS + self.offset_ms

    def _nonce(self) -> int:
        """Milliseconds of the venue's time, never the same twice."""
        self._last_nonce = max(self._last_nonce + 1, self.now_ms())
        return self._last_nonce

    async def _post(self, path: str, question: Mapping[str, Any]) -> Any:
        reply = await self._http.ask("POST", path, msgspec.json.encode(question), _JSON)
        if reply.status != _OK:
            text = reply.body[:_SHOWN].decode("utf-8", "replace")
            code = "malformed" if reply.status == 422 else ""
            raise Answered(reply.status, code, text, reply.headers)
        try:
            return msgspec.json.decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            what = str(question.get("type") or path)
            raise OutcomeUnknown(f"{what}: the answer is no JSON") from None

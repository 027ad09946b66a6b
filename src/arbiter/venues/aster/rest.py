"""Aster's futures REST v3 under the names that Binance's client asks by.

Nothing is sent but what is asked for here: no builder, no fee rate of one, no approval.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.time import NS_PER_MS
from arbiter.ports.clock import Clock
from arbiter.venues.aster.signing import Signer
from arbiter.venues.binance.errors import read_refusal
from arbiter.venues.common.http import Http
from arbiter.venues.common.signed import Answered

_OK = 200
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_PATHS = {
    path.lower().replace("/", "_"): path
    for path in (
        "account",
        "adlQuantile",
        "agent",
        "commissionRate",
        "exchangeInfo",
        "forceOrders",
        "income",
        "leverage",
        "leverageBracket",
        "listenKey",
        "marginType",
        "openOrders",
        "order",
        "positionRisk",
        "ticker/price",
        "time",
        "userTrades",
    )
}
"""By the end of ccxt's name of the endpoint."""


class AsterRest:
    """Implements `VenueRest`."""

    def __init__(self, signer: Signer | None, origin: str, clock: Clock, timeout_s: float) -> None:
        self.offset_ms = 0
        self.signer = signer
        self._clock = clock
        self._http = Http(origin, timeout_s)
        self._last_nonce = 0

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        """Ask once; the endpoint is named as ``fapiprivate_get_openorders``, whatever its version."""
        kind, method, name = endpoint.split("_", 2)
        target, query = f"/fapi/v3/{_PATHS[name]}", urlencode(params or {})
        if kind.startswith("fapiprivate"):
            assert self.signer is not None, "only those who trade sign"
            query = self.signer.signed(params or {}, self._nonce())
        if method == "get":
            reply = await self._http.ask("GET", f"{target}?{query}" if query else target)
        else:
            reply = await self._http.ask(method.upper(), target, query.encode(), _FORM)
        try:
            told = msgspec.json.decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if reply.status == _OK:
                raise OutcomeUnknown(f"{endpoint}: the answer is no JSON") from None
            told = None
        refusal = read_refusal(reply.status, told)
        if refusal is not None:
            raise Answered(reply.status, *refusal, reply.headers)
        if reply.status != _OK:
            text = reply.body[:200].decode("utf-8", "replace")
            raise Answered(reply.status, "", text, reply.headers)
        return told

    async def close(self) -> None:
        await self._http.close()

    def _nonce(self) -> int:
        """Microseconds of the venue's time, never the same twice."""
        now_us = self._clock.now_ns() // (NS_PER_MS // 1_000) + self.offset_ms * 1_000
        self._last_nonce = max(self._last_nonce + 1, now_us)
        return self._last_nonce

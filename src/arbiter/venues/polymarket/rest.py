"""Requests to Polymarket's APIs, signed where they are for the account."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from arbiter.model.errors import OutcomeUnknown, VenueUnreachable
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.frames import UNREADABLE
from arbiter.venues.common.signed import Answered
from arbiter.venues.polymarket.addresses import Api
from arbiter.venues.polymarket.errors import read_refusal
from arbiter.venues.polymarket.signing import Login, Wallet

Query = Mapping[str, str] | list[tuple[str, str]]
_OK = 200
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_PAGES = 2_000
_LAST = ("", "LTE=")


class PolymarketRest:
    """Implements `VenueRest`. The log-in is asked for when first needed, and kept."""

    def __init__(
        self, wallet: Wallet | None, endpoints: Endpoints | None, timeout_s: float
    ) -> None:
        self.offset_ms = 0
        self._wallet = wallet
        self._endpoints = endpoints
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._login: Login | None = None
        self._logging_in = asyncio.Lock()

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        """Ask the CLOB with the account: ``GET /data/orders``."""
        method, _, path = endpoint.partition(" ")
        return await self.signed(method, path, query=params)

    async def public(self, api: Api, path: str, query: Query | None = None) -> Any:
        return await self._ask("GET", api.at(self._endpoints) + path, query, b"", {})

    async def signed(
        self, method: str, path: str, *, query: Query | None = None, body: Any = None
    ) -> Any:
        """Ask the CLOB with the account."""
        login = await self.login()
        assert self._wallet is not None, "logged in"
        data = b"" if body is None else msgspec.json.encode(body)
        headers = self._wallet.headers(login, self.now_s(), method, path, data)
        return await self._ask(method, Api.CLOB.at(self._endpoints) + path, query, data, headers)

    async def read_anew(self, asset: Mapping[str, str]) -> dict[str, str]:
        """Have the venue read a balance from the chain, of which it keeps what it last read.

        Gives how to ask for it.
        """
        assert self._wallet is not None, "only those with keys ask"
        asked = {**asset, "signature_type": str(self._wallet.kind)}
        await self.signed("GET", "/balance-allowance/update", query=asked)
        return asked

    async def balance(self, asset: Mapping[str, str]) -> Any:
        """Read a balance as it is on the chain now, and who may move it."""
        return await self.signed("GET", "/balance-allowance", query=await self.read_anew(asset))

    async def rows(self, path: str, query: Mapping[str, str]) -> list[Any]:
        """All pages of one of the account's lists."""
        rows: list[Any] = []
        cursor = ""
        for _ in range(_PAGES):
            asked = dict(query) | ({"next_cursor": cursor} if cursor else {})
            told = await self.signed("GET", path, query=asked)
            rows += told.get("data") or []
            cursor = str(told.get("next_cursor") or "")
            if cursor in _LAST:
                return rows
        raise OutcomeUnknown(f"{path} is told without end")

    async def ask(
        self,
        api: Api,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        headers: Mapping[str, str],
    ) -> Any:
        """Ask with headers of one's own."""
        data = b"" if body is None else msgspec.json.encode(body)
        return await self._ask(method, api.at(self._endpoints) + path, query, data, headers)

    async def login(self) -> Login:
        async with self._logging_in:
            if self._login is None:
                self._login = await self._make_login()
        return self._login

    async def _make_login(self) -> Login:
        """Derive the log-in; make one where the wallet never had any."""
        if self._wallet is None:
            raise VenueUnreachable("polymarket: no wallet was given")
        origin = Api.CLOB.at(self._endpoints)
        headers = self._wallet.login_headers(self.now_s())
        try:
            told = await self._ask("GET", f"{origin}/auth/derive-api-key", None, b"", headers)
        except Answered as answer:
            if not 400 <= answer.status < 425:
                raise
            told = await self._ask("POST", f"{origin}/auth/api-key", None, b"", headers)
        try:
            return msgspec.convert(told, Login)
        except msgspec.ValidationError as error:
            raise OutcomeUnknown(f"polymarket: no log-in: {error}") from None

    def now_s(self) -> int:
        return (int(time.time() * 1_000) + self.offset_ms) // 1_000

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(
        self,
        method: str,
        url: str,
        query: Query | None,
        data: bytes,
        headers: Mapping[str, str],
    ) -> Any:
        """Ask once; errors as those of `VenueRest.call`."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        path = url.partition("://")[2].partition("/")[2].partition("?")[0]
        try:
            async with self._session.request(
                method,
                url,
                params=query,
                data=data or None,
                headers={**_JSON, **headers},
                allow_redirects=False,
            ) as answer:
                body = await answer.read()
                status, told = answer.status, answer.headers
        except aiohttp.ClientConnectorError as error:
            raise VenueUnreachable(f"/{path}: {error}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OutcomeUnknown(f"/{path}: {type(error).__name__}: no answer") from None
        try:
            decoded = msgspec.json.decode(body) if body else None
        except UNREADABLE:
            if status == _OK:
                raise OutcomeUnknown(f"/{path}: the answer is no JSON") from None
            decoded = None
        refusal = read_refusal(status, decoded)
        if refusal is not None:
            raise Answered(status, *refusal, dict(told))
        if status != _OK:
            raise Answered(status, "", body[:200].decode("utf-8", "replace"), dict(told))
        return decoded

"""The desk as the pages know it: its REST and its stream, over HTTP."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

import aiohttp
import msgspec

Json = Any
"""What the desk answered: its published bodies."""

_TIMEOUT = aiohttp.ClientTimeout(total=30.0)
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0
_SIGNED_OUT = 4401


class DeskError(Exception):
    """The desk refused or could not be asked; the text is for people."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class SignedOut(DeskError):
    """Nobody is signed in, or no longer."""


class Listing(NamedTuple):
    rows: list[Json]
    total: int


class Tokens:
    """What a sign-in gave; renewed in place."""

    def __init__(self, access: str, refresh: str) -> None:
        self.access = access
        self.refresh = refresh


class DeskClient:
    """Speaks to one desk for one person; `close` it."""

    def __init__(
        self,
        base: str,
        tokens: Tokens | None = None,
        peer: str = "",
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`base` is like ``http://127.0.0.1:8000``; `peer` is who sits at the browser.

        `trust` knows the desk's own certificate, where it speaks TLS.
        """
        self._base = base
        self._tokens = tokens
        self._peer = peer
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None
        self._renewing = asyncio.Lock()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **query: str | int | None) -> Json:
        return msgspec.json.decode((await self._call("GET", path, query=query))[0])

    async def listing(self, path: str, **query: str | int | None) -> Listing:
        text, total = await self._call("GET", path, query=query)
        rows = json.loads(text)
        return Listing(rows, len(rows) if total is None else int(total))

    async def text(self, path: str, query: Mapping[str, str | int | None]) -> str:
        return (await self._call("GET", path, query=query))[0]

    async def put(self, path: str, body: Json) -> Json:
        return json.loads((await self._call("PUT", path, body=body))[0])

    async def post(self, path: str, body: Json) -> Json:
        return json.loads((await self._call("POST", path, body=body))[0])

    async def delete(self, path: str) -> Json:
        text = (await self._call("DELETE", path))[0]
        return json.loads(text) if text else None

    async def sign_in(self, username: str, password: str) -> Tokens:
        body = {"username": username, "password": password}
        found = await self.post("/api/desk/login", body)
        return Tokens(found["access_token"], found["refresh_token"])

    async def updates(
        self, topics: list[str], on_link: Callable[[bool], None]
    ) -> AsyncIterator[dict[str, Json]]:
        """Give each update's topics for ever; reconnects by itself. `SignedOut` ends it."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                async with self._http().ws_connect(
                    f"{self._base}/api/desk/stream", headers=self._headers(), max_msg_size=0
                ) as link:
                    await link.send_json({"type": "subscribe", "topics": topics})
                    async for message in link:
                        if message.type is not aiohttp.WSMsgType.TEXT:
                            break
                        said = msgspec.json.decode(message.data)
                        if said["type"] == "update":
                            yield said["data"]
                        elif said["type"] == "subscribed":
                            pause = _FIRST_PAUSE_S
                            on_link(True)
                    if link.close_code == _SIGNED_OUT:
                        await self._renew(self._tokens.access if self._tokens else "")
            except (aiohttp.ClientError, OSError):
                pass  # tried again below
            on_link(False)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    # One call

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Json = None,
    ) -> tuple[str, str | None]:
        used = self._tokens.access if self._tokens else ""
        try:
            return await self._ask(method, path, query or {}, body)
        except SignedOut:
            if self._tokens is None:
                raise
            await self._renew(used)
            return await self._ask(method, path, query or {}, body)

    async def _ask(
        self, method: str, path: str, query: Mapping[str, str | int | None], body: Json
    ) -> tuple[str, str | None]:
        asked = {name: str(value) for name, value in query.items() if value not in (None, "")}
        try:
            async with self._http().request(
                method, f"{self._base}{path}", params=asked, json=body, headers=self._headers()
            ) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, OSError) as error:
            raise DeskError(0, f"the desk does not answer: {error}") from None
        if answer.status == 401:
            raise SignedOut(401, _detail(text))
        if answer.status >= 400:
            raise DeskError(answer.status, _detail(text))
        return text, answer.headers.get("X-Total-Count")

    async def _renew(self, used: str) -> None:
        """Exchange the refresh token, unless another call did since `used` was shown."""
        tokens = self._tokens
        if tokens is None:
            raise SignedOut(401, "sign in")
        async with self._renewing:
            if tokens.access != used:
                return
            text, _ = await self._ask(
                "POST", "/api/desk/refresh", {}, {"refresh_token": tokens.refresh}
            )
            found = json.loads(text)
            tokens.access, tokens.refresh = found["access_token"], found["refresh_token"]

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=True if self._trust is None else self._trust)
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, connector=connector)
        return self._session

    def _headers(self) -> dict[str, str]:
        headers = {"X-Forwarded-For": self._peer} if self._peer else {}
        if self._tokens is not None:
            headers["Authorization"] = f"Bearer {self._tokens.access}"
        return headers


def _detail(text: str) -> str:
    """Take the desk's words out of an error's body, whichever of its two shapes it has."""
    try:
        detail = json.loads(text)["detail"]
    except (ValueError, KeyError, TypeError):
        return text[:200]
    if isinstance(detail, list):
        faults = [(each["loc"][-1], each["msg"]) for each in detail]
        return "; ".join(said if at == "request" else f"{at}: {said}" for at, said in faults)
    return str(detail)

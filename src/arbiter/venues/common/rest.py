"""Public HTTP reads: snapshots, candles, listings. Nothing here is signed and nothing changes anything."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import aiohttp

from arbiter.model.errors import Banned, RateLimited, VenueRefused, VenueUnreachable

_TOO_MANY = 429
_BANNED = 418
_FORBIDDEN = 403
_SERVER_ERRORS = 500
_OK = 200
_LARGEST = 64 * 1024 * 1024


class PublicRest:
    """Reads of one venue, over connections that stay open. Use as an async context."""

    def __init__(self, origin: str, timeout_s: float = 1.5) -> None:
        self._origin = origin.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=self._timeout, connector=aiohttp.TCPConnector(limit_per_host=8)
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, query: Mapping[str, str | int]) -> bytes:
        """Give the body of a 200.

        `RateLimited` on 429, `Banned` on 418 and 403, `VenueUnreachable` without a usable answer,
        `VenueRefused` with the status and the beginning of the body on anything else.
        """
        return await self._ask("GET", path, query=query)

    async def post(self, path: str, question: Mapping[str, object]) -> bytes:
        """Ask with a JSON body, where a venue's reads are such; answers as `get`."""
        return await self._ask("POST", path, question=question)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        question: Mapping[str, object] | None = None,
    ) -> bytes:
        if self._session is None:
            raise VenueUnreachable(f"{self._origin}: not open")
        try:
            async with self._session.request(
                method, self._origin + path, params=query, json=question, allow_redirects=False
            ) as answer:
                body = await answer.content.read(_LARGEST)
                while not answer.content.at_eof() and len(body) < _LARGEST:
                    body += await answer.content.read(_LARGEST)
                status, wait = answer.status, answer.headers.get("Retry-After", "")
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            why = str(error) or type(error).__name__
            raise VenueUnreachable(f"{self._origin}{path}: {why}") from error
        if status == _OK:
            return body
        text = f"{self._origin}{path}: {status} {body[:200].decode('utf-8', 'replace')}"
        if status == _TOO_MANY:
            raise RateLimited(text, retry_after_ms=_retry_ms(wait, 5))
        if status in (_BANNED, _FORBIDDEN):
            raise Banned(text, retry_after_ms=_retry_ms(wait, 120))
        if status >= _SERVER_ERRORS:
            raise VenueUnreachable(text)
        raise VenueRefused(text, code=str(status))


def _retry_ms(told: str, otherwise_s: int) -> int:
    return (int(told) if told.isdigit() else otherwise_s) * 1_000

"""Kalshi's REST API: signed where a key is given, over connections that stay open.

There is no endpoint for the time. The ``Date`` of an answer is whole seconds; within them this
machine's own clock is as good.
"""

import asyncio
import email.utils
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec

from arbiter.model.errors import OutcomeUnknown, VenueUnreachable
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.frames import UNREADABLE
from arbiter.venues.common.http import Reply
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.signed import Answered, header
from arbiter.venues.kalshi.addresses import API, ENDPOINTS
from arbiter.venues.kalshi.errors import read_refusal
from arbiter.venues.kalshi.signer import Signer

_REFUSED = 400
_SECOND_MS = 1_000
_SLACK_MS = 50
"""Between the making of a ``Date`` and our reading of it."""
_READS_PER_S = 10.0
"""Of the twenty reads a second that the smallest accounts have: an account and its feeds each keep
to it by themselves."""


class Pace:
    """So many a second, half of them at once."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._gap_ns = NS_PER_S / per_second
        self._clock = clock
        self._free_ns = 0.0
        """When all that was let through will have been earned."""

    async def wait(self) -> None:
        now = self._clock.monotonic_ns()
        self._free_ns = max(self._free_ns, now) + self._gap_ns
        ahead_s = (self._free_ns - now) / NS_PER_S - 0.5
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)


class KalshiRest:
    """Implements `VenueRest`; an endpoint is its method and path: ``GET /portfolio/balance``."""

    def __init__(
        self,
        keys: VenueKeys | None,
        endpoints: Endpoints | None,
        clock: Clock,
        timeout_s: float = 5.0,
    ) -> None:
        self.offset_ms = 0
        self._signer = None if keys is None else Signer(keys)
        self._origin = (endpoints or ENDPOINTS).rest.rstrip("/")
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._reads = Pace(_READS_PER_S, clock)

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        """Ask once. Parameters are a body for POST and the query for anything else.

        Reads keep to the venue's pace by themselves; orders and cancels never wait here.
        """
        method, _, path = endpoint.partition(" ")
        path = API + path
        url, body = self._origin + path, None
        if method == "POST":
            body = msgspec.json.encode(dict(params or {}))
        elif params:
            url += "?" + urlencode(params)
        if method == "GET":
            await self._reads.wait()
        reply = await self._ask(method, path, url, body)
        try:
            answer = msgspec.json.decode(reply.body)
        except UNREADABLE:
            if reply.status >= _REFUSED:
                raise _unexplained(reply) from None
            raise OutcomeUnknown(f"{endpoint}: the answer is no JSON") from None
        refusal = read_refusal(reply.status, answer)
        if refusal is not None:
            raise Answered(reply.status, *refusal, reply.headers)
        if reply.status >= _REFUSED or not isinstance(answer, dict):
            raise _unexplained(reply)
        return answer

    async def server_ms(self) -> int:
        """The venue's time; this machine's where the two agree as far as can be told."""
        path, before = API + "/exchange/status", self._clock.now_ns()
        reply = await self._ask("GET", path, self._origin + path, None)
        after = self._clock.now_ns()
        if reply.status >= _REFUSED:
            raise _unexplained(reply)
        try:
            date = header(reply.headers, "Date")
            told = email.utils.parsedate_to_datetime(date).timestamp() * _SECOND_MS
        except ValueError:
            raise OutcomeUnknown("an answer without its time") from None
        ours = (before + after) // 2 // NS_PER_MS
        if told - _SLACK_MS <= after // NS_PER_MS and ours < told + _SECOND_MS + _SLACK_MS:
            return ours
        return int(told) + _SECOND_MS // 2

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def stream_headers(self, path: str) -> dict[str, str]:
        """Sign the handshake of a stream; nothing without a key."""
        return self._sign("GET", path)

    async def _ask(self, method: str, path: str, url: str, body: bytes | None) -> Reply:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        headers = self._sign(method, path)
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return Reply(answer.status, dict(answer.headers), await answer.read())
        except aiohttp.ClientConnectorError as error:
            raise VenueUnreachable(f"{method} {path}: {error}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) or type(error).__name__
            raise OutcomeUnknown(f"{method} {path}: no answer: {why}") from None

    def _sign(self, method: str, path: str) -> dict[str, str]:
        if self._signer is None:
            return {}
        at_ms = self._clock.now_ns() // NS_PER_MS + self.offset_ms
        return self._signer.headers(method, path, at_ms)


def _unexplained(reply: Reply) -> Answered:
    text = reply.body[:200].decode("utf-8", "replace")
    return Answered(reply.status, "", text, reply.headers)

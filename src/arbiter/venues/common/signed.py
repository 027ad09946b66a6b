"""Signed requests over ccxt's REST classes, with everything of theirs off that is not asked for.

ccxt signs and carries; what is sent, and what an answer means, is ours. Its rate limiter is off
(orders would queue behind market data), no broker, builder or referral mark leaves, and no answer
is turned into an exception by its texts: a refusal arrives as `Answered` with the venue's code.
"""

import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import aiohttp

from arbiter.model.errors import OutcomeUnknown, VenueUnreachable
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.keys import VenueKeys

_OK = 200
_MARKS = ("referer", "broker", "x-gate-channel-id")
"""Headers by which ccxt attributes orders to itself."""


class Answered(Exception):
    """The venue answered something else than a result. `code` is empty where it gave none."""

    def __init__(
        self, status: int, code: str, text: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code} {text}".strip())
        self.status = status
        self.code = code
        self.text = text
        self.headers = headers or {}


class VenueRest(Protocol):
    """A venue's REST API, whoever signs and carries."""

    offset_ms: int
    """Added to this machine's clock in signatures."""

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        """Ask once. `Answered` for a refusal, `VenueUnreachable` when nothing was sent,
        `OutcomeUnknown` when no valid answer came back."""
        ...

    async def close(self) -> None: ...


ReadRefusal = Callable[[int, Any], tuple[str, str] | None]
"""From status and decoded body to (code, text), None for a result."""


class SignedRest:
    """Implements `VenueRest`; call endpoints by ccxt's names for them."""

    def __init__(
        self,
        exchange: str,
        keys: VenueKeys | None,
        endpoints: Endpoints | None,
        read_refusal: ReadRefusal,
        *,
        timeout_s: float = 5.0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.offset_ms = 0
        self._ccxt: Any = importlib.import_module("ccxt.async_support")  # it costs a second
        made = _exchange_class(getattr(self._ccxt, exchange), self, read_refusal)
        credentials = {}
        if keys is not None:
            credentials = {"apiKey": keys.api_key, "secret": keys.secret}
            if keys.password:
                credentials["password"] = keys.password
        self._exchange = made(
            credentials
            | {
                "enableRateLimit": False,
                "timeout": int(timeout_s * 1_000),
                "options": dict(options or {}),
            }
        )
        if endpoints is not None:
            self._exchange.urls["api"] = _moved(self._exchange.urls["api"], endpoints.rest)

    def nonce(self) -> int:
        """What a request is dated or numbered with: milliseconds of the venue's time."""
        return int(time.time() * 1_000) + self.offset_ms

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        try:
            told = await getattr(self._exchange, endpoint)(dict(params or {}))
        except self._ccxt.BaseError as error:
            cause = error.__cause__
            why = f"{endpoint}: {type(cause or error).__name__}"
            if isinstance(cause, aiohttp.ClientConnectorError | OSError) and _never_sent(cause):
                raise VenueUnreachable(f"{why}: {cause}") from None
            raise OutcomeUnknown(f"{why}: no answer") from None
        if not isinstance(told, dict | list):
            raise OutcomeUnknown(f"{endpoint}: the answer is no JSON")
        return told

    async def close(self) -> None:
        await self._exchange.close()


def _never_sent(cause: BaseException) -> bool:
    return isinstance(cause, aiohttp.ClientConnectorError) or "getaddrinfo" in repr(cause)


def _exchange_class(base: Any, owner: SignedRest, read_refusal: ReadRefusal) -> Any:
    """Make ccxt's class of an exchange do nothing of its own accord."""

    class Plain(base):  # type: ignore[misc]
        def nonce(self) -> int:
            return owner.nonce()

        def sign(self, *args: Any, **more: Any) -> Any:
            request = super().sign(*args, **more)
            headers = request.get("headers")
            if headers:
                request["headers"] = {
                    name: value for name, value in headers.items() if name.lower() not in _MARKS
                }
            return request

        def handle_errors(self, code: Any, reason: Any, *rest: Any) -> None:
            headers, body, response = rest[2], rest[3], rest[4]
            refusal = read_refusal(int(code), response)
            if refusal is not None:
                raise Answered(int(code), *refusal, headers)
            if int(code) != _OK:
                raise Answered(int(code), "", str(body)[:200], headers)

    return Plain


def _moved(urls: Any, origin: str) -> Any:
    """Point every HTTP address at another origin; paths stay the venue's."""
    if isinstance(urls, dict):
        return {name: _moved(inner, origin) for name, inner in urls.items()}
    if isinstance(urls, str) and urls.startswith("http"):
        path = urls.split("://", 1)[1].partition("/")[2]
        return f"{origin.rstrip('/')}/{path}" if path else origin.rstrip("/")
    return urls


def header(headers: Mapping[str, str], name: str) -> str:
    """Give a header whatever its case; empty where it is not there."""
    return next((v for k, v in headers.items() if k.lower() == name.lower()), "")

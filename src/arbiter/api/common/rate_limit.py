"""Rate limits: requests per minute and a burst per second, for each caller's address.

The verdict stands before anything else happens, and its figures go out with every response,
refusals of the framework included.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arbiter.model.errors import InvalidValue

HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Type")
_TYPE = "requests"
_VERDICT = "arbiter.rate_limit"
_MINUTE_S = 60


class Rate(msgspec.Struct, frozen=True):
    per_minute: int
    burst: int
    """Most within one second."""

    def __post_init__(self) -> None:
        if self.per_minute < 1 or self.burst < 1:
            raise InvalidValue("a rate limit must allow at least one request")


class Verdict(NamedTuple):
    limit: int
    remaining: int
    reset_s: int
    """Epoch seconds."""
    retry_after_s: int | None
    """Set when the request is refused."""
    broken: str
    """The limit that refused it, in words."""


class RateLimits:
    """`kinds` by name; every caller has an allowance of each."""

    def __init__(self, kinds: dict[str, Rate]) -> None:
        storage = MemoryStorage()
        self._minutes = FixedWindowRateLimiter(storage)
        self._bursts = MovingWindowRateLimiter(storage)
        self._items = {
            name: (
                RateLimitItemPerMinute(rate.per_minute, namespace=f"minute-{name}"),
                RateLimitItemPerSecond(min(rate.burst, rate.per_minute), namespace=f"burst-{name}"),
            )
            for name, rate in kinds.items()
        }

    def take(self, kind: str, caller: str, now_s: float, *, exempt: bool = False) -> Verdict:
        """Count one request; one that is refused costs nothing. `exempt` ones are never refused."""
        minute, burst = self._items[kind]
        retry: int | None = None
        broken = ""
        if not self._minutes.test(minute, caller):
            reset = self._minutes.get_window_stats(minute, caller).reset_time
            retry = min(max(-int(-(reset - now_s) // 1), 1), _MINUTE_S)
            broken = f"{minute.amount} requests per minute"
        elif not self._bursts.test(burst, caller):
            retry = 1
            broken = f"{burst.amount} requests per second"
        else:
            self._minutes.hit(minute, caller)
            self._bursts.hit(burst, caller)
        stats = self._minutes.get_window_stats(minute, caller)
        return Verdict(
            limit=minute.amount,
            remaining=max(stats.remaining, 0),
            reset_s=-int(-stats.reset_time // 1),
            retry_after_s=None if exempt else retry,
            broken=broken,
        )


class Classified(NamedTuple):
    kind: str
    exempt: bool


class CountRequests:
    """The outermost layer: takes the verdict and writes its headers on whatever is answered."""

    def __init__(
        self,
        app: ASGIApp,
        limits: RateLimits,
        classify: Callable[[Scope], Classified],
        now_s: Callable[[], float],
    ) -> None:
        self._app = app
        self._limits = limits
        self._classify = classify
        self._now_s = now_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        kind, exempt = self._classify(scope)
        caller = (scope.get("client") or ("unknown", 0))[0]
        verdict = self._limits.take(kind, caller, self._now_s(), exempt=exempt)
        scope[_VERDICT] = verdict

        async def with_headers(message: Message) -> None:
            if message["type"] in {
                "http.response.start",
                "websocket.http.response.start",
                "websocket.accept",
            }:
                message.setdefault("headers", [])
                headers = MutableHeaders(raw=message["headers"])
                figures = (verdict.limit, verdict.remaining, verdict.reset_s, _TYPE)
                for name, figure in zip(HEADERS, figures, strict=True):
                    headers[name] = str(figure)
                message["headers"] = headers.raw
            await send(message)

        await self._app(scope, receive, with_headers)


class RefuseExcess:
    """Answers a request that is over its limit; inside whatever must touch that answer too."""

    def __init__(self, app: ASGIApp, refuse: Callable[[Verdict], Response]) -> None:
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        verdict: Verdict | None = scope.get(_VERDICT)
        if verdict is None or verdict.retry_after_s is None:
            await self._app(scope, receive, send)
        else:
            await refuse(self._refuse(verdict), scope, receive, send)


async def refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or a WebSocket's handshake, with `response` instead of serving it."""
    if scope["type"] == "http":
        await response(scope, receive, send)
        return
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    await send(
        {
            "type": "websocket.http.response.start",
            "status": response.status_code,
            "headers": list(response.raw_headers),
        }
    )
    await send({"type": "websocket.http.response.body", "body": response.body})

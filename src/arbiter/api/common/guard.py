"""Guards that stand before every route: body size, and pages of strangers in the user's browser.

An API without authentication is open to every page the user's browser shows. A page cannot forge
`Origin` and `Host`: calls that come from a foreign origin, or to a name that is not this
machine's (DNS rebinding), are refused.
"""

from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arbiter.api.common.errors import HttpFailure, Render
from arbiter.api.common.listen import is_loopback
from arbiter.api.common.rate_limit import refuse


class LimitBody:
    """Refuses bodies above `largest` bytes with 413, announced or not."""

    def __init__(self, app: ASGIApp, largest: int, render: Render) -> None:
        self._app = app
        self._largest = largest
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "0")
        if said.isdecimal() and int(said) > self._largest:
            await self._render(self._failure())(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._largest:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._failure().message)
            return message

        await self._app(scope, counted, send)

    def _failure(self) -> HttpFailure:
        return HttpFailure(
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            message=f"the body is larger than {self._largest} bytes",
        )


class RefuseStrangers:
    """For a listener of this machine only; `origins` are allowed beside this machine's own."""

    def __init__(self, app: ASGIApp, origins: Collection[str], render: Render) -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin, host = headers.get("origin"), headers.get("host", "")
        if origin is not None and not (origin in self._origins or local_origin(origin)):
            await refuse(self._refusal("Origin", origin), scope, receive, send)
        elif host and not _is_here(f"//{host}"):
            await refuse(self._refusal("Host", host), scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, header: str, value: str) -> Response:
        return self._render(
            HttpFailure(
                status=HTTPStatus.FORBIDDEN,
                message=f"{header} {value[:100]!r} is not this machine's; "
                "turn authentication on to serve others",
            )
        )


def local_origin(origin: str) -> bool:
    """Whether a page of this machine asks."""
    return origin.startswith(("http://", "https://")) and _is_here(origin)


def _is_here(address: str) -> bool:
    try:
        name = urlsplit(address).hostname
    except ValueError:
        return False
    return name is not None and is_loopback(name)


LOCAL_ORIGIN = r"https?://(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?"
"""The same as a pattern, for CORS."""

"""Before and after every call: who may, and what an error is told as.

Handlers are wrapped here rather than by interceptors, which would cost every call another turn.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from time import monotonic
from types import TracebackType
from typing import Any, Protocol

import grpc
import grpc.aio
import structlog
from google.protobuf.message import DecodeError

from arbiter.access.roles import Principal, Role
from arbiter.access.tokens import Audience
from arbiter.api.common.auth import bearer_of
from arbiter.model import errors
from arbiter.model.errors import ArbiterError, InvalidValue, Unauthenticated

log = structlog.get_logger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Unary = Callable[[Any, "Call"], Awaitable[Any]]
Read = Callable[[bytes], Any]
"""Makes a request of its bytes, or raises `DecodeError`."""
Streamed = Callable[[Any, "Call"], AsyncIterator[Any]]

_CODES: tuple[tuple[type[ArbiterError], grpc.StatusCode], ...] = (
    (errors.Unauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (errors.RateLimited, grpc.StatusCode.UNAUTHENTICATED),  # of logging in
    (errors.Forbidden, grpc.StatusCode.PERMISSION_DENIED),
    (errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (errors.InvalidValue, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.Conflict, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.TradingDisabled, grpc.StatusCode.FAILED_PRECONDITION),
)
"""All else is INTERNAL: the contract has no code for an engine that is not ready yet."""

INTERNAL = "an internal error; the engine's log has the details"

ASK_AGAIN_S = 5.0
"""How long a stream goes on without asking whether its reader still may read."""

WAITED_SHARE = 0.8
"""Of the time a client gives a call, what may pass before its answer is sent."""

RETRY_AFTER = "retry-after-ms"
"""Trailing metadata of a call that waiting helps."""


class TooMuch(ArbiterError):
    """More than this API gives: a stream nobody reads, or one too many of them."""


class Verifier(Protocol):
    """What is needed of `access.service.AccessService`."""

    async def verify_access(self, token: str, audience: Audience, /) -> Principal: ...

    async def follow_access(
        self, token: str, audience: Audience, /
    ) -> Callable[[], Awaitable[Principal]]: ...


class Call:
    """One call under way: who makes it, from where, and how long it may last."""

    __slots__ = ("_context", "_principal")

    def __init__(self, context: Context, principal: Principal | None) -> None:
        self._context = context
        self._principal = principal

    @property
    def caller(self) -> Principal:
        assert self._principal is not None, "an open method has no caller"
        return self._principal

    @property
    def peer(self) -> str:
        """The caller's address without the port."""
        kind, _, address = self._context.peer().partition(":")
        host = address.rpartition(":")[0] if kind in {"ipv4", "ipv6"} else address
        return host.replace("%5B", "").replace("%5D", "") or kind

    def patience_s(self, most: float) -> float:
        """How long an answer may take: within the client's deadline, with time to send it."""
        left: float | None = self._context.time_remaining()
        return most if left is None else max(0.0, min(most, left * WAITED_SHARE))


class Guard:
    """Wraps the methods of the services; `needed` None lets anybody in."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def unary(
        self, method: Unary, needed: Role | None, read: Read
    ) -> Callable[[bytes, Context], Awaitable[Any]]:
        async def handle(request: bytes, context: Context) -> Any:
            async with _Told(context):
                principal = None if needed is None else await self._admit(context, needed)
                return await method(_read(request, read), Call(context, principal))

        return handle

    def stream(
        self, method: Streamed, needed: Role, read: Read
    ) -> Callable[[bytes, Context], AsyncIterator[Any]]:
        async def handle(request: bytes, context: Context) -> AsyncIterator[Any]:
            async with _Told(context):
                token = _token(context)
                ask_again = await self._verifier.follow_access(token, Audience.CONTROL)
                caller, asked = await ask_again(), monotonic()
                caller.require(needed)
                async for answer in method(_read(request, read), Call(context, caller)):
                    if monotonic() - asked > ASK_AGAIN_S:
                        (await ask_again()).require(needed)
                        asked = monotonic()
                    yield answer

        return handle

    async def _admit(self, context: Context, needed: Role) -> Principal:
        principal = await self._verifier.verify_access(_token(context), Audience.CONTROL)
        principal.require(needed)
        return principal


def _read(request: bytes, read: Read) -> Any:
    """Read a message here: gRPC itself would answer UNKNOWN to bytes that are none."""
    try:
        return read(request)
    except DecodeError as error:
        raise InvalidValue(f"the request cannot be read: {error}") from None


def _token(context: Context) -> str:
    shown: Iterable[tuple[str, str | bytes]] = context.invocation_metadata() or ()
    for key, value in shown:
        if key == "authorization":
            token = bearer_of(value if isinstance(value, str) else value.decode())
            if token is not None:
                return token
    raise Unauthenticated(
        "the metadata needs authorization: Bearer <access token>; Authenticate gives one"
    )


def code_of(error: ArbiterError) -> grpc.StatusCode:
    """The status code an error is told as; the first class that fits."""
    if isinstance(error, TooMuch):
        return grpc.StatusCode.RESOURCE_EXHAUSTED
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return grpc.StatusCode.INTERNAL


class _Told:
    """Ends a call that failed with its status: gRPC itself would answer UNKNOWN."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, ArbiterError):
            await self._context.abort(code_of(error), str(error), _trailing(error))
        elif isinstance(error, Exception):
            log.error("call failed", peer=self._context.peer(), exc_info=error)
            await self._context.abort(grpc.StatusCode.INTERNAL, INTERNAL)


def _trailing(error: ArbiterError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, errors.RateLimited):
        return ((RETRY_AFTER, str(error.retry_after_ms)),)
    return ()

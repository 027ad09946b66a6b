"""Errors at the edge: one translation to HTTP, one body per surface."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPMethod, HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from arbiter.model import errors
from arbiter.model.errors import ArbiterError


class HttpFailure(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, before a surface gives it its own shape."""

    status: int
    message: str
    error: ArbiterError | None = None
    """None for faults of the request itself."""
    fields: tuple[str, ...] = ()
    """Request fields at fault, dotted."""

    @property
    def retry_after_s(self) -> int | None:
        """Whole seconds, rounded up, where waiting helps."""
        if isinstance(self.error, errors.RateLimited):
            return -(-self.error.retry_after_ms // 1_000)
        return None


class Refused(ArbiterError):
    """An answer a surface's contract prescribes: its status, its code and details."""

    def __init__(
        self, status: int, code: str, message: str, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = dict(details or {})


Render = Callable[[HttpFailure], Response]

_STATUS: tuple[tuple[type[ArbiterError], HTTPStatus], ...] = (
    (errors.RateLimited, HTTPStatus.TOO_MANY_REQUESTS),
    (errors.TryAgain, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (errors.Forbidden, HTTPStatus.FORBIDDEN),
    (errors.TradingDisabled, HTTPStatus.FORBIDDEN),
    (errors.NotFound, HTTPStatus.NOT_FOUND),
    (errors.Conflict, HTTPStatus.CONFLICT),
    (errors.VenueRefused, HTTPStatus.BAD_REQUEST),
    (errors.InvalidValue, HTTPStatus.BAD_REQUEST),
    (errors.OutcomeUnknown, HTTPStatus.GATEWAY_TIMEOUT),
)
INTERNAL = HttpFailure(
    status=HTTPStatus.INTERNAL_SERVER_ERROR, message="an internal error; the log has the details"
)


def status_of(error: ArbiterError) -> int:
    """The HTTP status an error stands for; the first class that fits."""
    if isinstance(error, Refused):
        return error.status
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def install_errors(app: FastAPI, render: Render) -> None:
    """Have every failure of `app` answered in the surface's own shape."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, ArbiterError)
        return _respond(HttpFailure(status=status_of(error), message=str(error), error=error))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        response = _respond(HttpFailure(status=error.status_code, message=str(error.detail)))
        response.headers.update(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = ", ".join(_allowed(app, request)) or "GET"
        return response

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [_fault(fault) for fault in error.errors()]
        return _respond(
            HttpFailure(
                status=HTTPStatus.BAD_REQUEST,
                message="; ".join(f"{field}: {said}" for field, said in faults),
                fields=tuple(field for field, _ in faults),
            )
        )

    async def unexpected(request: Request, error: Exception) -> Response:
        response = _respond(INTERNAL)
        response.headers["Connection"] = "close"  # the server ends it after a fault
        return response

    def _respond(failure: HttpFailure) -> Response:
        response = render(failure)
        if failure.retry_after_s is not None:
            response.headers["Retry-After"] = str(failure.retry_after_s)
        return response

    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        ArbiterError: ours,
        HTTPException: http,
        RequestValidationError: invalid,
        Exception: unexpected,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _allowed(app: FastAPI, request: Request) -> list[str]:
    """All methods of a path; the framework names those of the first route alone."""
    return [
        method.value
        for method in HTTPMethod
        if any(
            route.matches({**request.scope, "method": method.value})[0] is Match.FULL
            for route in app.routes
        )
    ]


def _fault(fault: Mapping[str, Any]) -> tuple[str, str]:
    """Name what is at fault, and say how; of what is no JSON the parser tells a place, no field."""
    if fault["type"] == "json_invalid":
        return "body", f"{fault['msg']} at {fault['loc'][-1]}: {fault['ctx']['error']}"
    return _dotted(fault["loc"]), str(fault["msg"])


def _dotted(location: tuple[int | str, ...]) -> str:
    """Name a field without the part of the request it came in."""
    inner = location[1:] if len(location) > 1 else location
    return ".".join(str(part) for part in inner)

"""Bodies of this surface: JSON numbers, RFC 3339 times, and one flat shape for every error."""

from decimal import Decimal
from http import HTTPStatus
from uuid import UUID

import msgspec
from starlette.responses import Response

from arbiter.api.common.apps import json_response
from arbiter.api.common.errors import HttpFailure, Refused
from arbiter.model.errors import StorageUnavailable, UnknownSymbol
from arbiter.model.time import rfc3339


def bad(error: str, **context: object) -> Refused:
    """A 400 with its context beside the error."""
    return Refused(HTTPStatus.BAD_REQUEST, "bad_request", error, context)


def absent(error: str, **context: object) -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "not_found", error, context)


def answer(body: object, status: int = HTTPStatus.OK) -> Response:
    return json_response(body, status)


def render(failure: HttpFailure) -> Response:
    """Write ``{"error", "details"?, "field"?, …}``."""
    body: dict[str, object] = {"error": failure.message}
    match failure.error:
        case Refused(details=details):
            body |= details
        case StorageUnavailable():
            body = {"error": "database unavailable", "details": failure.message}
        case UnknownSymbol(name=name):
            body = {"error": "unknown symbol", "details": failure.message, "symbol": name}
        case None if failure.fields:
            body = {
                "error": "invalid request body",
                "details": failure.message,
                "field": failure.fields[0],
            }
        case _:
            pass
    return json_response(body, failure.status)


def uuid_of(text: str, name: str) -> UUID:
    """Read an id of the path or the query; 400 in the contract's words."""
    try:
        return UUID(text)
    except ValueError:
        raise bad(f"invalid {name} format") from None


def number(value: Decimal | float | None) -> float | None:
    """Write money as the JSON number the contract asks for."""
    return None if value is None else float(value)


def moment(at_ns: int | None) -> str | None:
    return None if at_ns is None else rfc3339(at_ns)


def duration(seconds: int) -> str:
    """Write like Go does: ``2h15m30s``, ``15m30s``, ``30s``."""
    hours, rest = divmod(seconds, 3_600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def exact(value: object) -> Decimal:
    """Take a JSON number by its shortest decimal form."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value))


def encode(body: object) -> str:
    return msgspec.json.encode(body).decode()

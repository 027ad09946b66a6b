"""The contract's error envelope, for our own refusals and the framework's alike.

{"error": {"code", "message", "details": {}, "timestamp"}}
"""

import time
from http import HTTPStatus

from starlette.responses import Response

from arbiter.api.common.apps import json_response
from arbiter.api.common.errors import HttpFailure, Refused
from arbiter.books.registry import MarketRegistry
from arbiter.model import errors
from arbiter.model.errors import ArbiterError
from arbiter.model.ids import Symbol, VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.model.time import rfc3339

INVALID_SYMBOL = "INVALID_SYMBOL"
EXCHANGE_NOT_AVAILABLE = "EXCHANGE_NOT_AVAILABLE"
INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
UNAUTHORIZED = "UNAUTHORIZED"
TRADING_DISABLED = "TRADING_DISABLED"
INTERNAL_ERROR = "INTERNAL_ERROR"
NOT_FOUND = "NOT_FOUND"
INVALID_REQUEST = "INVALID_REQUEST"
FORBIDDEN = "FORBIDDEN"
METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
BODY_TOO_LARGE = "BODY_TOO_LARGE"
SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"

_BY_STATUS = {
    HTTPStatus.UNAUTHORIZED: UNAUTHORIZED,
    HTTPStatus.FORBIDDEN: FORBIDDEN,
    HTTPStatus.NOT_FOUND: NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: BODY_TOO_LARGE,
    HTTPStatus.TOO_MANY_REQUESTS: RATE_LIMIT_EXCEEDED,
    HTTPStatus.SERVICE_UNAVAILABLE: SERVICE_UNAVAILABLE,
}


def render(failure: HttpFailure) -> Response:
    """Give a failure the contract's shape; never a trace, never another one's message."""
    status, details = failure.status, _details(failure)
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = envelope(_code(failure), failure.message, details)
    response = json_response(body, status)
    response.headers.update(headers)
    return response


def envelope(
    code: str, message: str, details: dict[str, object] | None = None
) -> dict[str, dict[str, object]]:
    """Make the body; its timestamp is the system's, whatever clock the engine runs by."""
    return {
        "error": {
            "code": code,
            "message": message,
            "details": details or {},
            "timestamp": rfc3339(time.time_ns()),
        }
    }


def code_of(error: ArbiterError) -> str:
    """The contract's code for an error that is told inside a body."""
    if isinstance(error, Refused):
        return error.code
    match error:
        case errors.UnknownSymbol():
            return INVALID_SYMBOL
        case errors.TradingDisabled():
            return TRADING_DISABLED
        case errors.Unauthenticated():
            return UNAUTHORIZED
        case errors.VenueUnreachable():
            return EXCHANGE_NOT_AVAILABLE
        case errors.NotFound():
            return NOT_FOUND
        case errors.Forbidden():
            return FORBIDDEN
        case errors.InvalidValue() | errors.BadConfig():
            return INVALID_REQUEST
        case _:
            return INTERNAL_ERROR


def _code(failure: HttpFailure) -> str:
    if isinstance(failure.error, Refused | errors.TradingDisabled | errors.VenueUnreachable):
        return code_of(failure.error)
    by_status = _BY_STATUS.get(HTTPStatus(failure.status))
    if by_status is not None:
        return by_status
    return INVALID_REQUEST if failure.status < 500 else INTERNAL_ERROR


def _details(failure: HttpFailure) -> dict[str, object]:
    details: dict[str, object] = {}
    if isinstance(failure.error, Refused):
        details |= failure.error.details
    if failure.fields:
        details["fields"] = list(failure.fields)
    if failure.retry_after_s is not None:
        details["retry_after"] = failure.retry_after_s
    return details


def invalid(message: str, **details: object) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, INVALID_REQUEST, message, details)


def not_found(message: str, **details: object) -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, NOT_FOUND, message, details)


def exchange_down(venue: VenueId, reason: str) -> Refused:
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        EXCHANGE_NOT_AVAILABLE,
        f"Exchange '{venue}' is not connected" + (f": {reason}" if reason else ""),
        {"exchange": venue, "reason": reason},
    )


def spot_symbols(registry: MarketRegistry) -> tuple[Symbol, ...]:
    """Symbols that some venue lists for spot trading."""
    return tuple(
        dict.fromkeys(i.symbol for i in registry.instruments if i.kind is InstrumentKind.SPOT)
    )


def resolve_symbol(registry: MarketRegistry, name: str) -> Symbol:
    """Find a spot symbol by any of its names; else INVALID_SYMBOL with all valid ones."""
    valid = spot_symbols(registry)
    try:
        symbol = registry.resolve_symbol(name)
    except errors.InvalidValue:
        symbol = None
    if symbol is None or symbol not in valid:
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            INVALID_SYMBOL,
            f"Symbol '{name[:64]}' is not supported",
            {
                "valid_symbols": [registry.compact_name(each) for each in valid],
                "provided_symbol": name[:64],
            },
        )
    return symbol


def resolve_venue(registry: MarketRegistry, name: str) -> VenueId:
    """Find an exchange by its name, in any case; unknown ones are INVALID_REQUEST."""
    wanted = VenueId(name.strip().lower())
    if wanted not in registry.spot_venues:
        raise invalid(
            f"Exchange '{name[:64]}' is not supported",
            valid_exchanges=list(registry.spot_venues),
            provided_exchange=name[:64],
        )
    return wanted

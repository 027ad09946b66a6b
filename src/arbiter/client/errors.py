"""What can go wrong with a call: what to do next is in the type.

    ArbiterApiError
    ├── SignInNeeded    no token, or the sign-in has ended
    ├── NotAllowed      the role does not suffice
    ├── NotFound
    ├── BadRequest      the request's values; the same call fails again
    ├── TooMany         too many tries or too slow a reader: wait, then try again
    ├── Unreachable     no engine at the address, or no answer in time
    └── ServerFault     the engine's own fault; its log has the details

A message says what to do and is shown to people as it stands.
"""

import grpc
import grpc.aio


class ArbiterApiError(Exception):
    """Root of what calls raise; `code` is gRPC's."""

    def __init__(self, message: str, code: grpc.StatusCode) -> None:
        super().__init__(message)
        self.code = code


class SignInNeeded(ArbiterApiError):
    """Sign in again."""


class NotAllowed(ArbiterApiError):
    """Known, and not allowed to."""


class NotFound(ArbiterApiError):
    """The named thing does not exist."""


class BadRequest(ArbiterApiError):
    """A value of the request is not valid."""


class TooMany(ArbiterApiError):
    """Wait, then try again."""


class Unreachable(ArbiterApiError):
    """No answer. Whether a change was made is not known: place orders with a client_order_id."""


class ServerFault(ArbiterApiError):
    """The engine failed to answer."""


RETRY_AFTER = "retry-after-ms"
"""Trailing metadata of a call that waiting helps."""

_KINDS: dict[grpc.StatusCode, type[ArbiterApiError]] = {
    grpc.StatusCode.UNAUTHENTICATED: SignInNeeded,
    grpc.StatusCode.PERMISSION_DENIED: NotAllowed,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.INVALID_ARGUMENT: BadRequest,
    grpc.StatusCode.OUT_OF_RANGE: BadRequest,
    grpc.StatusCode.FAILED_PRECONDITION: BadRequest,
    grpc.StatusCode.RESOURCE_EXHAUSTED: TooMany,
    grpc.StatusCode.UNAVAILABLE: Unreachable,
    grpc.StatusCode.DEADLINE_EXCEEDED: Unreachable,
}


def error_of(failed: grpc.aio.AioRpcError) -> ArbiterApiError:
    """Give the error that a failed call stands for."""
    code = failed.code()
    if any(key == RETRY_AFTER for key, _ in failed.trailing_metadata() or ()):
        return TooMany(failed.details() or code.name, code)
    return _KINDS.get(code, ServerFault)(failed.details() or code.name, code)

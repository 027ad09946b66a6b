"""A call to the API: its parameters, and what answers it."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from arbiter.simex.account import Account, ApiKey
from arbiter.simex.kalshi.limits import REQUEST
from arbiter.simex.kalshi.words import Refused, invalid

_MOST = 1_000


class Context(msgspec.Struct, frozen=True):
    params: Mapping[str, Any]
    parts: Mapping[str, str]
    """What stood in the path."""
    account: Account
    key: ApiKey | None

    def text(self, name: str) -> str:
        """Empty where it is missing or no text."""
        value = self.params.get(name, "")
        return value if isinstance(value, str) else ""

    def whole(self, name: str, default: int) -> int:
        try:
            return int(self.params.get(name, default))
        except (TypeError, ValueError):
            raise _unreadable(name) from None

    def fixed(self, name: str) -> Decimal:
        """A positive number within a string; anything else is refused."""
        value = self.params.get(name)
        if value is None:
            raise invalid(f"missing {name}")
        if not isinstance(value, str):
            raise _unreadable(name)
        try:
            made = Decimal(value)
        except InvalidOperation:
            raise _unreadable(name) from None
        if not made.is_finite() or made <= 0:
            raise invalid(f"invalid {name}")
        return made

    def page(self, found: list[Any], name: str) -> dict[str, Any]:
        """One page of a list; the last one's cursor is empty."""
        limit = self.whole("limit", 100)
        if not 1 <= limit <= _MOST:
            raise Refused(
                400, "invalid_parameters", "invalid parameters", "Parameter validation failed"
            )
        cursor = self.text("cursor")
        first = int(cursor) if cursor.isdigit() else 0
        more = first + limit < len(found)
        return {name: found[first : first + limit], "cursor": str(first + limit) if more else ""}


def _unreadable(name: str) -> Refused:
    return Refused(400, "bad_request", "bad request", f"cannot read {name}", flat=True)


Handler = Callable[[Context], Any]


class Route(msgspec.Struct, frozen=True):
    """`path` is split at slashes; a part in braces stands for anything."""

    method: str
    path: tuple[str, ...]
    handler: Handler
    signed: bool = False
    write: bool = False
    tokens: int = REQUEST
    call: str | None = None
    status: int = 200

    def parts(self, method: str, path: tuple[str, ...]) -> dict[str, str] | None:
        """What stands for the parts in braces; None where it is another path."""
        if method != self.method or len(path) != len(self.path):
            return None
        found = {}
        for part, told in zip(self.path, path, strict=True):
            if part.startswith("{"):
                found[part[1:-1]] = told
            elif part != told:
                return None
        return found


def split(path: str) -> tuple[str, ...]:
    return tuple(path.strip("/").split("/"))

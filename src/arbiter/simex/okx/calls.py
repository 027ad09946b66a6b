"""A call to the v5 API: its parameters, and what answers it."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from arbiter.simex.account import Account, ApiKey
from arbiter.simex.okx import words
from arbiter.simex.rest import VenueError


class Context(msgspec.Struct, frozen=True):
    params: Mapping[str, Any]
    account: Account
    key: ApiKey | None

    def text(self, name: str, default: str = "") -> str:
        value = self.params.get(name, default)
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if value is not None else default

    def need(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise VenueError(50014, f"Parameter {name} can not be empty.", 400)
        return value

    def whole(self, name: str, default: int) -> int:
        text = self.text(name)
        if not text:
            return default
        if not text.isdecimal():
            raise words.invalid(name)
        return int(text)

    def amount(self, name: str) -> Decimal:
        try:
            value = Decimal(self.need(name))
        except InvalidOperation:
            raise words.invalid(name) from None
        if not value.is_finite() or value <= 0:
            raise words.invalid(name)
        return value

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"


class Route(msgspec.Struct, frozen=True):
    """`handler` gives the rows of ``data``; with `many`, a body that is a list is many calls."""

    handler: Callable[[Context], list[Any]]
    signed: bool = False
    trading: bool = False
    call: str | None = None
    many: bool = False


def page(context: Context, rows: list[dict[str, Any]], number: str) -> list[dict[str, Any]]:
    """Cut a list that is newest first: what comes after the row of a number, so many of them."""
    after, limit = context.text("after"), min(context.whole("limit", 100), 100)
    if after:
        rows = [row for row in rows if int(row[number]) < int(after)]
    return rows[:limit]


def within(context: Context, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    begin, end = context.whole("begin", 0), context.whole("end", 2**62)
    return [row for row in rows if begin <= int(row["ts"]) <= end]

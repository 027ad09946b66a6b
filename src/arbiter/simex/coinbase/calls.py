"""A call to Coinbase's REST API: its parameters, and what answers it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from arbiter.model.time import NS_PER_S
from arbiter.simex.account import Account, ApiKey
from arbiter.simex.coinbase import words


class Context(msgspec.Struct, frozen=True):
    """`query` keeps every value of a repeated parameter; `tail` is what a path leaves open."""

    query: Mapping[str, list[str]]
    body: Mapping[str, Any]
    account: Account
    key: ApiKey | None
    tail: str = ""

    def many(self, name: str) -> list[str]:
        return [text for text in self.query.get(name, []) if text]

    def text(self, name: str, default: str = "") -> str:
        return next(iter(self.many(name)), default)

    def whole(self, name: str, default: int) -> int:
        text = self.text(name)
        try:
            return int(text) if text else default
        except ValueError:
            raise words.invalid(f"{name} is no number") from None

    def time_ns(self, name: str) -> int:
        """0 where it is not given."""
        text = self.text(name)
        try:
            return int(datetime.fromisoformat(text).timestamp() * NS_PER_S) if text else 0
        except ValueError:
            raise words.invalid(f"{name} is no time") from None


class Route(msgspec.Struct, frozen=True):
    handler: Callable[[Context], Any]
    signed: bool = True
    trading: bool = False
    call: str | None = None

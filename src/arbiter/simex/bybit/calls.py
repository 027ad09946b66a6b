"""A call to the v5 API: its parameters, and what answers it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from arbiter.simex.account import Account, ApiKey
from arbiter.simex.bybit import words


class Context(msgspec.Struct, frozen=True):
    params: Mapping[str, Any]
    account: Account
    key: ApiKey | None
    headers: Mapping[str, str] = {}

    def text(self, name: str, default: str = "") -> str:
        value = self.params.get(name, default)
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if value is not None else default

    def need(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise words.invalid(f"{name} can not be empty")
        return value

    def whole(self, name: str, default: int) -> int:
        text = self.text(name)
        if not text:
            return default
        try:
            return int(text)
        except ValueError:
            raise words.invalid(f"{name} invalid") from None

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"


Handler = Callable[[Context], Any]


class Route(msgspec.Struct, frozen=True):
    handler: Handler
    signed: bool = False
    trading: bool = False
    call: str | None = None

"""A call to Kraken's REST API: its parameters, and what answers it."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from arbiter.simex.account import Account, ApiKey
from arbiter.simex.kraken import words


class Context(msgspec.Struct, frozen=True):
    params: Mapping[str, Any]
    account: Account
    key: ApiKey | None

    def text(self, name: str, default: str = "") -> str:
        value = self.params.get(name, default)
        return str(value) if value is not None else default

    def need(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise words.invalid(name)
        return value

    def whole(self, name: str, default: int) -> int:
        text = self.text(name)
        try:
            return int(float(text)) if text else default
        except ValueError:
            raise words.invalid(name) from None

    def positive(self, name: str) -> Decimal:
        try:
            value = Decimal(self.need(name))
        except InvalidOperation:
            raise words.invalid(name) from None
        if not value.is_finite() or value <= 0:
            raise words.invalid(name)
        return value


class Route(msgspec.Struct, frozen=True):
    handler: Callable[[Context], Any]
    needs: str = ""
    """The right a key must have; private without one where it is ``-``."""
    call: str | None = None
    cost: float = 1.0
    """What it adds to the key's counter."""

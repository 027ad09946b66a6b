"""The rules agents trade by, as they stand now: changed at once and whole, lost at a restart."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from arbiter.agents.settings import TradingRules
from arbiter.model.agents import SessionMode

_RULES = frozenset(TradingRules.__struct_fields__)


class Steering:
    """`changed` is the whole of what a person changed since the start."""

    def __init__(
        self,
        rules: TradingRules,
        *,
        mode: SessionMode = SessionMode.PAPER,
        initial_capital: Decimal = Decimal(10_000),
        temperature: float = 0.7,
        max_tokens: int = 2_000,
    ) -> None:
        self.rules = rules
        self.mode = mode
        self.initial_capital = initial_capital
        self.temperature = temperature
        self.max_tokens = max_tokens

    def apply(self, changes: Mapping[str, object]) -> None:
        """Change everything named, or nothing: an `InvalidValue` leaves all as it was.

        Names are those of `TradingRules` and of this object.
        """
        rules = {name: value for name, value in changes.items() if name in _RULES}
        # A copy is checked by its own __post_init__ before anything is put into force.
        after = TradingRules(**(msgspec.structs.asdict(self.rules) | rules))
        rest = {name: value for name, value in changes.items() if name not in _RULES}
        self.rules = after
        for name, value in rest.items():
            setattr(self, name, value)

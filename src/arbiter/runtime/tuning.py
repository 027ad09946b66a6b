"""Run-time settings: who checks a change, and how it is put into force."""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Symbol, VenueId

SettingValue = bool | int | float | str | list[str]

RUN_SYMBOLS = "run.symbols"
RUN_EXCHANGES = "run.exchanges"
"""What trading was last started with; empty lists stand for all that the settings allow."""


class BadSetting(InvalidValue):
    """A change that cannot be made; `path` is the setting's."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path} {message}")
        self.path = path
        self.reason = message


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A change found good as a whole; nothing has been changed yet."""

    before: Mapping[str, str]
    """JSON text by path, only of what differs."""
    after: Mapping[str, str]
    apply: Callable[[], None]
    """Puts it into force, from the next quote on."""


class Tuner(Protocol):
    """Knows every setting that may change while the engine runs."""

    def prepare(self, changes: Mapping[str, SettingValue]) -> Prepared:
        """Check all or refuse all: `BadSetting` names the first that is wrong."""
        ...

    def paths(self, section: str) -> tuple[str, ...]:
        """Settings of one section that may change, by their whole paths."""
        ...

    def value(self, path: str) -> SettingValue:
        """The value in force, as JSON has it."""
        ...

    @property
    def allowed_symbols(self) -> tuple[Symbol, ...]:
        """Symbols the settings let the strategy trade, however narrowly it was started."""
        ...

    @property
    def allowed_exchanges(self) -> tuple[VenueId, ...]:
        """Venues the settings enable, however narrowly trading was started."""
        ...

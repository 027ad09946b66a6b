"""Time and identity, handed in."""

from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    def now_ns(self) -> int:
        """UTC, ns since the epoch; may step with the system's clock."""
        ...

    def monotonic_ns(self) -> int:
        """Never goes back; the only base for time-outs and ages."""
        ...


class IdSource(Protocol):
    def new_id(self) -> UUID:
        """A fresh UUIDv7."""
        ...

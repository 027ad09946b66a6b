"""The error tree: what a caller may do next is in the type.

    ArbiterError
    ├── TryAgain              may work if tried again, nothing happened
    │   ├── StorageUnavailable    database down, disk full, still starting
    │   ├── VenueUnreachable      could not even send
    │   └── RateLimited           carries retry_after_ms
    │       └── Banned                the venue has shut our key or address out
    ├── WillNotWork           the same call will fail again until something is changed
    │   ├── BadConfig             a setting; names the key and the nearest valid one
    │   ├── InvalidValue          a value outside its domain (size, price, symbol …)
    │   │   └── UnknownSymbol     carries the nearest valid names
    │   ├── NotFound
    │   ├── Conflict              the thing exists, is locked or is in use
    │   │   └── InstanceLocked    another engine owns this data folder
    │   ├── Unauthenticated
    │   ├── Forbidden
    │   ├── TradingDisabled       kill switch latched or the family is stopped
    │   ├── LedgerError           an event that cannot have happened; nothing was booked
    │   └── VenueRefused          a valid, authenticated refusal; carries the venue's code
    └── OutcomeUnknown        it may have happened: ask the venue, never repeat
        └── Unreadable            an answer came, and a row of it means nothing to us

A message names the thing and the mend: it is shown to people as it stands.
"""

from collections.abc import Iterable
from typing import Any


class ArbiterError(Exception):
    """Root of every error this package raises on purpose."""


class TryAgain(ArbiterError):
    """Nothing happened; the same call may succeed later."""


class StorageUnavailable(TryAgain):
    """The database cannot be reached, started or written."""


class VenueUnreachable(TryAgain):
    """The request never left: no connection, name not resolved, circuit open."""


class RateLimited(TryAgain):
    """A rate budget is spent; `retry_after_ms` says when to come back."""

    def __init__(self, message: str, *, retry_after_ms: int) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class Banned(RateLimited):
    """The venue has shut this key or address out (418); `retry_after_ms` says for how long."""


class WillNotWork(ArbiterError):
    """The same call fails again until its input or the settings change."""


class BadConfig(WillNotWork):
    """A setting is unknown, doubled, of the wrong unit or out of range."""


class InvalidValue(WillNotWork):
    """A value lies outside its domain."""


class UnknownSymbol(InvalidValue):
    """A name that no instrument carries; `suggestions` are the nearest that do."""

    def __init__(self, name: str, suggestions: tuple[str, ...] = ()) -> None:
        hint = f"; did you mean {', '.join(suggestions)}?" if suggestions else ""
        super().__init__(f"no instrument is named {name!r}{hint}")
        self.name = name
        self.suggestions = suggestions


class NotFound(WillNotWork):
    """The named record does not exist."""


class Conflict(WillNotWork):
    """The named thing is in a state that forbids the call."""


class InstanceLocked(Conflict):
    """Another engine already owns this data folder."""


class Unauthenticated(WillNotWork):
    """No credential, or one that does not verify."""


class Forbidden(WillNotWork):
    """The actor is known and may not do this."""


class TradingDisabled(WillNotWork):
    """The kill switch is latched or the family is stopped."""


class VenueRefused(WillNotWork):
    """The venue answered no; `code` is the venue's own."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class LedgerError(WillNotWork):
    """An event contradicts what the ledger holds; nothing of it was booked."""


class OutcomeUnknown(ArbiterError):
    """Sent, and no valid answer came back: the venue must be asked by client order id."""


class Unreadable(OutcomeUnknown):
    """The venue answered, and part of the answer cannot be read; the message shows that part.

    `rest` are the records that could be read of it.
    """

    def __init__(self, message: str, *, rest: Iterable[Any] = ()) -> None:
        super().__init__(message)
        self.rest = tuple(rest)


NO_ANSWER = (TryAgain, OutcomeUnknown, VenueRefused)
"""A call that only asks failed: nothing is known, whatever the reason."""

"""RFC 3339 times of venues' messages, in nanoseconds."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

When = Annotated[datetime, msgspec.Meta(tz=True)]
"""As a field of a message: one without its zone is refused."""


def nanos(when: datetime) -> int:
    """UTC nanoseconds, exact to the microsecond that a `datetime` holds."""
    since = when - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000

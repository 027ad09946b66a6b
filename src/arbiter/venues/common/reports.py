"""What one message of a private stream reports, told once all of it has been read.

A message that cannot be read is `BadFrame`, and the connection lives on. A failure of whoever takes
a report is none of the message's, and must not pass for one.
"""

from collections.abc import Callable
from types import TracebackType

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.reports import VenueReport
from arbiter.venues.common.frames import BadFrame
from arbiter.venues.common.row_reading import UNREADABLE_ROWS

_UNREAD = (*UNREADABLE_ROWS, OutcomeUnknown)


class Reports:
    """Read a message within ``with reports:`` and add what it says."""

    def __init__(self, say: Callable[[VenueReport], None]) -> None:
        self._say = say
        self._found: list[VenueReport] = []
        self.add = self._found.append

    def __enter__(self) -> None:
        self._found.clear()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell what was found, that before a row that cannot be read included."""
        for report in tuple(self._found):
            self._say(report)
        if isinstance(error, _UNREAD) and not isinstance(error, BadFrame):
            raise BadFrame(f"a private message that cannot be: {error!r}") from None

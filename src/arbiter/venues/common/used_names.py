"""Client order ids already used, where the venue itself would take one twice."""

from collections.abc import Iterator
from contextlib import contextmanager

from arbiter.model.errors import VenueUnreachable
from arbiter.model.ids import ClientOrderId
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.verdicts import Verdict, Verdicts

DUPLICATE = "DUPLICATE_CLIENT_ORDER_ID"
"""Code of our own: this process has sent an order under that id."""
_KEEP = 50_000


class UsedNames:
    """An id is free again when its order was refused, or never left."""

    def __init__(self, verdicts: Verdicts) -> None:
        self._verdicts = verdicts
        self._used: dict[ClientOrderId, None] = {}

    @contextmanager
    def sending(self, name: ClientOrderId) -> Iterator[None]:
        """Send an order within; `Answered` with code `DUPLICATE` for an id used before."""
        if name in self._used:
            raise Answered(200, DUPLICATE, f"{name} has been used")
        self._used[name] = None
        if len(self._used) > _KEEP:
            del self._used[next(iter(self._used))]
        try:
            yield
        except VenueUnreachable:
            self._used.pop(name, None)
            raise
        except Answered as answer:
            if self._verdicts.of(answer) is not Verdict.UNKNOWN:
                self._used.pop(name, None)
            raise

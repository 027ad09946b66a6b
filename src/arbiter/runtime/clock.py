"""The real clock, and the sources of ids."""

import secrets
import time
from collections.abc import Callable
from uuid import UUID

from arbiter.model.ids import SignalId, dated, uuid7_tail
from arbiter.ports.clock import IdSource


class SystemClock:
    """The system's own calls, without a detour: one is made for every quote."""

    now_ns = staticmethod(time.time_ns)
    monotonic_ns = staticmethod(time.monotonic_ns)


_BYTES = 10
_AT_ONCE = 64


class SystemIds:
    """Fresh UUIDv7 from the system's clock and randomness, which is asked for in batches."""

    def __init__(self) -> None:
        self._tails: list[int] = []

    def new_id(self) -> UUID:
        if not self._tails:
            drawn = secrets.token_bytes(_BYTES * _AT_ONCE)
            self._tails = [
                uuid7_tail(int.from_bytes(drawn[at : at + _BYTES]))
                for at in range(0, len(drawn), _BYTES)
            ]
        return dated(time.time_ns(), self._tails.pop())


class SignalIds:
    """Ids for the opportunity rules: signal numbers go on from the ledger's."""

    def __init__(self, ids: IdSource, next_seq: Callable[[], int]) -> None:
        self._ids = ids
        self._next_seq = next_seq

    def signal(self) -> tuple[SignalId, int]:
        return SignalId(self._ids.new_id()), self._next_seq()

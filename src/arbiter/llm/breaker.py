"""A circuit breaker for one model: so many failures in a row rest it, two successes trust it again."""

from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    """Not asked at all."""
    HALF_OPEN = "half-open"
    """One question at a time, to see."""


class Breaker:
    def __init__(self, *, failures: int, rest_ns: int, successes: int) -> None:
        self._limit = failures
        self._rest_ns = rest_ns
        self._needed = successes
        self._failed = 0
        self._succeeded = 0
        self._opened_ns: int | None = None
        self._trying = False

    def state(self, now_ns: int) -> BreakerState:
        if self._opened_ns is None:
            return BreakerState.CLOSED
        if now_ns - self._opened_ns < self._rest_ns:
            return BreakerState.OPEN
        return BreakerState.HALF_OPEN

    def admit(self, now_ns: int) -> bool:
        """Whether a question may be asked now; whoever asks must tell how it went."""
        state = self.state(now_ns)
        if state is BreakerState.OPEN or (state is BreakerState.HALF_OPEN and self._trying):
            return False
        self._trying = state is BreakerState.HALF_OPEN
        return True

    def not_asked(self) -> None:
        """Take an admission back: the model said nothing for or against itself."""
        self._trying = False

    def succeeded(self) -> None:
        self._trying = False
        self._failed = 0
        if self._opened_ns is not None:
            self._succeeded += 1
            if self._succeeded >= self._needed:
                self._opened_ns, self._succeeded = None, 0

    def failed(self, now_ns: int) -> None:
        self._trying = False
        self._succeeded = 0
        self._failed += 1
        if self._opened_ns is not None or self._failed >= self._limit:
            self._opened_ns = now_ns

"""An access service with everything handed in: a clock to wind, counted hashing, a kept log."""

import hashlib
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar
from uuid import UUID

from arbiter.access.passwords import Passwords, PasswordSettings
from arbiter.access.service import AccessService
from arbiter.access.store import AccessStore
from arbiter.access.throttle import LoginThrottle, ThrottleSettings
from arbiter.access.token_settings import TokenSettings
from arbiter.access.tokens import Tokens
from arbiter.model.errors import ArbiterError
from arbiter.model.events import Audited
from arbiter.model.ids import uuid7
from arbiter.model.time import NS_PER_S

P = ParamSpec("P")
T = TypeVar("T")

START_NS = 1_800_000_000 * NS_PER_S
CHEAP_HASHING = PasswordSettings(passes=1, memory_kib=64, lanes=1)
SECRET = b"an octet string of 32 bytes or more"


class WoundClock:
    """Stands still until wound."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic_ns(self) -> int:
        return self._now_ns - START_NS + NS_PER_S

    def wind(self, seconds: float) -> None:
        self._now_ns += round(seconds * NS_PER_S)


class SerialIds:
    def __init__(self) -> None:
        self._count = 0

    def new_id(self) -> UUID:
        self._count += 1
        return uuid7(START_NS, self._count)


class DerivedBytes:
    """Random-looking bytes, the same in every run."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(self._count.to_bytes(8)).digest(size)


class InlineExecutor(Executor):
    """Runs at once; keeps what was asked, by name."""

    def __init__(self) -> None:
        self.submitted: list[str] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        self.submitted.append(fn.__name__)
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except ArbiterError as error:
            future.set_exception(error)
        return future


class Access:
    """The service and all it was built from."""

    def __init__(self, store: AccessStore, throttle: ThrottleSettings | None = None) -> None:
        self.store = store
        self.clock = WoundClock()
        self.ids = SerialIds()
        self.random = DerivedBytes()
        self.executor = InlineExecutor()
        self.log: list[Audited] = []
        self.throttle = LoginThrottle(throttle or ThrottleSettings(), self.clock)
        self.tokens = Tokens(SECRET, TokenSettings(), self.clock, self.ids)
        self.service = self.another_process()

    def another_process(self, hashing: PasswordSettings = CHEAP_HASHING) -> AccessService:
        """A second service over the same store, as the command line has one."""
        return AccessService(
            store=self.store,
            passwords=Passwords(hashing, self.executor, self.random),
            tokens=self.tokens,
            throttle=self.throttle,
            clock=self.clock,
            ids=self.ids,
            random=self.random,
            audit=self.log.append,
        )

    def actions(self) -> list[str]:
        return [entry.action for entry in self.log]

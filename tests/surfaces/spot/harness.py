"""A whole engine on a loop of its own: simulated venues, PostgreSQL, and the spot API on a port."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import uvloop

from arbiter.api.control import trading
from arbiter.app.bootstrap import run_engine
from arbiter.app.config import SCHEMA, load
from arbiter.app.running import Running
from arbiter.model.errors import ArbiterError
from arbiter.model.ids import InstrumentId
from arbiter.storage.candle_store import PgCandles
from arbiter.venues.sim import client as sim_client
from tests.fakes.ports import free_port

T = TypeVar("T")

LIVELY = {
    "ARBITER__SIM__PERPETUALS__SYMBOLS": "0",
    "ARBITER__FUNDING__ENABLED": "false",
    "ARBITER__SIM__EVENTS__ENABLED": "false",
    "ARBITER__COPYING__ENABLED": "false",
    "ARBITER__SIM__SYMBOLS": "8",
    "ARBITER__SIM__QUOTES_PER_SECOND": "800",
    "ARBITER__SIM__DISLOCATIONS__PER_MINUTE": "600",
    "ARBITER__SPOT__USE_TREND_FILTER": "false",
    "ARBITER__SPOT__COOLDOWN_SECONDS": "1",
    "ARBITER__SPOT__TRADE_AMOUNT_USD": "50",
    "ARBITER__SPOT_API__RATE_LIMIT": "1000000",
    "ARBITER__SPOT_API__WRITE_RATE_LIMIT": "1000000",
}
"""Eight symbols on four venues with a spread worth having every tenth of a second."""

OTHERS_OFF = {
    leaf.env_name: "false"
    for path, leaf in SCHEMA.leaves.items()
    if path[0] == "listen" and path[-1].endswith("_enabled") and path[-1] != "spot_enabled"
}
"""Every other API, whichever there are."""

_TRUST = ssl.create_default_context()
"""For every client: reading the machine's certificates takes longer than most calls."""

START_S = 60.0
ANSWER_S = 80.0
"""For any answer: a backtest's start brings up a process, which takes its time on a busy machine."""


class LiveEngine:
    """`start` and `stop` it as often as wished; the data folder and the database stay."""

    def __init__(self, home: Path, url: str, changes: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.port = free_port()
        self.environment = {
            "ARBITER_HOME": str(home),
            "DATABASE_URL": url,
            "ARBITER__LISTEN__SPOT_PORT": str(self.port),
            **OTHERS_OFF,
            "ARBITER__LISTEN__DESK_ENABLED": "false",
            **LIVELY,
            **(changes or {}),
        }
        scheme = "https" if "ARBITER__SPOT_API__SSL_CERT" in self.environment else "http"
        self.base = f"{scheme}://127.0.0.1:{self.port}"
        self.api = f"{self.base}/api/v1"
        self._running: Running | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    @property
    def running(self) -> Running:
        assert self._running is not None
        return self._running

    def start(self) -> "LiveEngine":
        ready = threading.Event()
        settings = load(environment=self.environment).settings

        def on_ready(running: Running) -> None:
            self._running = running
            ready.set()

        async def whole() -> None:
            self._loop = asyncio.get_running_loop()
            self._stop = asyncio.Event()
            await run_engine(
                settings, stop=self._stop, environment=self.environment, on_ready=on_ready
            )

        def body() -> None:
            try:
                uvloop.run(whole())
            except ArbiterError as error:
                self._failure = error
            finally:
                ready.set()

        self._thread = threading.Thread(target=body, name="engine")
        self._thread.start()
        if not ready.wait(START_S) or self._running is None:
            self.stop()
            raise AssertionError(f"the engine did not start: {self._failure}")
        return self

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()
        self._running = None

    def do(self, act: Callable[[], T]) -> T:
        """Run something on the engine's loop and give its result."""

        async def call() -> T:
            return act()

        return self.wait_for(call())

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_S)

    @contextmanager
    def still(self) -> Iterator[None]:
        """Open nothing meanwhile; begins once what was open has ended."""
        core = self.running.engine.core

        def hunt(on: bool) -> None:
            core.state.hunting = on

        self.do(lambda: hunt(False))
        try:
            self.wait_for(core.floor.idle())
            yield
        finally:
            self.do(lambda: hunt(True))

    async def candles_missing(self) -> Sequence[InstrumentId]:
        """Instruments whose past has not been filled in yet."""
        instruments = [i.id for i in self.running.engine.core.registry.instruments]
        return await PgCandles(self.running.reads).missing(instruments)

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.api, timeout=ANSWER_S, **{"verify": _TRUST, **options})

    def destroy(self) -> None:
        """Stop the engine and its venues."""
        self.stop()


@contextmanager
def patient() -> Iterator[None]:
    """Engines made meanwhile take no venue for lost, and no answer for late, on a slow machine.

    What they do where one is stands elsewhere, with a clock in hand.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sim_client, "SILENCE_S", ANSWER_S)
        patch.setattr(trading, "ANSWER_S", ANSWER_S)
        yield


UNHURRIED = {"ARBITER__RISK__STALENESS_THRESHOLD_MS": "60000"}
"""No order is refused because the machine stood still since the last quote."""

__all__ = ["LIVELY", "UNHURRIED", "LiveEngine", "free_port", "patient"]

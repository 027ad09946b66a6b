"""An engine that trades funding pairs, as a process of its own, and calls to its API."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.surfaces.spot.harness import OTHERS_OFF, free_port

START_S = 90.0

HOLDING = {
    "ARBITER__SIM__SYMBOLS": "4",
    "ARBITER__SIM__QUOTES_PER_SECOND": "100",
    "ARBITER__SIM__PERPETUALS__SYMBOLS": "2",
    "ARBITER__SIM__PERPETUALS__RATE_DISPERSION": "0.001",
    "ARBITER__SIM__TIME_SCALE": "3600",
    "ARBITER__SPOT__ENABLED": "false",
    "ARBITER__AGENTS__ENABLED": "false",
    "ARBITER__FUNDING__MAX_PAIRS": "2",
    "ARBITER__FUNDING__TARGET_PROFIT": "1",
    "ARBITER__FUNDING__TRAILING_START": "0.2",
    "ARBITER__FUNDING__TRAILING_STOP": "0.5",
    "ARBITER__FUNDING__NARROW_SPREAD_EXIT_PERIODS": "1000",
    "ARBITER__FUNDING__MAX_DURATION_HOURS": "80000",
    "ARBITER__FUNDING__MIN_LIQUIDATION_DISTANCE": "0",
}
"""An hour of funding a second, and pairs that are held whatever comes."""


class RunningFunding:
    """`arbiter up` with nothing but the funding API listening, on a data folder of the test's own."""

    def __init__(self, home: Path, arguments: tuple[str, ...] = (), **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = home.with_suffix(".log")
        self._arguments = arguments or ("up", "--no-view")
        self._environment = {
            **os.environ,
            **OTHERS_OFF,
            "ARBITER_HOME": str(home),
            "ARBITER__LISTEN__SPOT_ENABLED": "false",
            "ARBITER__LISTEN__OPS_ENABLED": "true",
            "ARBITER__LISTEN__OPS_PORT": str(self.port),
            **HOLDING,
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=self.url, timeout=20.0)

    def spawn(self) -> None:
        arbiter = Path(sys.executable).with_name("arbiter")
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(arbiter), *self._arguments], env=self._environment, stdout=log, stderr=log
            )

    def start(self) -> None:
        """Start, and return once it is ready to trade."""
        self.spawn()
        self.until(lambda: self.client.get("/ready").status_code == 200)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.process = None
        return code

    def close(self) -> None:
        if self.process is not None:
            self.end(signal.SIGTERM)
        self.client.close()

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, true: Callable[[], bool], patience_s: float = START_S) -> None:
        """Ask until it is so; an engine that does not answer is none of whom it is so."""
        end = time.monotonic() + patience_s
        while True:
            try:
                if true():
                    return
            except httpx.TransportError:
                pass
            late = time.monotonic() >= end
            assert not late, f"it did not come true in {patience_s:g} s\n{self._log_tail()}"
            ended = self.process is not None and self.process.poll() is not None
            assert not ended, f"the engine ended\n{self._log_tail()}"
            time.sleep(0.05)

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-4_000:] if self._log.exists() else "no log"

"""An engine with its agents as a process of its own, and calls to its API."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.fakes.ports import free_port

START_S = 240.0
HANGS_S = 90.0
"""What takes longer hangs, however busy the machine."""


class RunningAgents:
    """`arbiter up --only agents` on a data folder of the test's own."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.port = free_port()
        self._environment = {
            **os.environ,
            "ARBITER_HOME": str(home),
            "API_PORT": str(self.port),
            "ARBITER__SIM__SYMBOLS": "20",
            "ARBITER__SIM__QUOTES_PER_SECOND": "200",
            # A machine that stands still for some seconds refuses neither an order nor a vote.
            "ARBITER__RISK__STALENESS_THRESHOLD_MS": "60000",
            **environment,
        }
        self._log = home.parent / "engine.log"
        self.process: subprocess.Popen[str] | None = None
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1", timeout=30)

    def start(self) -> None:
        """Start, and return once it trades."""
        arbiter = Path(sys.executable).with_name("arbiter")
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [str(arbiter), "up", "--only", "agents", "--no-view"],
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
                text=True,
            )
        self.until(lambda: self.get("/status")["status"] == "operational", START_S)

    def stop(self) -> int:
        return self._end(signal.SIGINT)

    def kill(self) -> int:
        return self._end(signal.SIGKILL)

    def _end(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.process = None
        return code

    def close(self) -> None:
        if self.process is not None:
            self.stop()
        self.client.close()

    def get(self, path: str, **query: str) -> Any:
        return self.client.get(path, params=query).json()

    def post(self, path: str, **body: object) -> Any:
        return self.client.post(path, json=body).json()

    def until(self, true: Callable[[], bool], patience_s: float = HANGS_S) -> None:
        """Ask until it is so; a refused connection is not so."""
        end = time.monotonic() + patience_s
        while True:
            why = ""
            try:
                if true():
                    return
            except (httpx.TransportError, json.JSONDecodeError, KeyError) as error:
                why = f": {error!r}"
            late = time.monotonic() >= end
            assert not late, f"it did not come true in {patience_s:g} s{why}\n{self._log_tail()}"
            ended = self.process is not None and self.process.poll() is not None
            assert not ended, f"the engine ended\n{self._log_tail()}"
            time.sleep(0.1)

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-4_000:] if self._log.exists() else "no log"

"""What a command says of its own duration."""

import subprocess
import sys
import time

import pytest

from arbiter.cli import elapsed

TICK = 0.02
"""The system tells a process's start to a hundredth."""


def test_the_start_of_the_interpreter_counts() -> None:
    late = "import time; time.sleep(0.2); from arbiter.cli.elapsed import seconds_in_all as s; "
    began = time.monotonic()
    told = subprocess.run(
        [sys.executable, "-c", f"{late}print(s())"], capture_output=True, text=True, check=True
    )
    assert 0.2 - TICK <= float(told.stdout) <= time.monotonic() - began + TICK


def test_where_the_system_does_not_tell_it_counts_from_the_import(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    since = time.perf_counter() - elapsed._LOADED
    assert since <= elapsed.seconds_in_all() <= time.perf_counter() - elapsed._LOADED

"""What one open page of the desk costs the engine: quote to order, with a browser and without.

A real Chromium shows the page; in the phases without one it shows nothing. Phases alternate in one
run (off on, on off, …), so that a busy machine slows both alike; p99 is of all phases of one kind
together, and the medians of the rounds stand beside it. The browser yields its processor time to the engine,
as one on another machine would.

Quote to order is from the quote that opened a spread to the first order's departure, commit included.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.bench_spot_api import BUSY, Stopwatch, database, p99
from tests.surfaces.spot.harness import LiveEngine, free_port

PAGES = {"overview": "/", "markets": "/markets"}
WANTED_RATIO = 1.25
CHROMIUM = "/usr/bin/chromium"

_BUSIER = BUSY | {
    "ARBITER__SIM__DISLOCATIONS__PER_MINUTE": "900",
    "ARBITER__LISTEN__DESK_ENABLED": "true",
    "ARBITER__LISTEN__DESK_WEB_ENABLED": "true",
}

_BROWSER = """
import os, sys
from playwright.sync_api import sync_playwright
os.nice(15)
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=["--no-sandbox"])
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    print("ready", flush=True)
    for line in sys.stdin:
        page.goto(line.strip())
        if line.startswith("http"):
            page.locator('[data-name="link"] .good').wait_for(state="attached")
        print("shown", flush=True)
    browser.close()
"""


class Browser:
    """A Chromium in a process of its own that shows what it is told to."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BROWSER, CHROMIUM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._wait()

    def show(self, address: str) -> None:
        """Return once it is there and, of the desk, live."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{address}\n")
        self._process.stdin.flush()
        self._wait()

    def _wait(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "the browser ended"

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@contextmanager
def _browser() -> Iterator[Browser]:
    browser = Browser()
    try:
        yield browser
    finally:
        browser.close()


def measure(seconds: float = 8.0, rounds: int = 6) -> dict[str, float]:
    """`seconds` is the length of one phase; each round has one with the page and one without."""
    port = str(free_port())
    with database() as url, tempfile.TemporaryDirectory(prefix="arbiter-home-") as folder:
        home = Path(folder)
        home.chmod(0o700)
        engine = LiveEngine(home, url, _BUSIER | {"ARBITER__LISTEN__DESK_PORT": port}).start()
        try:
            watch = Stopwatch(engine)
            engine.do(lambda: engine.running.hub.listen(watch.watch))
            with _browser() as browser:
                time.sleep(10)
                found: dict[str, float] = {}
                for name, path in PAGES.items():
                    address = f"http://127.0.0.1:{port}/ui{path}"
                    found |= _page(engine, watch, browser, name, address, seconds, rounds)
                return found
        finally:
            engine.destroy()


def _page(
    engine: LiveEngine,
    watch: Stopwatch,
    browser: Browser,
    name: str,
    address: str,
    seconds: float,
    rounds: int,
) -> dict[str, float]:
    without: list[list[float]] = []
    shown: list[list[float]] = []
    for number in range(rounds):
        for on in (False, True) if number % 2 else (True, False):
            browser.show(address if on else "about:blank")
            time.sleep(1.0)
            engine.do(watch.take)
            time.sleep(seconds)
            (shown if on else without).append(engine.do(watch.take))
    browser.show("about:blank")
    medians = [
        statistics.median(on) / statistics.median(off)
        for on, off in zip(shown, without, strict=True)
    ]
    all_on, all_off = list(chain(*shown)), list(chain(*without))
    return {
        f"{name}_samples": len(all_on),
        f"{name}_off_p50_us": statistics.median(all_off),
        f"{name}_on_p50_us": statistics.median(all_on),
        f"{name}_off_p99_us": p99(all_off),
        f"{name}_on_p99_us": p99(all_on),
        f"{name}_on_over_off_p99": p99(all_on) / p99(all_off),
        f"{name}_on_over_off_p50": statistics.median(medians),
    }


def table(figures: dict[str, Any]) -> str:
    """Write the figures for people."""
    lines = ["One open page of the desk"]
    for name in PAGES:
        rows = [
            (f"{name}: quote to order, p50 without", f"{name}_off_p50_us", "µs"),
            ("  p50 with the page", f"{name}_on_p50_us", "µs"),
            ("  p99 without", f"{name}_off_p99_us", "µs"),
            ("  p99 with the page", f"{name}_on_p99_us", "µs"),
            (f"  p99 with / without (wanted <= {WANTED_RATIO})", f"{name}_on_over_off_p99", ""),
            ("  p50 with / without, median of rounds", f"{name}_on_over_off_p50", ""),
        ]
        lines += [f"  {label:<44}{figures[key]:>10.2f} {unit}" for label, key, unit in rows]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Measure and print; `--json` prints the figures alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of one phase")
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args(argv)
    figures = measure(seconds=options.seconds, rounds=options.rounds)
    print(json.dumps(figures, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()

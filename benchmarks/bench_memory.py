"""How much memory an engine with 600 instruments takes, and which libraries it loads.

A real engine on the simulated venues trades for a while at 20,000 quotes a second. The baseline of
the same run is a process that has only imported the same large libraries, one after the other:
what each adds shows where the memory goes.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from arbiter.storage.embedded import EmbeddedServer

SYMBOLS = 150
WANTED_MB = 400.0
LARGE = ("numpy", "numba", "sqlalchemy.ext.asyncio", "asyncpg", "pydantic_settings", "fastapi")
"""In the order of import, so each figure is what it adds to those before it."""
UNUSED = (
    "plotly",
    "polars",
    "pandas",
    "ray",
    "aiogram",
    "ccxt",
    "opentelemetry.sdk",
)
"""Libraries of features that a default engine does not use."""

WEIGH = """
import importlib, json, psutil, sys
process, sizes = psutil.Process(), {}
sizes["python"] = process.memory_info().rss
for name in sys.argv[1:]:
    before = process.memory_info().rss
    importlib.import_module(name)
    sizes[name] = process.memory_info().rss - before
print(json.dumps(sizes))
"""

CONFIG = """
[spot]
use_trend_filter = false
[sim]
symbols = {symbols}
quotes_per_second = 20000
[sim.dislocations]
per_minute = 200
[listen]
ops_port = {port}
"""


def libraries() -> dict[str, float]:
    """Weigh the libraries alone, MB each."""
    told = subprocess.run(
        [sys.executable, "-c", WEIGH, *LARGE], capture_output=True, check=True, text=True
    )
    sizes: dict[str, int] = json.loads(told.stdout)
    return {name: size / 1e6 for name, size in sizes.items()}


def engine(seconds: float) -> dict[str, Any]:
    """Run an engine on a fresh data folder and let it weigh itself."""
    with tempfile.TemporaryDirectory(prefix="arbiter-bench-") as folder:
        home = Path(folder)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        (home / "arbiter.toml").write_text(CONFIG.format(symbols=SYMBOLS, port=port))
        try:
            told = subprocess.run(
                [sys.executable, "-m", "benchmarks.memory_engine", str(seconds)],
                env=os.environ | {"ARBITER_HOME": folder},
                capture_output=True,
                check=False,
                text=True,
            )
            if told.returncode:
                raise SystemExit(f"the engine failed:\n{told.stderr[-2_000:]}")
        finally:
            subprocess.run([sys.executable, "-c", DESTROY, str(home / "postgres")], check=True)
    weighed: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return weighed


DESTROY = f"""
import asyncio, sys
from pathlib import Path
from {EmbeddedServer.__module__} import EmbeddedServer
asyncio.run(EmbeddedServer(Path(sys.argv[1])).destroy())
"""


def measure(*, seconds: float = 20.0) -> dict[str, Any]:
    """Weigh both; MB."""
    parts = libraries()
    weighed = engine(seconds)
    loaded = [name for name in UNUSED if name in weighed["modules"]]
    baseline = sum(parts.values())
    return {
        "engine_mb": weighed["rss"] / 1e6,
        "engine_own_mb": weighed["uss"] / 1e6,
        "libraries_mb": baseline,
        "ratio": weighed["rss"] / 1e6 / baseline,
        "instruments": weighed["instruments"],
        "quotes": weighed["quotes"],
        "trades": weighed["trades"],
        "parts_mb": parts,
        "loaded_though_unused": loaded,
    }


def table(figures: dict[str, Any]) -> str:
    """Write the figures for people."""
    lines = [f"Memory of an engine with {figures['instruments']} instruments"]
    lines += [
        f"  {name + ' adds' if name != 'python' else 'python alone':<38}{size:>8.1f} MB"
        for name, size in figures["parts_mb"].items()
    ]
    lines += [
        f"  {'libraries alone':<38}{figures['libraries_mb']:>8.1f} MB",
        f"  {f'engine (wanted <= {WANTED_MB:.0f})':<38}{figures['engine_mb']:>8.1f} MB",
        f"  {'engine / libraries':<38}{figures['ratio']:>8.2f}",
        f"  after {figures['quotes']:,} quotes and {figures['trades']:,} trades",
        f"  loaded though unused: {', '.join(figures['loaded_though_unused']) or 'nothing'}",
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Measure and print; `--json` prints the figures alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--seconds", type=float, default=20.0, help="of trading")
    options = parser.parse_args(argv)
    figures = measure(seconds=options.seconds)
    print(json.dumps(figures, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()

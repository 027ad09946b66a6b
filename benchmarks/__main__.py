"""All measurements: ``python -m benchmarks [--json] [name …]``.

A name is that of a module without its ``bench_``: quote_cost, latency, commit, memory, backtest,
spot_api, control_api, desk_page, feeds. Each has options of its own when run alone, as
``python -m benchmarks.bench_latency --help`` says. With ``--json`` one object is printed, keyed by
name.
"""

import argparse
import importlib
import json
import os
from typing import Any

NAMES = (
    "quote_cost",
    "latency",
    "commit",
    "memory",
    "backtest",
    "spot_api",
    "control_api",
    "desk_page",
    "feeds",
)


def main() -> None:
    """Run what was asked for, or everything, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no measurement {', '.join(unknown)}; there are {', '.join(NAMES)}")
    found: dict[str, Any] = {}
    if not options.json:
        load = os.getloadavg()[0]
        print(f"{os.cpu_count()} processors, load {load:.1f}: compare ratios, not times\n")
    for name in options.names or NAMES:
        module = importlib.import_module(f"benchmarks.bench_{name}")
        figures = module.measure()
        if options.json:
            found[name] = figures
        else:
            print(module.table(figures), flush=True)
            print()
    if options.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

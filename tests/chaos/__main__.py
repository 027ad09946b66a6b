"""Run many seeds of the random mix: ``python -m tests.chaos [--seeds N] [--first N] [--jobs N]``.

Prints every violation with its seed; run that seed alone with ``--first SEED --seeds 1``.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter

from tests.chaos.mix import Outcome, hush, run_seed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=max((os.cpu_count() or 2) - 1, 1))
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    began = time.monotonic()
    outcomes: list[Outcome] = []
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.jobs, initializer=hush) as pool:
        for outcome in pool.imap_unordered(run_seed, seeds, chunksize=4):
            outcomes.append(outcome)
            for violation in outcome.violations:
                print(f"seed {outcome.seed}: {violation}", flush=True)
    _report(outcomes, time.monotonic() - began)
    failed = sorted(outcome.seed for outcome in outcomes if outcome.violations)
    if failed:
        print(f"FAILED seeds: {' '.join(map(str, failed))}")
        return 1
    return 0


def _report(outcomes: list[Outcome], seconds: float) -> None:
    faults: Counter[str] = Counter()
    states: Counter[str] = Counter()
    alerts: Counter[str] = Counter()
    flat: list[int] = []
    for outcome in outcomes:
        faults.update(outcome.faults)
        states.update(outcome.states)
        alerts.update(outcome.alerts)
        flat.extend(outcome.flat_after_ms)
    flat.sort()
    trades, crashes = sum(o.trades for o in outcomes), sum(o.crashes for o in outcomes)
    print(f"{len(outcomes)} seeds in {seconds:.0f} s: {trades} trades, {crashes} crashes")
    print("faults:", ", ".join(f"{kind} {count}" for kind, count in faults.most_common()))
    print("trades:", ", ".join(f"{state} {count}" for state, count in states.most_common()))
    print("alerts:", ", ".join(f"{code} {count}" for code, count in alerts.most_common()))
    if flat:
        marks = [(share, flat[min(int(len(flat) * share), len(flat) - 1)]) for share in _SHARES]
        shown = ", ".join(f"p{share * 100:g} {value} ms" for share, value in marks)
        print(f"a leg stood alone {len(flat)} times, for: {shown}, at most {flat[-1]} ms")


_SHARES = (0.5, 0.9, 0.99, 0.999)

if __name__ == "__main__":
    sys.exit(main())

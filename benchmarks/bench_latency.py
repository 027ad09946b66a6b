"""From a quote's bytes to an order's bytes: the real core against a bare loop, without the commit.

Three processes: this one sends 20,000 quotes a second of 600 instruments in batches of a
millisecond and knows when it sent each quote that opens a spread; the subject, core or bare loop,
sends two orders for each; the venue notes when the selling one, the last, arrives. Both subjects
have the same connections, the same calls per quote and the same tasks per order. They take turns, so that
both see the same machine; told are the median of all turns and the ratios of single ones.
"""

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time

import msgspec

from benchmarks.latency_wire import CALM, QUOTE, SIZE, SLOTS, WIDE, slot_names

RATE = 20_000
BATCH_S = 0.001
SPREAD_EVERY = 11
"""Batches between two quotes that open a spread."""
WARM_UP = 100
"""Spreads before the first that counts."""
WANTED = {"p50": 3.0, "p99": 4.0}
SUBJECTS = ("bare", "core")
MS = 1e-6


class Run(msgspec.Struct):
    p50_us: float
    p99_us: float
    spreads: int
    orders: int
    rate: float
    """Quotes per second that were really sent."""


def batches(source: random.Random, count: int) -> list[tuple[bytearray, int]]:
    """Make `count` batches in which every slot takes its turn; with the slot of its spread, or -1."""
    per_batch = round(RATE * BATCH_S)
    order = list(range(SLOTS))
    source.shuffle(order)
    made, at, was_wide = [], 0, -1
    for number in range(count):
        payload = bytearray()
        if was_wide >= 0:  # the spread is gone a millisecond later
            payload += QUOTE.pack(was_wide, *CALM, SIZE, SIZE, 0)
        wide = source.randrange(per_batch) if number % SPREAD_EVERY == SPREAD_EVERY - 1 else -1
        was_wide = -1
        for row in range(per_batch):
            slot = order[at % SLOTS]
            at += 1
            bid, ask = WIDE if row == wide else CALM
            if row == wide:
                was_wide = slot
            payload += QUOTE.pack(slot, bid, ask, SIZE, SIZE, 0)
        made.append((payload, was_wide))
    return made


def feed(link: socket.socket, seconds: float, seed: int) -> tuple[list[tuple[int, int]], float]:
    """Send every batch at its time; gives (slot, ns) of the spreads and the rate."""
    made = batches(random.Random(seed), round(seconds / BATCH_S))
    first = bytearray()
    now_ns = time.time_ns()
    for slot in range(SLOTS):
        first += QUOTE.pack(slot, *CALM, SIZE, SIZE, now_ns)
    link.sendall(first)
    spreads = []
    start = time.perf_counter()
    for number, (payload, slot) in enumerate(made):
        ahead = start + number * BATCH_S - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
        at_ns = time.time_ns()
        for offset in range(QUOTE.size - 8, len(payload), QUOTE.size):
            payload[offset : offset + 8] = at_ns.to_bytes(8, "little")
        at_ns = time.time_ns()
        link.sendall(payload)
        if slot >= 0:
            spreads.append((slot, at_ns))
    rate = len(made) * round(RATE * BATCH_S) / (time.perf_counter() - start)
    time.sleep(0.2)  # the last orders are under way
    return spreads, rate


def run_once(subject: str, seconds: float, seed: int) -> Run:
    """Measure one subject in processes of its own."""
    quotes, its_quotes = socket.socketpair()
    orders, its_orders = socket.socketpair()
    python = [sys.executable, "-m"]
    with subprocess.Popen(
        [*python, "benchmarks.latency_venue", str(orders.fileno())],
        pass_fds=[orders.fileno()],
        stdout=subprocess.PIPE,
    ) as venue:
        orders.close()
        with subprocess.Popen(
            [
                *python,
                f"benchmarks.latency_{subject}",
                *map(str, (its_quotes.fileno(), its_orders.fileno())),
            ],
            pass_fds=[its_quotes.fileno(), its_orders.fileno()],
        ) as process:
            its_quotes.close()
            its_orders.close()
            time.sleep(float(os.environ.get("ARBITER_BENCH_START_S", "4")))
            spreads, rate = feed(quotes, seconds, seed)
            quotes.close()
            if process.wait(30):
                raise SystemExit(f"the {subject} failed")
        assert venue.stdout is not None
        arrivals = json.load(venue.stdout)
    return summary(spreads, arrivals, rate)


def summary(
    spreads: list[tuple[int, int]], arrivals: list[tuple[str, str, int]], rate: float
) -> Run:
    """Join each spread with the selling order it caused."""
    slot_of = {name: slot for slot, name in enumerate(slot_names())}
    sold: dict[int, list[int]] = {}
    for instrument, side, at_ns in arrivals:
        if side == "SELL":
            sold.setdefault(slot_of[instrument], []).append(at_ns)
    took = []
    for slot, sent_ns in spreads[WARM_UP:]:
        after = [at_ns for at_ns in sold.get(slot, ()) if 0 <= at_ns - sent_ns < 1_000_000_000]
        if after:
            took.append((after[0] - sent_ns) / 1_000)
    cuts = statistics.quantiles(took, n=100)
    return Run(cuts[49], cuts[98], len(spreads) - WARM_UP, len(took), rate)


def measure(*, repeats: int = 5, seconds: float = 12.0) -> dict[str, float]:
    """Measure both in turns; medians over the repeats."""
    runs: dict[str, list[Run]] = {subject: [] for subject in SUBJECTS}
    for repeat in range(repeats):
        for subject in SUBJECTS if repeat % 2 else reversed(SUBJECTS):
            runs[subject].append(run_once(subject, seconds, seed=repeat))
    figures: dict[str, float] = {}
    for subject, found in runs.items():
        figures[f"{subject}_p50_us"] = statistics.median(run.p50_us for run in found)
        figures[f"{subject}_p99_us"] = statistics.median(run.p99_us for run in found)
        figures[f"{subject}_answered"] = sum(r.orders for r in found) / sum(
            r.spreads for r in found
        )
        figures[f"{subject}_quotes_per_s"] = statistics.median(run.rate for run in found)
    for name in WANTED:
        figures[f"{name}_ratio"] = figures[f"core_{name}_us"] / figures[f"bare_{name}_us"]
        single = [
            getattr(core, f"{name}_us") / getattr(bare, f"{name}_us")
            for core, bare in zip(runs["core"], runs["bare"], strict=True)
        ]
        figures[f"{name}_lowest"], figures[f"{name}_highest"] = min(single), max(single)
    return figures


def table(figures: dict[str, float]) -> str:
    """Write the figures for people."""
    lines = [f"Quote to order, without the commit, at {RATE:,} quotes/s over {SLOTS} instruments"]
    lines += [f"  {'':<24}{'p50':>10}{'p99':>10}{'answered':>10}{'quotes/s':>10}"]
    for subject in SUBJECTS:
        p50, p99 = figures[f"{subject}_p50_us"], figures[f"{subject}_p99_us"]
        answered, rate = figures[f"{subject}_answered"], figures[f"{subject}_quotes_per_s"]
        lines.append(f"  {subject:<24}{p50:>7.0f} us{p99:>7.0f} us{answered:>10.1%}{rate:>10.0f}")
    p50, p99 = figures["p50_ratio"], figures["p99_ratio"]
    lines.append(f"  {'core / bare':<24}{p50:>10.2f}{p99:>10.2f}")
    for end in ("lowest", "highest"):
        of_turns = (figures[f"{name}_{end}"] for name in WANTED)
        lines.append(f"  {end + ' of a turn':<24}" + "".join(f"{it:>10.2f}" for it in of_turns))
    lines.append(f"  {'wanted at most':<24}{WANTED['p50']:>10.2f}{WANTED['p99']:>10.2f}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Measure and print; `--json` prints the figures alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=12.0, help="per run")
    options = parser.parse_args(argv)
    figures = measure(repeats=options.repeats, seconds=options.seconds)
    print(json.dumps(figures, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()

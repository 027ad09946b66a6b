"""Market data: our decoders and feeds against ccxt.pro, side by side on the same messages.

In the process: a frame's payload to the quote board (ours) or to ccxt's own map of quotes, and to
a book with its best prices found. Every figure is the median over repeats of the mean processor
time over a block; the two take turns within a repeat, in either order by turns, so that a busy
machine slows both alike, and a ratio is the median of the repeats' ratios. Over a socket: each
follows the same server in a process of its own, in turns, and tells its processor time.
"""

import argparse
import asyncio
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.feed_messages import DepthMaker, quotes
from benchmarks.feed_subjects import Hear, ccxt_hear, our_depth, our_quotes

RATE = 15_000
WANTED = {"quotes": 20.0, "depth": 4.0, "socket": 1 / 3}
DEPTHS = (3, 19, 79)
VENUES = ("binance", "bybit")


def _mean_us(hear: Hear, messages: Sequence[Any]) -> float:
    gc.collect()
    started = time.thread_time_ns()
    for message in messages:
        hear(message)
    return (time.thread_time_ns() - started) / len(messages) / 1e3


def _side_by_side(ours: Hear, theirs: Hear, blocks: Sequence[Sequence[bytes]]) -> dict[str, float]:
    """Let both take every block; the first warms up and does not count."""
    mine, other = [], []
    for number, block in enumerate(blocks):
        texts = [message.decode() for message in block]
        if number % 2:
            mine.append(_mean_us(ours, block))
            other.append(_mean_us(theirs, texts))
        else:
            other.append(_mean_us(theirs, texts))
            mine.append(_mean_us(ours, block))
    ratios = [theirs_us / ours_us for ours_us, theirs_us in zip(mine, other, strict=True)]
    return {
        "ours_us": statistics.median(mine[1:]),
        "ccxt_us": statistics.median(other[1:]),
        "times": statistics.median(ratios[1:]),
    }


async def _in_process(repeats: int, messages: int) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for venue in VENUES:
        theirs, exchange = ccxt_hear(venue)
        blocks = [quotes(venue, messages, seed) for seed in range(1, repeats + 2)]
        found[f"{venue} quotes"] = _side_by_side(our_quotes(venue), theirs, blocks)
        await exchange.close()
        for levels in DEPTHS:
            maker = DepthMaker(venue)
            snapshot = maker.snapshot()
            blocks = [maker.deltas(levels, messages // 4) for _ in range(repeats + 1)]
            theirs, exchange = ccxt_hear(venue, snapshot)
            ours, _ = our_depth(venue, snapshot)
            found[f"{venue} depth, {levels} levels"] = _side_by_side(ours, theirs, blocks)
            await exchange.close()
    return found


def _over_a_socket(runs: int, seconds: float) -> dict[str, float]:
    """Follow one server by turns; processor time as a share of one core."""
    command = [sys.executable, "-m", "benchmarks.feed_wire"]
    server = subprocess.Popen(
        [*command, "serve", str(RATE)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # asyncio remarks on every client that leaves
        text=True,
    )
    seen: dict[str, list[dict[str, float]]] = {"ours": [], "ccxt": []}
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        for run in range(runs):
            for name in ("ours", "ccxt") if run % 2 else ("ccxt", "ours"):
                told = subprocess.run(
                    [*command, name, port, str(seconds)], stdout=subprocess.PIPE, check=True
                )
                seen[name].append(json.loads(told.stdout))
    finally:
        server.terminate()
        server.wait()
    shares = [mine["cpu"] / other["cpu"] for mine, other in zip(*seen.values(), strict=True)]
    figures = {"share": statistics.median(shares)}
    for name, rows in seen.items():
        figures[f"{name}_cpu"] = statistics.median(row["cpu"] for row in rows)
        figures[f"{name}_rate"] = statistics.median(row["rate"] for row in rows)
    return figures


def measure(
    *, repeats: int = 9, messages: int = 8_000, runs: int = 3, seconds: float = 4.0
) -> dict[str, Any]:
    """Measure all: µs per message and ratios, then processor shares over a socket."""
    found = asyncio.run(_in_process(repeats, messages))
    return {"in process": found, "socket": _over_a_socket(runs, seconds)}


def table(figures: dict[str, Any]) -> str:
    """Show the figures and whether they are what is wanted."""
    lines = [f"{'feeds, µs per message':34}{'ours':>9}{'ccxt.pro':>10}{'times':>8}"]
    for name, row in figures["in process"].items():
        wanted = WANTED["quotes" if name.endswith("quotes") else "depth"]
        verdict = "" if row["times"] >= wanted else f"  BELOW {wanted:g}"
        lines.append(
            f"  {name:32}{row['ours_us']:9.2f}{row['ccxt_us']:10.1f}{row['times']:8.1f}{verdict}"
        )
    told = figures["socket"]
    verdict = "" if told["share"] <= WANTED["socket"] else "  ABOVE 0.33"
    lines.append(f"  over a socket, {RATE:,} messages/s sent")
    for name in ("ours", "ccxt"):
        cpu, rate = told[f"{name}_cpu"], told[f"{name}_rate"]
        lines.append(f"    {name:30}{cpu:9.1%} of a core, {rate:,.0f}/s taken in")
    lines.append(f"    {'share of ccxt.pro':30}{told['share']:9.2f}{verdict}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--runs", type=int, default=3, help="turns over the socket")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn")
    options = parser.parse_args()
    figures = measure(repeats=options.repeats, runs=options.runs, seconds=options.seconds)
    print(json.dumps(figures, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()

"""What a backtest costs: quotes a second when candidates are rare and when they are not.

Each case makes quotes in which one in so many opens a spread, on several symbols of two venues, at
20,000 quotes a second of recorded time. Measured are the whole backtest in this process (scan, live
core, trades), the same from a Parquet file, and the plain-Python loop: the kernel's twin over lists,
which only finds the candidates and trades nothing. Backtest and plain loop take turns, so that both
see the same machine, and medians are told: of the times, and of each turn's own ratio. Cooldown and
caps hold as live, so a candidate is not a trade: both are told.

    python -m benchmarks.bench_backtest [--quotes 4000000] [--repeats 5] [--json]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from arbiter.backtest.quotes import RecordedQuotes
from arbiter.backtest.run import Request, prepare
from arbiter.backtest.scan import scan_rows
from arbiter.backtest.settings import BacktestSettings
from arbiter.backtest.survey import Survey, survey
from arbiter.books.board import QuoteRows
from arbiter.execution.settings import ExecutionSettings
from arbiter.kernels.plain_quote_step import plain_quote_step
from arbiter.model.ids import Symbol
from arbiter.opportunities.spot_settings import SpotSettings
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.assembly import CoreSettings

VENUES = ("alpha", "beta")
T0 = 1_790_000_000_000_000_000
SPACING_NS = 50_000
CASES = (10_000, 1_000, 100)
WANTED_PER_SECOND = 10_000_000
WANTED_TIMES = 100
WANTED_OVER_PEER = 20
PEER_PYTHON = Path(__file__).resolve().parents[1] / ".venv-peers" / "bin" / "python"
PLAIN_ROWS = 400_000
CHUNK = 262_144
MEASURED = ("seconds", "cpu_seconds", "decode_seconds", "plain", "times")
COUNTS = ("candidates", "signals", "trades", "quotes")


def market(
    rows: int, one_in: int, symbols: int, *, spacing_ns: int = SPACING_NS, seed: int = 3
) -> pl.DataFrame:
    """Make flat quotes; every `one_in`-th shows a 1 % spread, gone with that slot's next quote."""
    rng = np.random.default_rng(seed)
    slots = rng.integers(0, symbols * len(VENUES), rows)
    mid = 100.0 + rng.normal(0.0, 0.01, rows)
    mid[one_in - 1 :: one_in] *= 1.012
    received = T0 + np.arange(rows, dtype=np.int64) * spacing_ns
    return pl.DataFrame(
        {
            "recv_ts_ns": received,
            "exch_ts_ms": received // 1_000_000,
            "venue": np.array(VENUES)[slots % len(VENUES)],
            "market_type": np.repeat("spot", rows),
            "symbol": np.array([f"C{n}_USDT" for n in range(symbols)])[slots // len(VENUES)],
            "bid": np.round(mid - 0.01, 4),
            "ask": np.round(mid + 0.01, 4),
            "bid_size": np.repeat(20.5, rows),
            "ask_size": np.repeat(30.7, rows),
        }
    )


EVERYDAY = SpotSettings()
"""The trend filter and the cooldown are on."""

EAGER = SpotSettings(
    cooldown_seconds=0.0,
    retry_seconds=0.0,
    max_trades_per_hour=1_000_000,
    use_trend_filter=False,
)
"""Every spread is traded."""


def request(file: Path, spot: SpotSettings, *, latency_ms: float = 10.0) -> Request:
    """Ask for a run with deep pockets, so that spreads alone decide."""
    settings = CoreSettings(
        mode="backtest",
        spot=spot,
        limits=RiskLimits(max_concurrent_trades=50, max_total_exposure_usd=Decimal(10**9)),
        execution=ExecutionSettings(),
    )
    deep = BacktestSettings(
        starting_quote=Decimal(10**9),
        starting_base_usd=Decimal(10**9),
        order_latency_ms=latency_ms,
        report_latency_ms=latency_ms,
        commit_latency_ms=latency_ms,
    )

    def core(_resolve: Callable[[str], Symbol]) -> CoreSettings:
        return settings

    return Request(files=(file,), settings=deep, core=core)


def in_memory(file: Path, asked: Request, repeats: int) -> dict[str, Any]:
    """Run the backtest over decoded chunks, and the plain loop after each; decoding is apart.

    Every time is the median of its own, `times` that of the ratios of neighbours.
    """
    found = survey([file])
    turns = [_turn(file, asked, found) for _ in range(repeats)]
    first = turns[0]
    if any(turn[key] != first[key] for turn in turns for key in COUNTS):
        raise RuntimeError("the same recording made other trades")
    middle = {key: statistics.median(turn[key] for turn in turns) for key in MEASURED}
    ratios = [turn["times"] for turn in turns]
    return middle | {key: first[key] for key in COUNTS} | {"every_times": ratios}


def _turn(file: Path, asked: Request, found: Survey) -> dict[str, Any]:
    run = prepare(asked, found)
    decode_began = time.perf_counter()
    chunks = list(RecordedQuotes([file], run.listing, CHUNK).chunks())
    decoding = time.perf_counter() - decode_began
    began, burned = time.perf_counter(), time.process_time()
    candidates = sum(scan_rows(run.session, rows) for rows in chunks)
    run.session.finish()
    wall, cpu = time.perf_counter() - began, time.process_time() - burned
    quotes, plain = sum(map(len, chunks)), plain_seconds(run.session.core.board, chunks)
    return {
        "seconds": wall,
        "cpu_seconds": cpu,
        "decode_seconds": decoding,
        "plain": plain,
        "times": plain * quotes / cpu,
        "candidates": candidates,
        "signals": run.tally.signals,
        "trades": len(run.tally.rows()),
        "quotes": quotes,
    }


def plain_seconds(board: Any, chunks: list[QuoteRows]) -> float:
    """Seconds per quote of the plain loop over the first rows; only looks for candidates."""
    state = np.array(board._state)
    fresh, params = state.copy(), board._params.copy()
    fresh[:, :6] = 0.0
    fresh[:, 4:6] = -np.inf
    fresh[:, 7] = 0.0
    params[5:7] = (-np.inf, 0.0)
    lists, limits = fresh.tolist(), params.tolist()
    rows = list(_numbers(chunks, PLAIN_ROWS))
    found = 0
    began = time.process_time()
    for row in rows:
        found += plain_quote_step(lists, limits, *row) > 0
    seconds = time.process_time() - began
    if not found:
        raise RuntimeError("the plain loop found no candidate")
    return seconds / len(rows)


def _numbers(chunks: list[QuoteRows], most: int) -> Iterator[tuple[Any, ...]]:
    left = most
    for chunk in chunks:
        slots: NDArray[np.int32] = chunk.slots[:left]
        for slot, prices, times in zip(
            slots.tolist(), chunk.prices[:left].tolist(), chunk.times[:left].tolist(), strict=True
        ):
            yield (slot, *prices, *times)
        left -= len(slots)
        if left <= 0:
            return


def from_file(file: Path, *, peak_only: bool = False) -> dict[str, Any]:
    """Run a backtest from the file in a process of its own: time and peak memory."""
    code = (
        "import sys,time,json\n"
        "from pathlib import Path\n"
        "from benchmarks.bench_backtest import EVERYDAY, peak_mb, request\n"
        "from arbiter.backtest.run import prepare, run_backtest\n"
        "began=time.perf_counter()\n"
        "run=prepare(request(Path(sys.argv[1]), EVERYDAY))\n"
        "surveyed=time.perf_counter()-began\n"
        "done=run_backtest(run)\n"
        "print(json.dumps({'survey':surveyed,'run':done.seconds,'rows':run.quotes.counts.read,"
        "'peak_mb':peak_mb()}))\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(file)], check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(out.stdout)
    return {"peak_mb": result["peak_mb"], "rows": result["rows"]} if peak_only else result


def peak_mb() -> float:
    """Peak memory of this program alone: what `getrusage` gives goes back to its parent's."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure(quotes: int = 4_000_000, repeats: int = 5, symbols: int = 10) -> dict[str, Any]:
    """Run every case; the peer only where `make bench-peers` has installed it."""
    results: dict[str, Any] = {"cases": {}}
    with tempfile.TemporaryDirectory() as folder:
        for one_in in CASES:
            file = Path(folder) / f"{one_in}.parquet"
            market(quotes, one_in, symbols).write_parquet(file, row_group_size=CHUNK)
            results["cases"][one_in] = in_memory(file, request(file, EVERYDAY), repeats)
        traded = Path(folder) / "traded.parquet"
        slow = market(1_000_000, 660, symbols, spacing_ns=1_000_000)
        slow.write_parquet(traded, row_group_size=CHUNK)
        results["traded"] = in_memory(traded, request(traded, EAGER, latency_ms=0.0), repeats)
        results["peer"] = peer(traded)
        rare = Path(folder) / f"{CASES[0]}.parquet"
        results["file"] = from_file(rare)
        results["memory"] = []
        for factor in (1, 4):
            longer = Path(folder) / f"long{factor}.parquet"
            market(quotes * factor, CASES[0], symbols).write_parquet(longer, row_group_size=CHUNK)
            results["memory"].append(from_file(longer, peak_only=True))
            longer.unlink()
    return results


def peer(file: Path) -> dict[str, Any] | None:
    """Run the trading case in NautilusTrader; None where it is not installed."""
    if not PEER_PYTHON.is_file():
        return None
    script = Path(__file__).with_name("peer_nautilus.py")
    out = subprocess.run([PEER_PYTHON, script, file], check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(out.stdout.splitlines()[-1])
    return result


def table(results: dict[str, Any]) -> str:
    return "\n".join(told(results))


def told(results: dict[str, Any]) -> list[str]:
    lines = []
    for one_in, case in results["cases"].items():
        rate = case["quotes"] / case["cpu_seconds"]
        lines.append(
            f"1 in {one_in:>6}: {rate / 1e6:6.2f} million quotes/s of one core "
            f"({case['quotes'] / case['seconds'] / 1e6:.2f} by the clock), {case['times']:.0f} x the plain loop "
            f"({1 / case['plain'] / 1e6:.2f} million/s; {min(case['every_times']):.0f} to "
            f"{max(case['every_times']):.0f} in {len(case['every_times'])} turns); {case['candidates']} candidates, "
            f"{case['signals']} signals, {case['trades']} trades"
        )
    first = next(iter(results["cases"].values()))
    rate = first["quotes"] / first["cpu_seconds"]
    reached = rate >= WANTED_PER_SECOND and first["times"] >= WANTED_TIMES
    lines.append(
        f"wanted in the first case: {WANTED_PER_SECOND / 1e6:.0f} million/s and {WANTED_TIMES} x: "
        + ("reached" if reached else "NOT reached")
    )
    traded = results["traded"]
    lines.append(
        f"trading: {traded['trades']} two-leg trades in {traded['quotes']} quotes took "
        f"{traded['seconds']:.2f} s ({traded['quotes'] / traded['seconds'] / 1e6:.2f} million "
        f"quotes/s, {1e6 * traded['seconds'] / max(traded['trades'], 1):.0f} us a trade)"
    )
    if results["peer"] is None:
        lines.append("NautilusTrader is not installed: `make bench-peers` does it")
    else:
        other = results["peer"]
        times = other["cpu_seconds"] / traded["cpu_seconds"]
        lines.append(
            f"NautilusTrader {other['version']}: {other['pairs']} two-leg trades in "
            f"{other['quotes']} quotes, {other['cpu_seconds']:.1f} s of CPU against "
            f"{traded['cpu_seconds']:.1f} s here: {times:.1f} x (wanted {WANTED_OVER_PEER})"
        )
    file = results["file"]
    lines.append(
        f"from Parquet, all cores reading: {file['rows'] / file['run'] / 1e6:.2f} million rows/s, "
        f"survey before it {file['survey']:.2f} s"
    )
    lines += [
        f"peak memory over {memory['rows']} rows: {memory['peak_mb']:.0f} MB"
        for memory in results["memory"]
    ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quotes", type=int, default=4_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--symbols", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = measure(options.quotes, options.repeats, options.symbols)
    print(json.dumps(results, indent=2) if options.json else table(results))


if __name__ == "__main__":
    main()

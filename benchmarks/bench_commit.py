"""What the durable commit adds between a decision and its orders.

The intents of real trades (signal, trade, two orders, their balances) go through the real journal
into an embedded PostgreSQL with its default settings, one at a time and many at once. Baselines of
the same run, on the same disk: a transaction of one small row over the same driver, and a write of
4 KiB to a file with fsync.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from arbiter.kernels.warm import warm
from arbiter.model.changes import Changes
from arbiter.model.errors import ArbiterError
from arbiter.model.events import Event
from arbiter.model.money import use_wide_context
from arbiter.storage import migrate
from arbiter.storage.embedded import EmbeddedServer
from arbiter.storage.journal import PgJournal
from benchmarks.latency_core import make_core
from benchmarks.latency_wire import CALM, SIZE, SLOTS, WIDE

Intent = tuple[tuple[Event, ...], Changes]
TOGETHER = 50
"""Intents appended at once in the group measurement."""


class Captured:
    """A journal that keeps what has to be durable before anything is sent."""

    healthy = True

    def __init__(self) -> None:
        self.intents: list[Intent] = []

    def append(
        self,
        events: Sequence[Event],
        changes: Changes,
        then: Callable[[], None] | None = None,
    ) -> None:
        if then is not None:
            self.intents.append((tuple(events), changes))


def drop(work: Coroutine[Any, Any, None]) -> None:
    work.close()


def capture(count: int) -> list[Intent]:
    """Let the core decide on `count` spreads; none is ever sent."""
    journal = Captured()
    core, outbox = make_core({}, journal)
    outbox.open(core, drop)
    for slot in range(SLOTS):
        core.on_quote(slot, *CALM, SIZE, SIZE, 0, time.time_ns())
    for slot in range(count):
        core.on_quote(slot, *WIDE, SIZE, SIZE, 0, time.time_ns())
        core.on_quote(slot, *CALM, SIZE, SIZE, 0, time.time_ns())
    return journal.intents[:count]


async def commit(journal: PgJournal, intents: Sequence[Intent]) -> float:
    """Append all at once and wait for the last; gives microseconds."""
    done = asyncio.Event()
    start = time.perf_counter_ns()
    for number, (events, changes) in enumerate(intents, 1):
        journal.append(events, changes, done.set if number == len(intents) else None)
    await done.wait()
    return (time.perf_counter_ns() - start) / 1_000


async def small_row(connection: Any, number: int) -> float:
    start = time.perf_counter_ns()
    async with connection.transaction():
        await connection.execute("INSERT INTO small VALUES ($1)", number)
    return (time.perf_counter_ns() - start) / 1_000


def flushed_write(file: int) -> float:
    start = time.perf_counter_ns()
    os.pwrite(file, bytes(4096), 0)
    os.fsync(file)
    return (time.perf_counter_ns() - start) / 1_000


def fail(error: ArbiterError) -> None:
    raise SystemExit(str(error))


async def measure_at(folder: Path, rounds: int) -> dict[str, float]:
    """Measure on a server of its own in `folder`."""
    intents = capture(min(rounds, SLOTS - TOGETHER))
    group, single = intents[:TOGETHER], intents[TOGETHER:]
    took: dict[str, list[float]] = {"intent": [], "small_row": [], "fsync": []}
    server = EmbeddedServer(folder / "postgres")
    url = await server.start()
    file = os.open(folder / "flushed", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        await migrate.upgrade(url)
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE TABLE small (number bigint PRIMARY KEY)")
        journal = PgJournal(url, on_fatal=fail)
        await journal.open()
        writing = asyncio.create_task(journal.run())
        for number, intent in enumerate(single):
            took["fsync"].append(flushed_write(file))
            took["small_row"].append(await small_row(connection, number))
            took["intent"].append(await commit(journal, [intent]))
        together = await commit(journal, group)
        await journal.drain()
        writing.cancel()
        await journal.close()
        await connection.close()
    finally:
        os.close(file)
        await server.destroy()
    figures = {"intents": float(len(single)), "together_us_each": together / len(group)}
    for name, values in took.items():
        cuts = statistics.quantiles(values, n=100)
        figures |= {f"{name}_p50_us": cuts[49], f"{name}_p99_us": cuts[98]}
    for name in ("p50", "p99"):
        figures[f"{name}_ratio"] = figures[f"intent_{name}_us"] / figures[f"small_row_{name}_us"]
    return figures


def measure(*, rounds: int = 550) -> dict[str, float]:
    """Measure all; microseconds, and ratios to the small row."""
    warm()
    use_wide_context()
    with tempfile.TemporaryDirectory(prefix="arbiter-bench-") as folder:
        return uvloop.run(measure_at(Path(folder), rounds))


def table(figures: dict[str, float]) -> str:
    """Write the figures for people."""
    rows = [
        ("write of 4 KiB and fsync", "fsync"),
        ("transaction of one small row", "small_row"),
        ("a trade's intents, durable", "intent"),
    ]
    lines = ["What the durable commit adds", f"  {'':<34}{'p50':>10}{'p99':>10}"]
    for label, name in rows:
        p50, p99 = figures[f"{name}_p50_us"], figures[f"{name}_p99_us"]
        lines.append(f"  {label:<34}{p50:>7.0f} us{p99:>7.0f} us")
    lines += [
        f"  {'intents / small row':<34}{figures['p50_ratio']:>10.2f}{figures['p99_ratio']:>10.2f}",
        f"  {f'each of {TOGETHER} trades at once':<34}{figures['together_us_each']:>7.0f} us",
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Measure and print; `--json` prints the figures alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--rounds", type=int, default=550, help="trades committed")
    options = parser.parse_args(argv)
    figures = measure(rounds=options.rounds)
    print(json.dumps(figures, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()

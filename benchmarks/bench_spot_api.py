"""The spot API under load: first page of many trades, and what many listeners cost the engine.

* `first_page_p95_ms`: GET /trades over a socket with 100,000 trades in the database.
* `alone_p99_us` and `watched_p99_us`: from the quote that opened a spread to the first order's
  departure, commit included, without and with 100 WebSocket clients at 10 updates a second each.
  Phases alternate, so that a busy machine slows both alike.

Clients run in a process of their own.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from arbiter.model.changes import Changes
from arbiter.model.events import Event, OrderSent, TradeOpened
from arbiter.model.orders import Side
from arbiter.storage.embedded import EmbeddedServer
from tests.surfaces.spot.harness import LiveEngine

TRADES = 100_000
SUBSCRIBERS = 100
WANTED_PAGE_MS = 50.0
WANTED_RATIO = 1.5

BUSY = {
    "ARBITER__SIM__SYMBOLS": "50",
    "ARBITER__SIM__QUOTES_PER_SECOND": "2000",
    "ARBITER__SIM__DISLOCATIONS__PER_MINUTE": "600",
    "ARBITER__SIM__DEPTH_USD": "100000",
    "ARBITER__SIM__STARTING_QUOTE": "100000000",
    "ARBITER__SIM__STARTING_BASE_USD": "100000000",
    "ARBITER__SPOT__COOLDOWN_SECONDS": "0.5",
    "ARBITER__SPOT__MAX_TRADES_PER_HOUR": "100000",
    "ARBITER__RISK__MAX_CONCURRENT_TRADES": "100",
    "ARBITER__RISK__MAX_TOTAL_EXPOSURE_USD": "1000000",
    "ARBITER__RISK__DAILY_LOSS_LIMIT_USD": "100000000",
    "ARBITER__RISK__CAPITAL_BASE_USD": "100000000000",
}

_FILL = """
INSERT INTO trades (id, seq, strategy, family, actor, symbol, quote, legs, signal_id, signal_seq,
    min_edge, state, unknown, reason, started_ns, completed_ns, bought, spent, sold, received,
    fees_quote, base_fees, base_fees_value, pnl, started_at)
SELECT gen_random_uuid(), n, 'spot-arbitrage', 'spot', 'strategy:spot-arbitrage',
    (ARRAY['BTC/USDT', 'ETH/USDT', 'SOL/USDT'])[1 + n % 3], 'USDT',
    jsonb_build_array(
        jsonb_build_object('role', 'a', 'instrument', 'BTCUSDT.BINANCE', 'side', 'BUY',
            'size', '0.1', 'limit', '100', 'planned_price', '100', 'order', 'o-a' || n),
        jsonb_build_object('role', 'b', 'instrument', 'BTCUSDT.BYBIT', 'side', 'SELL',
            'size', '0.1', 'limit', '101', 'planned_price', '101', 'order', 'o-b' || n)),
    NULL, n, 0.005, 'COMPLETED', false, '', t, t + 45000000, 0.1, 10, 0.1, 10.1, 0.02, 0, 0,
    0.08, to_timestamp(t / 1e9)
FROM (SELECT n, 1700000000000000000 + n::bigint * 60000000000 AS t
      FROM generate_series(1, $1::bigint) AS n) AS made
"""

_CLIENTS = """
import asyncio, json, sys
from websockets.asyncio.client import connect
async def one(number, port, symbols, counts):
    address = (f"127.0.1.{1 + number // 2}", 0)
    async with connect(f"ws://127.0.0.1:{port}/api/v1/ws", local_addr=address) as talk:
        await talk.send(json.dumps({"type": "subscribe", "channel": "prices",
                                    "symbols": [symbols[number % len(symbols)]]}))
        async for _ in talk:
            counts[number] += 1
async def main():
    port, many, symbols = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")
    counts = [0] * many
    tasks = [asyncio.create_task(one(n, port, symbols, counts)) for n in range(many)]
    await asyncio.sleep(3)
    print("ready", flush=True)
    before = sum(counts)
    await asyncio.to_thread(sys.stdin.readline)
    print(sum(counts) - before, flush=True)
    for task in tasks:
        task.cancel()
asyncio.run(main())
"""


class Stopwatch:
    """Times from a quote's receipt to the first order sent for it; a listener of the hub."""

    def __init__(self, engine: LiveEngine) -> None:
        self._core = engine.running.engine.core
        self._quoted: dict[str, int] = {}
        self.samples_us: list[float] = []

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        del changes
        for event in events:
            if isinstance(event, TradeOpened):
                quotes = [self._core.board.quote(leg.instrument) for leg in event.trade.legs]
                newest = max(quote.receive_ns for quote in quotes if quote is not None)
                for order in event.orders:
                    if order.side is Side.BUY:
                        self._quoted[order.client_order_id] = newest
            elif isinstance(event, OrderSent):
                newest_ns = self._quoted.pop(event.client_order_id, None)
                if newest_ns is not None:
                    self.samples_us.append((event.at_ns - newest_ns) / 1_000)

    def take(self) -> list[float]:
        taken, self.samples_us = self.samples_us, []
        return taken


@contextmanager
def database() -> Iterator[str]:
    """A PostgreSQL of its own that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="arbiter-bench-") as folder:
        Path(folder).chmod(0o755)
        root = Path(folder)
        server = EmbeddedServer(root / "postgres", state_root=root / "state")
        asyncio.run(_start(server))
        try:
            yield server.url_of("postgres")
        finally:
            asyncio.run(server.destroy())


async def _start(server: EmbeddedServer) -> None:
    await server.start()


def p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[18]


def p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def measure(seconds: float = 10.0, rounds: int = 3, calls: int = 200) -> dict[str, float]:
    """Run both; `seconds` is the length of one phase of one round."""
    with database() as url, tempfile.TemporaryDirectory(prefix="arbiter-home-") as folder:
        home = Path(folder)
        home.chmod(0o700)
        engine = LiveEngine(home, url, BUSY).start()
        try:
            figures = _streams(engine, seconds, rounds)
            engine.stop()
            asyncio.run(_fill(url))
            engine.start()
            with engine.client() as client:
                client.post("/trading/stop")
            return figures | _pages(engine, calls)
        finally:
            engine.destroy()


async def _fill(url: str) -> None:
    """Put the trades into the past, in place of those the engine made."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute("DELETE FROM trades")
        await connection.execute(_FILL, TRADES)
        await connection.execute("VACUUM ANALYZE trades")
    finally:
        await connection.close()


def _pages(engine: LiveEngine, calls: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    with engine.client() as client:
        for name, query in (
            ("first_page", {}),
            ("filtered_page", {"symbol": "BTCUSDT", "status": "completed"}),
        ):
            took = [_timed(client, "/trades", query) for _ in range(calls)]
            figures[f"{name}_p50_ms"] = statistics.median(took)
            figures[f"{name}_p95_ms"] = p95(took)
        took = [_timed(client, "/performance", {"start_date": "2023-01-01"}) for _ in range(10)]
        figures["performance_p50_ms"] = statistics.median(took)
    return figures


def _timed(client: httpx.Client, path: str, query: dict[str, str]) -> float:
    began = time.perf_counter()
    answer = client.get(path, params=query)
    took = (time.perf_counter() - began) * 1_000
    assert answer.status_code == 200, answer.text
    return took


def _streams(engine: LiveEngine, seconds: float, rounds: int) -> dict[str, float]:
    watch = Stopwatch(engine)
    engine.do(lambda: engine.running.hub.listen(watch.watch))
    alone: list[float] = []
    watched: list[float] = []
    told = 0.0
    time.sleep(5)
    for _ in range(rounds):
        engine.do(watch.take)
        time.sleep(seconds)
        alone += engine.do(watch.take)
        with _listeners(engine) as listeners:
            engine.do(watch.take)
            time.sleep(seconds)
            watched += engine.do(watch.take)
            told += _count(listeners)
    per_client = told / rounds / seconds / SUBSCRIBERS
    return {
        "alone_samples": len(alone),
        "alone_p50_us": statistics.median(alone),
        "alone_p99_us": p99(alone),
        "watched_samples": len(watched),
        "watched_p50_us": statistics.median(watched),
        "watched_p99_us": p99(watched),
        "watched_over_alone_p99": p99(watched) / p99(alone),
        "updates_per_client_per_s": per_client,
    }


@contextmanager
def _listeners(engine: LiveEngine) -> Iterator[subprocess.Popen[str]]:
    registry = engine.running.engine.core.registry
    names = ",".join(registry.compact_name(symbol) for symbol in registry.symbols)
    process = subprocess.Popen(
        [sys.executable, "-c", _CLIENTS, str(engine.port), str(SUBSCRIBERS), names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _count(process: subprocess.Popen[str]) -> int:
    """Updates received since the clients were ready."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def table(figures: dict[str, Any]) -> str:
    """Write the figures for people."""
    rows = [
        (f"first page of {TRADES:,} trades, p50", "first_page_p50_ms", "ms"),
        (f"  p95 (wanted < {WANTED_PAGE_MS:.0f})", "first_page_p95_ms", "ms"),
        ("filtered first page, p95", "filtered_page_p95_ms", "ms"),
        ("performance over all of them, p50", "performance_p50_ms", "ms"),
        ("quote to order, nobody listening, p50", "alone_p50_us", "µs"),
        ("  p99", "alone_p99_us", "µs"),
        (f"with {SUBSCRIBERS} listeners, p50", "watched_p50_us", "µs"),
        ("  p99", "watched_p99_us", "µs"),
        ("  updates a second each", "updates_per_client_per_s", ""),
        (f"p99 with / without (wanted <= {WANTED_RATIO})", "watched_over_alone_p99", ""),
    ]
    lines = ["The spot API under load"]
    lines += [f"  {label:<44}{figures[key]:>10.1f} {unit}" for label, key, unit in rows]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Measure and print; `--json` prints the figures alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of one phase")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    figures = measure(seconds=options.seconds, rounds=options.rounds)
    print(json.dumps(figures, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()

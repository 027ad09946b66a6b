"""The control API's unary reads, against an empty handler in the same run, beside a busy engine.

* `bare_*`: a grpc.aio server whose one handler returns an empty message, in a process of its own;
  the call carries the same metadata, so that only the server's work differs.
* `beside_*`: the same handler on the engine's own loop, amid its quotes and trades: what a call
  costs before this API does anything.
* one row per read: p50 of calls one after the other, and calls a second of 32 at once.
* `alone_p99_us` and `read_p99_us`: from the quote that opened a spread to the first order's
  departure, without and with a client that reads 200 times a second.

Clients run in a process of their own; rounds alternate, so that a busy machine slows all alike.
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
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

import arbiter_pb2 as pb
from arbiter.access.roles import Role
from arbiter.model.ids import Actor
from arbiter_pb2_grpc import MarketServiceStub, TradingServiceStub, UserServiceStub
from benchmarks.bench_spot_api import BUSY, Stopwatch, database, p99
from tests.surfaces.spot.harness import LiveEngine, free_port

WANTED_RATIO = 1.6
USER, CREDENTIAL = "bench", "a credential of the benchmark"
PACE = 200
READS = ("GetArbStatus", "GetPositions", "GetBalances", "GetOrder")

_BARE = """
import asyncio, sys
import grpc.aio
async def main():
    async def empty(request, context):
        return b""
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(empty)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("bench.Empty", {"Call": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()
asyncio.run(main())
"""

_CLIENT = """
import asyncio, json, sys, time
import grpc, grpc.aio
import arbiter_pb2 as pb
from arbiter_pb2_grpc import StrategyServiceStub, TradingServiceStub, UserServiceStub
bare, beside, api, user, credential, order, calls, pace = json.loads(sys.argv[1])
EMPTY = "/bench.Empty/Call"

def requests(channel, metadata):
    users, trading, strategy = UserServiceStub(channel), TradingServiceStub(channel), StrategyServiceStub(channel)
    return {
        "GetArbStatus": lambda: strategy.GetArbStatus(pb.GetArbStatusRequest(), metadata=metadata),
        "GetPositions": lambda: users.GetPositions(
            pb.PositionsRequest(exchange=pb.EXCHANGE_KRAKEN, market_id="BTCUSDT"), metadata=metadata),
        "GetBalances": lambda: users.GetBalances(
            pb.BalancesRequest(exchange=pb.EXCHANGE_BINANCE), metadata=metadata),
        "GetOrder": lambda: trading.GetOrder(
            pb.GetOrderRequest(exchange=pb.EXCHANGE_BINANCE, order_id=order), metadata=metadata),
    }

async def one_by_one(call, many):
    took = []
    for _ in range(many):
        began = time.perf_counter()
        await call()
        took.append((time.perf_counter() - began) * 1e6)
    return took

async def at_once(call, many, width=32):
    async def some():
        for _ in range(many // width):
            await call()
    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(width)))
    return many // width * width / (time.perf_counter() - began)

async def main():
    async with grpc.aio.insecure_channel(f"127.0.0.1:{bare}") as a, \\
               grpc.aio.insecure_channel(f"127.0.0.1:{beside}") as b, \\
               grpc.aio.insecure_channel(f"127.0.0.1:{api}") as c:
        given = await UserServiceStub(c).Authenticate(pb.AuthRequest(user_id=user, credential=credential))
        metadata = (("authorization", "Bearer " + given.access_token),)
        one, two = a.unary_unary(EMPTY), b.unary_unary(EMPTY)
        reads = {
            "bare": lambda: one(b"", metadata=metadata),
            "beside": lambda: two(b"", metadata=metadata),
        } | requests(c, metadata)
        if pace:
            while True:
                await reads["GetPositions"]()
                await asyncio.sleep(1 / pace)
        for call in reads.values():
            await one_by_one(call, 50)
        took, rates = {n: [] for n in reads}, {n: [] for n in reads}
        for _ in range(5):
            for name, call in reads.items():
                took[name] += await one_by_one(call, calls // 5)
            for name, call in reads.items():
                rates[name].append(await at_once(call, calls // 5))
        print(json.dumps([took, rates]))
asyncio.run(main())
"""


def measure(calls: int = 2_500, seconds: float = 20.0, rounds: int = 2) -> dict[str, float]:
    """Run it; `calls` of each kind, phases of `seconds` for the engine's own latency."""
    port = free_port()
    changes = BUSY | {
        "ARBITER__LISTEN__CONTROL_ENABLED": "true",
        "ARBITER__LISTEN__CONTROL_PORT": str(port),
    }
    with database() as url, tempfile.TemporaryDirectory(prefix="arbiter-home-") as folder:
        home = Path(folder)
        home.chmod(0o700)
        engine = LiveEngine(home, url, changes).start()
        try:
            access = engine.running.access
            engine.wait_for(access.add_user(Actor("bench"), USER, Role.TRADER, CREDENTIAL))
            with _bare() as bare:
                beside = engine.wait_for(_serve_empty())
                ports = [bare, beside[1], port]
                order = _resting_order(port)
                figures = _reads([*ports, USER, CREDENTIAL, order, calls, 0])
                figures |= _engine(
                    engine, [*ports, USER, CREDENTIAL, order, 0, PACE], seconds, rounds
                )
                engine.wait_for(beside[0].stop(None))
            return figures
        finally:
            engine.destroy()


async def _serve_empty() -> tuple[grpc.aio.Server, int]:
    async def empty(request: bytes, context: object) -> bytes:
        return b""

    server = grpc.aio.server()
    handler: Any = grpc.unary_unary_rpc_method_handler(empty)
    handlers = grpc.method_handlers_generic_handler("bench.Empty", {"Call": handler})
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


@contextmanager
def _bare() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", _BARE], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def _resting_order(port: int) -> str:
    """An order that stays open: far below the market."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        signing = pb.AuthRequest(user_id=USER, credential=CREDENTIAL)
        token = UserServiceStub(channel).Authenticate(signing).access_token
        metadata = (("authorization", f"Bearer {token}"),)
        venue, market = pb.EXCHANGE_BINANCE, "BTCUSDT"
        asked = pb.GetOrderBookRequest(exchange=venue, market_id=market)
        book = MarketServiceStub(channel).GetOrderBook(asked, metadata=metadata)
        price = float(round(book.bids[0].price / 2))
        wanted = pb.PlaceOrderRequest(
            exchange=venue, market_id=market, side=pb.SIDE_BUY, size=0.01, price=price
        )
        placed = TradingServiceStub(channel).PlaceOrder(wanted, metadata=metadata)
        assert placed.status == pb.ORDER_STATUS_OPEN, placed.message
        return str(placed.order_id)


def _reads(arguments: list[Any]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _CLIENT, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    took, rates = json.loads(done.stdout)
    figures: dict[str, float] = {}
    for name in took:
        figures[f"{name}_p50_us"] = statistics.median(took[name])
        figures[f"{name}_p99_us"] = p99(took[name])
        figures[f"{name}_per_s"] = statistics.median(rates[name])
    for name in READS:
        figures[f"{name}_over_bare"] = figures[f"{name}_p50_us"] / figures["bare_p50_us"]
        figures[f"{name}_over_beside"] = figures[f"{name}_p50_us"] / figures["beside_p50_us"]
    return figures


def _engine(
    engine: LiveEngine, arguments: list[Any], seconds: float, rounds: int
) -> dict[str, float]:
    watch = Stopwatch(engine)
    engine.do(lambda: engine.running.hub.listen(watch.watch))
    alone: list[float] = []
    read: list[float] = []
    for _ in range(rounds):
        engine.do(watch.take)
        time.sleep(seconds)
        alone += engine.do(watch.take)
        process = subprocess.Popen([sys.executable, "-c", _CLIENT, json.dumps(arguments)])
        time.sleep(1.5)
        engine.do(watch.take)
        time.sleep(seconds)
        read += engine.do(watch.take)
        assert process.poll() is None, "the reading client ended early"
        process.terminate()
        process.wait()
    return {
        "alone_samples": len(alone),
        "alone_p50_us": statistics.median(alone),
        "alone_p99_us": p99(alone),
        "read_samples": len(read),
        "read_p50_us": statistics.median(read),
        "read_p99_us": p99(read),
    }


def table(figures: dict[str, Any]) -> str:
    """Write the figures for people."""
    lines = [
        f"The control API's reads (wanted: p50 at most {WANTED_RATIO} times an empty handler's)",
        f"  {'':<34}{'p50 µs':>9}{'p99 µs':>9}{'calls/s':>9}{'/ bare':>8}{'/ beside':>9}",
    ]
    names = {"bare": "empty handler, own process", "beside": "empty handler, engine's loop"}
    for name in ("bare", "beside", *READS):
        row = f"  {names.get(name, name):<34}{figures[f'{name}_p50_us']:>9.0f}"
        row += f"{figures[f'{name}_p99_us']:>9.0f}{figures[f'{name}_per_s']:>9.0f}"
        if name in READS:
            row += f"{figures[f'{name}_over_bare']:>8.2f}{figures[f'{name}_over_beside']:>9.2f}"
        lines.append(row)
    for label, key in (("nobody reading", "alone"), (f"{PACE} reads a second", "read")):
        row = f"quote to order, {label}: p50 {figures[f'{key}_p50_us']:.0f} µs"
        lines.append(f"  {row}, p99 {figures[f'{key}_p99_us']:.0f} µs")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Measure and print; `--json` prints the figures alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--calls", type=int, default=2_500, help="of each kind")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of one phase")
    options = parser.parse_args(argv)
    figures = measure(calls=options.calls, seconds=options.seconds)
    print(json.dumps(figures, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()

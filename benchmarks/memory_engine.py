"""The engine of the memory benchmark: trades for a while, then says what it takes up.

``python -m benchmarks.memory_engine SECONDS`` on ARBITER_HOME prints one JSON object.
"""

import asyncio
import json
import os
import sys

import psutil
import uvloop

import arbiter.cli.main
from arbiter.app.bootstrap import run_engine
from arbiter.app.config import load
from arbiter.app.running import Running


async def main(seconds: float) -> int:
    """Run, weigh and stop; gives the exit code."""
    stop = asyncio.Event()

    def weigh(running: Running) -> None:
        memory = psutil.Process().memory_full_info()
        print(
            json.dumps(
                {
                    "rss": memory.rss,
                    "uss": memory.uss,
                    "instruments": len(running.engine.core.registry.instruments),
                    "quotes": running.engine.core.board.quotes_total,
                    "trades": running.engine.core.ledger.next_trade_seq - 1,
                    "modules": sorted(sys.modules),
                    "command": arbiter.cli.main.__name__,
                }
            ),
            flush=True,
        )
        stop.set()

    def ready(running: Running) -> None:
        asyncio.get_running_loop().call_later(seconds, weigh, running)

    return await run_engine(
        load(environment=os.environ).settings,
        stop=stop,
        environment=os.environ,
        on_ready=ready,
    )


if __name__ == "__main__":
    sys.exit(uvloop.run(main(float(sys.argv[1]))))

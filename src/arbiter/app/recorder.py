"""`arbiter record`: the feeds of a mode, written down instead of traded on."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from arbiter.app.config import Settings
from arbiter.app.sim_world import connect_sim
from arbiter.backtest.recording import QuoteRecorder
from arbiter.runtime.clock import SystemClock

REPORT_S = 0.5


async def record(
    settings: Settings,
    folder: Path,
    *,
    stop: asyncio.Event,
    seconds: float | None = None,
    max_rows: int = 1_000_000,
    max_seconds: float = 600.0,
    on_progress: Callable[[int], None] = lambda _rows: None,
) -> QuoteRecorder:
    """Record until `stop` is set or `seconds` have passed; gives the closed recorder.

    Simulated venues that were not running are started, and stopped afterwards.
    """
    settings.home.prepare()
    clock = SystemClock()
    world, venues = await connect_sim(settings.home.root, settings.sim.record(), clock)
    recorder = QuoteRecorder(folder, world.registry, max_rows=max_rows, max_seconds=max_seconds)
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(feed.run(recorder), name=f"feed {number}")
                for number, feed in enumerate(world.feeds)
            ]
            running.append(tasks.create_task(_tell(recorder, on_progress), name="progress"))
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await stop.wait()
            for task in running:
                task.cancel()
    finally:
        recorder.close()
        if not venues.adopted:
            await asyncio.to_thread(venues.stop)
    return recorder


async def _tell(recorder: QuoteRecorder, on_progress: Callable[[int], None]) -> None:
    while True:
        on_progress(recorder.rows)
        await asyncio.sleep(REPORT_S)

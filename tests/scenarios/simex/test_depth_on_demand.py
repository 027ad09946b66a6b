"""Depth of real venues' markets, followed over sockets while somebody looks."""

import asyncio

import pytest

from arbiter.app.config import Settings, load
from arbiter.app.real_world import connect_paper
from arbiter.runtime.clock import SystemClock
from arbiter.runtime.depth_watch import DepthWatch
from arbiter.simex.settings import SimexSettings
from tests.scenarios.simex.conftest import Serve, Served

VENUES = {"binance": "binance", "bybit": "bybit", "binance_futures": "binance_futures"}


def settings(served: Served, home: str) -> Settings:
    flags: dict[str, object] = {
        "engine.mode": "paper",
        "engine.home": home,
        "venues.enabled": list(VENUES),
        "venues.symbols": ["ETH/USDT"],
        "venues.rest": {v: served.lines[at]["rest"] for v, at in VENUES.items()},
        "venues.stream": {v: served.lines[at]["ws"] for v, at in VENUES.items()},
    }
    given = {path: ("flag", value) for path, value in flags.items()}
    return load(environment={}, flags=given, file=None).settings


async def test_depth_is_followed_while_looked_at_and_then_let_go(
    serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> None:
    served = await serve(SimexSettings(venues=tuple(VENUES), symbols=3))
    home = tmp_path_factory.mktemp("paper")
    clock = SystemClock()
    world, real = await connect_paper(settings(served, str(home)), clock, lambda _v, _ms: None)
    watch = DepthWatch(world.depth, clock)
    task = asyncio.create_task(watch.run())
    try:
        for instrument in world.registry.instruments:
            book = await watch.first(instrument.id)
            assert book is not None, instrument.id
            assert len(book.bids) > 3
            assert book.bids[0][0] < book.asks[0][0]
            assert list(book.bids) == sorted(book.bids, reverse=True)
            assert list(book.asks) == sorted(book.asks)
        for server in served.simex.servers.values():
            assert len(server.hub.connections) == 1, "one connection for the one market looked at"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await real.aclose()

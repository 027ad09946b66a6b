"""Simulated venues as real processes, each in a data folder of its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from arbiter.markets.event_settings import EventMarketSettings
from arbiter.markets.settings import DislocationSettings, MarketSettings, PathSettings
from arbiter.matching.latency import LatencySettings
from arbiter.model.errors import NO_ANSWER
from arbiter.model.money import use_wide_context
from arbiter.venues.sim.settings import SimSettings
from arbiter.venues.sim.spawn import SimHandle, ensure_running

Starter = Callable[..., SimHandle]
T = TypeVar("T")

CALM = SimSettings(
    markets=MarketSettings(
        symbols=3,
        quotes_per_second=400.0,
        depth_usd=50.0,
        depth_dispersion=0.0,
        path=PathSettings(market_volatility=0.0, own_volatility=0.0, trend_share=0.0),
        dislocations=DislocationSettings(per_minute=0.0),
    ),
    latency=LatencySettings(order_ms=1.0, report_ms=1.0, jitter=0.5),
    events=EventMarketSettings(enabled=False),
)
"""Three symbols on four venues whose prices stand still and whose books show 50 USDT."""


class SystemClock:
    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


async def answered(ask: Callable[[], Awaitable[T]], limit_s: float = 60.0) -> T:
    """Ask until there is an answer, for clients whose patience a busy machine may exhaust."""
    async with asyncio.timeout(limit_s):
        while True:
            with suppress(*NO_ANSWER):
                return await ask()


@pytest.fixture(autouse=True)
def _exact_sums() -> None:
    use_wide_context()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def start(home: Path) -> Iterator[Starter]:
    """Start or adopt; whatever was started is ended after the test."""
    handles: list[SimHandle] = []

    def starter(settings: SimSettings = CALM) -> SimHandle:
        handle = ensure_running(home, settings)
        handles.append(handle)
        return handle

    yield starter
    for handle in handles:
        handle.kill()

"""A random mix of every fault, from a seed: what `make chaos` and the fixed seeds run."""

import logging
import random
from collections import Counter

import msgspec
import structlog

from arbiter.execution.settings import ExecutionSettings, LegOrder
from arbiter.matching.faults import Fault, FaultRates, Window
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.time import NS_PER_MS, NS_PER_S
from tests.chaos.listings import VENUES
from tests.chaos.world import World, WorldSettings

LENGTH_S = 60
_LASTING = (
    Fault.BLACKHOLE,
    Fault.STALL,
    Fault.MAINTENANCE,
    Fault.CLOCK_OFFSET,
    Fault.DELISTING,
)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    seed: int
    violations: tuple[str, ...]
    trades: int
    states: dict[str, int]
    faults: dict[str, int]
    alerts: dict[str, int]
    flat_after_ms: tuple[int, ...]
    crashes: int


def settings_of(seed: int) -> WorldSettings:
    """Draw which faults there are and how often, so that no two seeds are alike."""
    draw = random.Random(seed ^ 0x5EED)

    def often(most: float) -> float:
        return draw.random() * most if draw.random() < 0.6 else 0.0

    windows: dict[VenueId, tuple[Window, ...]] = {}
    for venue in VENUES:
        chosen = [fault for fault in _LASTING if draw.random() < 0.25]
        windows[venue] = tuple(_window(fault, venue, draw) for fault in chosen)
    sequential = draw.random() < 0.3
    return WorldSettings(
        rates=FaultRates(
            delay=often(0.1),
            delay_ms=draw.choice((200.0, 1_500.0, 8_000.0, 60_000.0)),
            drop_request=often(0.05),
            drop_response=often(0.08),
            duplicate=often(0.05),
            reorder=often(0.2),
            rate_limited=often(0.05),
            server_error=often(0.08),
            partial_fill=often(0.4),
            fill_after_end=often(0.2),
            fill_before_ack=often(0.2),
            drop_report=often(0.1),
            gap=often(0.1),
            crossed=often(0.05),
        ),
        windows=windows,
        execution=ExecutionSettings(
            flat_ms=20_000,
            leg_order=LegOrder.SEQUENTIAL if sequential else LegOrder.PARALLEL,
        ),
        external_per_minute=often(4.0),
        journal_outages_per_minute=often(3.0),
    )


def hush() -> None:
    """Keep the engines' own log out of a long run's report."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def run_seed(seed: int) -> Outcome:
    """Trade for a minute under faults and crashes, heal, and check what must hold."""
    draw = random.Random(seed ^ 0xC4A54)
    world = World(seed, settings_of(seed))
    crashes = draw.choice((0, 1, 1, 2, 3))
    try:
        world.start()
        for _ in range(crashes):
            world.run(draw.uniform(0.2, 1.5) * LENGTH_S / (crashes + 1))
            world.crash()
            if draw.random() < 0.3:
                world.run(draw.uniform(0, 20))
            world.start()
        world.run(LENGTH_S / (crashes + 1))
        world.settle()
        world.check_rest()
        world.check_restart()
        faults: Counter[Fault] = Counter()
        for venue in world.venues.values():
            faults += venue.faults.counts
            wrong = [w for w in venue.faults.windows if w.fault is Fault.CLOCK_OFFSET]
            faults[Fault.CLOCK_OFFSET] += len(wrong)
        ledger = world.engine.ledger
        return Outcome(
            seed=seed,
            violations=tuple(world.violations),
            trades=ledger.next_trade_seq - 1,
            states=dict(Counter(str(t.state) for t in ledger.closed_trades.values())),
            faults={str(kind): count for kind, count in sorted(faults.items())},
            alerts=dict(world.alerts),
            flat_after_ms=tuple(ns // NS_PER_MS for ns in world.flat_after_ns),
            crashes=crashes,
        )
    finally:
        world.close()


def _window(fault: Fault, venue: VenueId, draw: random.Random) -> Window:
    start = int(draw.uniform(5, LENGTH_S - 5) * NS_PER_S)
    if fault is Fault.CLOCK_OFFSET:
        offset = int(draw.uniform(-3, 3) * NS_PER_S)
        return Window(fault=fault, start_ns=0, end_ns=10**18, offset_ns=offset)
    if fault is Fault.DELISTING:
        return Window(
            fault=fault,
            start_ns=start,
            end_ns=10**18,
            instrument=InstrumentId(f"ETHUSDT.{venue.upper()}"),
        )
    return Window(
        fault=fault,
        start_ns=start,
        end_ns=start + int(draw.uniform(1, 40) * NS_PER_S),
    )

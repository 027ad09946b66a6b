"""`kill -9` right before and right after every transaction of trades that go well and badly."""

import asyncio

import msgspec
import pytest

from arbiter.execution.settings import ExecutionSettings, LegOrder
from arbiter.matching.faults import Fault, FaultRates, Scripted
from tests.chaos.world import World, WorldSettings

CALM = WorldSettings(dislocation=0.05, bases=("BTC",), cooldown_s=0.2)
SEQUENTIAL = msgspec.structs.replace(
    CALM, execution=ExecutionSettings(flat_ms=20_000, leg_order=LegOrder.SEQUENTIAL)
)
THIN = msgspec.structs.replace(CALM, rates=FaultRates(partial_fill=0.7))
SILENT = msgspec.structs.replace(CALM, rates=FaultRates(drop_report=0.5))
LOST = (Scripted("submit", 2, Fault.DROP_REQUEST), Scripted("submit", 3, Fault.DROP_RESPONSE))

HISTORIES: dict[str, tuple[WorldSettings, tuple[Scripted, ...]]] = {
    "both legs at once": (CALM, ()),
    "one leg after the other": (SEQUENTIAL, ()),
    "thin books": (THIN, ()),
    "no word from the stream": (SILENT, ()),
    "requests and answers lost": (CALM, LOST),
}
TRANSACTIONS = 40
POINTS = [
    pytest.param(name, first, id=f"{name}, from transaction {first}")
    for name in HISTORIES
    for first in range(4, TRANSACTIONS, 6)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "first"), POINTS)
def test_a_crash_at_any_transaction_loses_and_doubles_nothing(name: str, first: int) -> None:
    for number in range(first, first + 6):
        for durable in (False, True):
            assert _crash_at(name, number, durable) == [], (
                f"{name}: crash {'after' if durable else 'before'} transaction {number}"
            )


def test_the_points_are_many_and_lie_within_trades() -> None:
    assert len(POINTS) * 6 * 2 >= 200
    for name in HISTORIES:
        world, _ = _world(name)
        try:
            world.start()
            world.run(30)
            assert len(world.durable.batches) > TRANSACTIONS, name
            assert world.engine.ledger.next_trade_seq > 3, name
        finally:
            world.close()


def _world(name: str) -> tuple[World, asyncio.Event]:
    settings, script = HISTORIES[name]
    world = World(7, settings)
    for venue in world.venues.values():
        venue.faults.follow(script)
    return world, asyncio.Event()


def _crash_at(name: str, number: int, durable: bool) -> list[str]:
    world, crashed = _world(name)

    def power_cut(batch: int, committed: bool) -> None:
        if (batch, committed) == (number, durable) and not crashed.is_set():
            world.engine.die()
            crashed.set()

    world.on_commit = power_cut
    try:
        _ = world.engine.start()
        world.loop.run_until_complete(asyncio.wait_for(crashed.wait(), 120))
        world.crash()
        world.start()
        world.run(3)
        world.settle()
        world.check_rest()
        world.check_restart()
        return world.violations
    finally:
        world.close()

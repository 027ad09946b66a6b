"""The schema: committed as made and served, and kept to by every answer however it is asked for."""

import asyncio
import json
from pathlib import Path

import pytest

from arbiter.api.desk import schema
from arbiter.model.events import KillSwitchReleased
from arbiter.model.ids import Actor
from arbiter.model.orders import Side
from tests.surfaces.desk.world import MANUAL, World
from tests.surfaces.probing import operations, probe

COMMITTED = Path(__file__).parents[3] / "contracts" / "desk-openapi.json"
ITEMS = {
    ("get", "/api/trading/strategies"),
    ("get", "/api/trading/orders"),
    ("get", "/api/trading/orders/{client_order_id}"),
    ("get", "/api/trading/orders/{client_order_id}/fills"),
    ("get", "/api/trading/orders/{client_order_id}/deny-reason"),
    ("get", "/api/trading/fills"),
    ("get", "/api/trading/fills/summary"),
    ("get", "/api/trading/positions"),
    ("get", "/api/trading/summary"),
    ("get", "/api/trading/audit"),
    ("get", "/api/budget/registry"),
    ("get", "/api/budget/{strategy_id}"),
    ("put", "/api/budget/{strategy_id}/{currency}"),
    ("delete", "/api/budget/{strategy_id}/{currency}"),
    ("get", "/api/budget/{strategy_id}/pnl/realized"),
    ("get", "/health"),
}
EXAMPLES = 25


def test_committed_schema_is_the_one_of_the_code() -> None:
    assert COMMITTED.read_text() == schema.text(), (
        "run: python -m arbiter.api.desk.schema > contracts/desk-openapi.json"
    )


async def test_committed_schema_is_the_one_served(desk: World) -> None:
    assert await desk.get("/openapi.json") == json.loads(COMMITTED.read_text())


def test_schema_holds_every_item_of_the_contract() -> None:
    paths = json.loads(COMMITTED.read_text())["paths"]
    there = {(method, path) for path, methods in paths.items() for method in methods}
    assert there >= ITEMS
    assert all(path.startswith("/api/desk/") for _, path in there - ITEMS)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_call_finds_a_fault_or_an_undocumented_shape(desk: World) -> None:
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.1)
    for order in await desk.arbitrage():
        desk.complete(order)
    desk.propose(MANUAL, Side.BUY, "2000", "100.1")
    await desk.settled()
    called = 0
    for operation in operations(COMMITTED):
        called += await asyncio.to_thread(probe, operation, desk.base, EXAMPLES)
        if desk.ledger.kill_switch.engaged:
            released = KillSwitchReleased(at_ns=desk.clock.now_ns(), actor=Actor("test"))
            desk.core.recorder.record(released)
    assert called > len(ITEMS) * 10

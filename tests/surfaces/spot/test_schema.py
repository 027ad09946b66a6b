"""The schema: committed as served, and kept to by every answer however it is asked for."""

import json
from pathlib import Path

import httpx
import pytest

from arbiter.api.spot import schema
from arbiter.model.commands import ReleaseKillSwitch
from arbiter.model.ids import Actor
from tests.surfaces.probing import operations, probe
from tests.surfaces.spot.harness import LiveEngine

COMMITTED = Path(__file__).parents[3] / "contracts" / "spot-openapi.json"
ITEMS = {
    ("post", "/api/v1/auth/login"),
    ("get", "/api/v1/status"),
    ("get", "/api/v1/health"),
    ("post", "/api/v1/trading/start"),
    ("post", "/api/v1/trading/stop"),
    ("get", "/api/v1/trading/config"),
    ("put", "/api/v1/trading/config"),
    ("get", "/api/v1/prices/current"),
    ("get", "/api/v1/prices/history"),
    ("get", "/api/v1/spreads/current"),
    ("get", "/api/v1/trades"),
    ("get", "/api/v1/trades/{trade_id}"),
    ("get", "/api/v1/signals"),
    ("get", "/api/v1/balances"),
    ("get", "/api/v1/performance"),
    ("post", "/api/v1/batch/trades"),
    ("post", "/api/v1/analytics/query"),
    ("post", "/api/v1/risk/emergency-stop"),
    ("get", "/api/v1/risk/limits"),
}
EXAMPLES = 60


def test_committed_schema_is_the_one_of_the_code() -> None:
    made = schema.text()
    assert COMMITTED.read_text() == made, (
        "run: python -m arbiter.api.spot.schema > contracts/spot-openapi.json"
    )


def test_committed_schema_is_the_one_served(engine: LiveEngine) -> None:
    served = httpx.get(f"{engine.base}/openapi.json").json()
    assert served == json.loads(COMMITTED.read_text())


def test_schema_holds_the_items_of_the_contract_and_no_other() -> None:
    paths = json.loads(COMMITTED.read_text())["paths"]
    assert {(method, path) for path, methods in paths.items() for method in methods} == ITEMS


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_call_finds_a_fault_or_an_undocumented_shape(engine: LiveEngine) -> None:
    called = 0
    for operation in operations(COMMITTED):
        called += probe(operation, engine.base, EXAMPLES)
        ledger = engine.running.engine.core.ledger
        if ledger.kill_switch.engaged:
            engine.wait_for(engine.running.bus.execute(ReleaseKillSwitch(actor=Actor("test"))))
    assert called > 19 * 20

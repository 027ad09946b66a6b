"""The schema: committed as made and served, and kept to by every answer however it is asked for."""

import itertools
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from arbiter.api.agents import schema
from tests.scenarios.agents.running import RunningAgents
from tests.surfaces.probing import operations, probe

COMMITTED = Path(__file__).parents[3] / "contracts" / "agents-openapi.json"
ITEMS = {
    ("get", "/"),
    ("get", "/api/v1/health"),
    ("get", "/api/v1/status"),
    ("get", "/api/v1/agents"),
    ("get", "/api/v1/agents/{name}"),
    ("get", "/api/v1/agents/{name}/status"),
    ("get", "/api/v1/positions"),
    ("get", "/api/v1/positions/{symbol}"),
    ("get", "/api/v1/orders"),
    ("post", "/api/v1/orders"),
    ("get", "/api/v1/orders/{order_id}"),
    ("delete", "/api/v1/orders/{order_id}"),
    ("post", "/api/v1/trade/start"),
    ("post", "/api/v1/trade/stop"),
    ("post", "/api/v1/trade/pause"),
    ("post", "/api/v1/trade/resume"),
    ("get", "/api/v1/config"),
    ("patch", "/api/v1/config"),
    ("get", "/api/v1/decisions"),
    ("get", "/api/v1/decisions/stats"),
    ("get", "/api/v1/decisions/{decision_id}"),
    ("get", "/api/v1/decisions/{decision_id}/similar"),
}
EXAMPLES = 40


def test_committed_schema_is_the_one_of_the_code() -> None:
    assert COMMITTED.read_text() == schema.text(), (
        "run: python -m arbiter.api.agents.schema > contracts/agents-openapi.json"
    )


async def test_committed_schema_is_the_one_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).json() == json.loads(COMMITTED.read_text())


def test_schema_holds_the_items_of_the_contract_and_no_other() -> None:
    paths = json.loads(COMMITTED.read_text())["paths"]
    there = {(method, path) for path, methods in paths.items() for method in methods}
    assert there == ITEMS


@pytest.fixture
def agents() -> Iterator[RunningAgents]:
    root = Path(tempfile.mkdtemp(prefix="arbiter-agents-"))
    running = RunningAgents(
        root / f"h{secrets.token_hex(6)}", ARBITER__AGENTS__VOTE_EVERY_SECONDS="2"
    )
    try:
        running.start()
        yield running
    finally:
        running.close()
        shutil.rmtree(root, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_call_finds_a_fault_or_an_undocumented_shape(agents: RunningAgents) -> None:
    session = agents.post("/trade/start", symbol="BTC/USDT", initial_capital=10_000.0)
    order = {"symbol": "BTC/USDT", "side": "BUY", "quantity": 0.01}
    agents.post("/orders", **order, type="MARKET")
    resting = agents.post("/orders", **order, type="LIMIT", price=10.0)
    agents.until(lambda: agents.get("/decisions")["count"] > 0)
    decision = agents.get("/decisions")["decisions"][0]["id"]
    known = {"decision_id": decision, "order_id": resting["order"]["id"], "name": "trend-agent"}
    base = str(agents.client.base_url).removesuffix("/api/v1/")
    numbers = itertools.count(1)

    def name_what_there_is(case: Any) -> None:
        """In every second call."""
        if not next(numbers) % 2:
            return
        parameters = case.path_parameters or {}
        case.path_parameters = {name: known.get(name, value) for name, value in parameters.items()}
        if isinstance(case.body, dict) and "session_id" in case.body:
            case.body["session_id"] = session["session_id"]
        if isinstance(case.body, dict) and "symbol" in case.body:
            case.body["symbol"] = "BTC/USDT"

    called = sum(
        probe(operation, base, EXAMPLES, name_what_there_is) for operation in operations(COMMITTED)
    )
    assert called > len(ITEMS) * 10

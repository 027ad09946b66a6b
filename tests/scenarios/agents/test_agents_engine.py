"""The agents in a whole engine: the published examples, restarts, outages."""

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from arbiter.storage.file_lock import FileLock
from tests.scenarios.agents.running import RunningAgents

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EXAMPLES = Path(__file__).with_name("page_examples.mjs")


@pytest.fixture
def agents() -> Iterator[RunningAgents]:
    root = Path(tempfile.mkdtemp(prefix="arbiter-agents-"))
    running = RunningAgents(root / f"h{secrets.token_hex(6)}")
    try:
        running.start()
        yield running
    finally:
        running.close()
        shutil.rmtree(root, ignore_errors=True)


def start_session(agents: RunningAgents, symbol: str = "BTC/USDT") -> str:
    started = agents.post("/trade/start", symbol=symbol, initial_capital=10_000.0, mode="PAPER")
    session: str = started["session_id"]
    return session


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_pages_own_javascript_runs(agents: RunningAgents) -> None:
    done = subprocess.run(
        ["node", "--experimental-websocket", str(EXAMPLES), str(agents.port), "46000"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for word in (
        "Trading started, session:",
        "Order update:",
        "Position update:",
        "Current positions: [",
        "Order filled at:",
        "Decision: ",
        "(similarity: ",
        "min_confidence: 0.75",
    ):
        assert word in done.stdout, f"{word} is missing:\n{done.stdout}"


def test_the_first_vote_comes_within_thirty_seconds(agents: RunningAgents) -> None:
    session = start_session(agents)

    def voted() -> bool:
        found = agents.get("/decisions", decision_type="consensus")
        return any(each["session_id"] == session for each in found["decisions"])

    agents.until(voted, 30)
    everybody = {
        "technical-agent",
        "orderbook-agent",
        "trend-agent",
        "reversion-agent",
        "arbitrage-agent",
        "orchestrator",
    }

    def names() -> set[str]:
        listed = agents.get("/decisions", limit="500")["decisions"]
        return {each["agent_name"] for each in listed}

    agents.until(lambda: names() >= everybody)
    listed = agents.get("/decisions", limit="500")["decisions"]
    one = agents.get(f"/decisions/{listed[0]['id']}")
    assert len(one["prompt_embedding"]) == 1536
    similar = agents.get(f"/decisions/{listed[0]['id']}/similar", limit="3")
    assert 1 <= similar["count"] <= 3


def let_no_vote_trade(agents: RunningAgents) -> None:
    """Only what the test orders by hand is to change a position."""
    assert agents.client.patch("/config", json={"min_confidence": 1.0}).status_code == 200


def test_everything_of_a_session_survives_kill_9(agents: RunningAgents) -> None:
    let_no_vote_trade(agents)
    session = start_session(agents)
    bought = agents.post("/orders", symbol="BTC/USDT", side="BUY", type="MARKET", quantity=0.02)
    agents.until(
        lambda: agents.get(f"/orders/{bought['order']['id']}")["order"]["status"] == "FILLED"
    )
    resting = agents.post(
        "/orders", symbol="BTC/USDT", side="BUY", type="LIMIT", quantity=0.02, price=30_000.0
    )["order"]["id"]
    agents.until(lambda: agents.get(f"/orders/{resting}")["order"]["exchange_order_id"] is not None)
    assert agents.post("/trade/pause", session_id=session)["message"].startswith("Trading paused")
    (before,) = agents.get("/positions", session_id=session)["positions"]

    agents.kill()
    agents.start()
    let_no_vote_trade(agents)

    (after,) = agents.get("/positions", session_id=session)["positions"]
    moving = {"unrealized_pnl"}
    assert {k: v for k, v in after.items() if k not in moving} == {
        k: v for k, v in before.items() if k not in moving
    }
    assert agents.get(f"/orders/{resting}")["order"]["status"] == "NEW"
    votes = agents.get("/decisions/stats", decision_type="consensus")["total_decisions"]
    cancelled = agents.client.delete(f"/orders/{resting}").json()
    assert cancelled["order"]["status"] == "CANCELED"
    assert agents.get("/decisions/stats", decision_type="consensus")["total_decisions"] == votes
    resumed = agents.post("/trade/resume", session_id=session)
    assert resumed["session_id"] == session
    agents.until(
        lambda: agents.get("/decisions/stats", decision_type="consensus")["total_decisions"] > votes
    )
    ended = agents.post("/trade/stop", session_id=session, final_capital=10_500.0)
    assert (ended["total_pnl"], ended["total_trades"]) == (500, 1)
    assert agents.get("/positions")["count"] == 0
    closed = agents.get("/positions/BTC/USDT")["position"]
    assert closed["exit_price"] is not None
    assert closed["id"] == before["id"]


def postmaster_of(home: Path) -> psutil.Process:
    """The embedded server of a data folder, wherever its data lies."""
    for process in psutil.process_iter(["name", "cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if process.info["name"] == "postgres" and "-D" in line and home.name in line:
            return process
    raise AssertionError("no embedded server runs")


def test_a_stopped_database_shows_and_a_started_one_too(agents: RunningAgents) -> None:
    starting = FileLock(agents.home / "postgres" / "start.lock")
    assert starting.try_acquire(), "whoever would start it again waits until it was seen away"
    try:
        postmaster_of(agents.home).kill()
        agents.until(lambda: agents.get("/status")["components"]["database"] == "unhealthy")
    finally:
        starting.release()
    agents.until(lambda: agents.get("/status")["status"] == "operational")
    assert start_session(agents)

"""A whole engine whose agents ask a language model over HTTP, good and bad."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.openai_server import OpenAiServer, failing, openai_server, risk, signal
from tests.scenarios.agents.running import RunningAgents

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@contextmanager
def gateway() -> Iterator[OpenAiServer]:
    """The server on a loop of its own."""
    made: list[OpenAiServer] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with openai_server(signal("BUY", 0.95, "the model likes it")) as server:
            made.append(server)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield made[0]
    finally:
        over.set()
        thread.join(10)


def test_models_vote_approve_and_are_replaced_by_the_rules_when_they_fail() -> None:
    root = Path(tempfile.mkdtemp(prefix="arbiter-llm-"))
    with gateway() as server:
        agents = RunningAgents(
            root / root.name,
            ARBITER__LLM__BASE_URL=server.url,
            ARBITER__LLM__PRIMARY_MODEL="primary",
            ARBITER__LLM__FALLBACK_MODEL="spare",
            ARBITER__LLM__RETRIES="0",
            ARBITER__LLM__INPUT_PRICES__spare="2",
            ARBITER__LLM__AGENTS="technical-agent,trend-agent,risk-agent",
            ARBITER__AGENTS__VOTE_EVERY_SECONDS="3",
            ARBITER__AGENTS__SCHEDULE__TECHNICAL="3",
            ARBITER__AGENTS__SCHEDULE__TREND="3",
            ARBITER__AGENTS__CONSENSUS="0.3",
        )
        server.by_model["primary"] = lambda: failing(503)
        server.by_model["spare"] = lambda: (
            risk(True, 0.03, "small enough")
            if "risk officer" in str(server.requests[-1]["messages"])
            else signal("BUY", 0.95, "the model likes it")
        )
        try:
            agents.start()
            session = agents.post(
                "/trade/start", symbol="BTC/USDT", initial_capital=10_000.0, mode="PAPER"
            )["session_id"]
            agents.until(lambda: agents.get("/positions", session_id=session)["count"] == 1)
            # What is voted from here on, by whomever, neither closes it nor opens another.
            raised = agents.client.patch("/config", json={"min_confidence": 1.0})
            assert raised.status_code == 200
            (position,) = agents.get("/positions")["positions"]
            assert position["entry_price"] * position["quantity"] <= 320

            def by_spare() -> list[dict[str, Any]]:
                rows: list[dict[str, Any]] = agents.get("/decisions", model="spare")["decisions"]
                return rows

            asked = {"trend-agent", "risk-agent"}  # the trend's may come after the first position
            agents.until(lambda: {each["agent_name"] for each in by_spare()} >= asked)
            newest = by_spare()[0]
            assert newest["prompt_tokens"] == 100
            detail = agents.get(f"/decisions/{newest['id']}")
            assert "[trend-agent.v1]" in detail["prompt"] or ".v1]" in detail["prompt"]
            assert agents.get("/decisions/stats")["total_cost"] > 0

            server.by_model["spare"] = lambda: failing(500)

            def by_rules() -> bool:
                rows = agents.get("/decisions", model="rules-1", limit="200")["decisions"]
                return any("by rules (" in each["reasoning"] for each in rows)

            agents.until(by_rules)

            def technical() -> tuple[str, bool]:
                state = agents.get("/agents/technical-agent")["agent"]
                return state["status"], state["is_healthy"]

            agents.until(lambda: technical() == ("error", False))  # the other's may come first
            ended = agents.post("/trade/stop", session_id=session, final_capital=10_000)
            assert ended["total_trades"] == 1
        finally:
            agents.close()
            shutil.rmtree(root, ignore_errors=True)

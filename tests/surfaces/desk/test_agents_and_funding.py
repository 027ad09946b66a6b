"""What the desk tells of the agents, their decisions, and the funding that pairs collected."""

import json
from decimal import Decimal
from uuid import UUID, uuid4

import numpy as np
import pytest

from arbiter.agents.sketch import project
from arbiter.api.desk.feed import Watcher
from arbiter.model.agents import Decision, DecisionType, Outcome, SessionMode
from arbiter.model.changes import Changes
from arbiter.model.ids import Actor, InstrumentId, StrategyId, Symbol, TradeId, VenueId
from arbiter.model.pairs import FundingPair, PairId, PairState
from arbiter.storage.database import connect
from arbiter.storage.rows import projection_statements
from tests.fakes.postgres import FreshDatabase
from tests.surfaces.desk.world import World

BTC = Symbol("BTC/USDT")


def vector(*values: float) -> tuple[float, ...]:
    return project(np.array([*values, *([0.0] * (29 - len(values)))]))


def decision(number: int, agent: str = "trend-agent", **changes: object) -> Decision:
    fields: dict[str, object] = {
        "id": UUID(int=number),
        "agent_name": agent,
        "symbol": BTC,
        "decision_type": DecisionType.SIGNAL,
        "decision": "BUY",
        "confidence": 0.85,
        "reasoning": "EMA 9 <above> EMA 21",
        "context": {"adx": 30.5},
        "prompt": "adx: 30.5",
        "response": '{"action":"BUY"}',
        "model": "rules-1",
        "embedding": vector(1.0, number / 10),
        "embedding_model": "context-1",
        "created_ns": number * 1_000_000_000,
    }
    return Decision(**(fields | changes))  # type: ignore[arg-type]


ROUND = uuid4()
VOTE = decision(
    3,
    "orchestrator",
    decision_type=DecisionType.CONSENSUS,
    round_id=ROUND,
    context={
        "price": 100.0,
        "opinions": {"trend-agent": "BUY 0.85", "reversion-agent": "HOLD 0.30"},
        "scores": {"BUY": 0.255, "SELL": 0.0, "HOLD": 0.075},
    },
)


@pytest.fixture
async def decided(desk: World) -> World:
    await desk.decisions.save_decisions(
        [
            decision(1, round_id=ROUND, outcome=Outcome.SUCCESS, actual_pnl=Decimal("12.5")),
            decision(2, "reversion-agent", decision="HOLD", symbol=Symbol("ETH/USDT")),
            VOTE,
        ]
    )
    return desk


async def test_agents_and_their_sessions_are_told(desk: World) -> None:
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.1)
    await desk.agents.book.restore()
    session = await desk.agents.start("BTC/USDT", Decimal(1_000), SessionMode.PAPER, Actor("me"))
    body = await desk.get("/api/desk/agents")
    assert body["enabled"]
    assert body["venue"] == "binance"
    assert len(body["agents"]) == 7
    assert {agent["status"] for agent in body["agents"]} == {"active"}
    (told,) = body["sessions"]
    assert told["id"] == str(session.id)
    assert (told["state"], told["initial_capital"]) == ("RUNNING", 1_000.0)


async def test_a_session_is_stopped_and_started_as_any_strategy(desk: World) -> None:
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.1)
    await desk.agents.book.restore()
    session = await desk.agents.start("BTC/USDT", Decimal(1_000), SessionMode.PAPER, Actor("me"))
    listed = await desk.get("/api/trading/strategies")
    (told,) = (row for row in listed if row["name"] == session.strategy)
    assert (told["status"], told["family"]) == ("RUNNING", "agents")
    assert told["instrument_ids"] == ["BTCUSDT.BINANCE"]
    path = f"/api/desk/strategies/{told['id']}"
    stopped = await desk.http.put(path, json={"running": False, "reason": "enough"})
    assert stopped.status_code == 200, stopped.text
    assert stopped.json() == told | {"status": "STOPPED"}
    (shown,) = (await desk.get("/api/desk/agents"))["sessions"]
    assert shown["state"] == "PAUSED"
    (audit,) = await desk.get("/api/trading/audit", limit=1)
    assert (audit["action"], audit["entity"]) == ("strategy.stop", f"strategy:{session.strategy}")
    started = await desk.http.put(path, json={"running": True})
    assert started.json() == told
    (shown,) = (await desk.get("/api/desk/agents"))["sessions"]
    assert shown["state"] == "RUNNING"


async def test_a_session_that_has_ended_is_remembered_and_cannot_be_started(desk: World) -> None:
    await desk.agents.book.restore()
    session = await desk.agents.start("BTC/USDT", Decimal(1_000), SessionMode.PAPER, Actor("me"))
    await desk.agents.pause(session.id, Actor("me"))
    await desk.agents.stop(session.id, Decimal(1_000), Actor("me"))
    listed = await desk.get("/api/trading/strategies")
    (told,) = (row for row in listed if row["name"] == session.strategy)
    assert told["status"] == "UNKNOWN"
    answer = await desk.http.put(f"/api/desk/strategies/{told['id']}", json={"running": True})
    assert answer.status_code == 404, answer.text


async def test_decisions_are_filtered_newest_first(decided: World) -> None:
    async def ids(**query: str | int) -> list[int]:
        return [UUID(row["id"]).int for row in await decided.get("/api/desk/decisions", **query)]

    assert await ids() == [3, 2, 1]
    assert await ids(agent="trend-agent") == [1]
    assert await ids(type="consensus") == [3]
    assert await ids(symbol="btcusdt") == [3, 1]
    assert await ids(limit=1, offset=1) == [2]
    (row,) = await decided.get("/api/desk/decisions", agent="trend-agent")
    assert (row["outcome"], row["pnl"], row["confidence"]) == ("SUCCESS", 12.5, 0.85)
    assert row["reasoning"] == "EMA 9 <above> EMA 21"


async def test_a_decisions_story_has_the_votes_of_its_round_and_what_was_alike(
    decided: World,
) -> None:
    story = await decided.get(f"/api/desk/decisions/{UUID(int=1)}")
    assert story["votes"] == [
        {"agent": "trend-agent", "action": "BUY", "confidence": 0.85},
        {"agent": "reversion-agent", "action": "HOLD", "confidence": 0.30},
    ]
    assert story["scores"]["BUY"] == 0.255
    assert [UUID(row["id"]).int for row in story["round"]] == [3]
    assert [UUID(row["id"]).int for row in story["similar"]] == [2, 3]
    assert story["similar"][0]["similarity"] > story["similar"][1]["similarity"] > 0.9
    assert (story["prompt"], story["context"]) == ("adx: 30.5", {"adx": 30.5})
    alone = await decided.get(f"/api/desk/decisions/{UUID(int=2)}")
    assert (alone["votes"], alone["round"]) == ([], [])


async def test_unknown_decisions_are_not_found(desk: World) -> None:
    assert (await desk.http.get(f"/api/desk/decisions/{uuid4()}")).status_code == 404
    assert (await desk.http.get("/api/desk/decisions/x")).status_code == 422


def pair(number: int, collected: str, state: PairState = PairState.CLOSED) -> FundingPair:
    return FundingPair(
        id=PairId(UUID(int=number)),
        strategy=StrategyId("funding-arbitrage"),
        symbol=BTC,
        long_instrument=InstrumentId("BTCUSDT-PERP.BYBIT"),
        short_instrument=InstrumentId("BTCUSDT-PERP.ASTER"),
        long_venue=VenueId("bybit"),
        short_venue=VenueId("aster"),
        open_trade=TradeId(uuid4()),
        planned_units=Decimal("0.5"),
        entry_spread=Decimal("0.0006"),
        entry_price=Decimal(40_000),
        state=state,
        reason="target profit" if state is PairState.CLOSED else "",
        opened_ns=number,
        closed_ns=number + 1 if state is PairState.CLOSED else None,
        funding_collected=Decimal(collected),
        payments=2,
    )


async def keep(database: FreshDatabase, *pairs: FundingPair) -> None:
    changes = Changes()
    changes.funding_pairs.update({each.id: each for each in pairs})
    connection = await connect(database.url)
    for sql, arguments in projection_statements(changes):
        await connection.execute(sql, *arguments)
    await connection.close()


async def test_funding_is_told_pair_by_pair_and_in_all(desk: World, desk_db: FreshDatabase) -> None:
    nothing = await desk.get("/api/desk/funding")
    assert nothing == {"funding_collected": 0.0, "payments": 0, "pairs_total": 0, "pairs": []}
    await keep(desk_db, pair(1, "10.5"), pair(2, "-3", PairState.OPEN), pair(3, "1.25"))
    body = await desk.get("/api/desk/funding")
    assert (body["funding_collected"], body["payments"], body["pairs_total"]) == (8.75, 6, 3)
    told = [
        (UUID(row["id"]).int, row["state"], row["funding_collected"], row["cumulative"])
        for row in body["pairs"]
    ]
    assert told == [
        (2, "OPEN", -3.0, 7.5),
        (3, "CLOSED", 1.25, 8.75),
        (1, "CLOSED", 10.5, 10.5),
    ]
    assert body["pairs"][0]["entry_spread_percent"] == 0.06
    assert body["pairs"][0]["notional"] == 20_000.0
    assert len((await desk.get("/api/desk/funding", limit=1))["pairs"]) == 1


async def test_the_stream_gives_the_same_bodies(desk: World, desk_db: FreshDatabase) -> None:
    await keep(desk_db, pair(1, "10.5"))
    watcher = Watcher()
    desk.feed.subscribe(watcher, ["agents", "funding"])
    desk.feed.add(watcher)
    data = json.loads(await watcher.frames.get())["data"]
    assert data["funding"] == await desk.get("/api/desk/funding")
    assert data["agents"] == await desk.get("/api/desk/agents")
    desk.feed.remove(watcher)


async def test_funding_settings_change_all_or_none_and_are_audited(desk: World) -> None:
    path = "/api/desk/funding/settings"
    before = (await desk.get(path))["settings"]
    assert before["target_profit"] == 0.02
    assert "enabled" not in before
    wanted = {"settings": {"target_profit": 0.03, "max_pairs": 1}}
    changed = await desk.http.put(path, json=wanted)
    assert changed.status_code == 200, changed.text
    assert changed.json()["settings"] == before | {"target_profit": 0.03, "max_pairs": 1}
    assert await desk.get(path) == changed.json()
    wrong = {"settings": {"target_profit": 0.04, "max_pairs": 0}}
    refused = await desk.http.put(path, json=wrong)
    assert refused.status_code == 422
    assert "max_pairs must be a whole number from 1 to 200" in refused.text
    assert await desk.get(path) == changed.json()
    audit = await desk.get("/api/trading/audit", limit=10)
    told = {(row["entity"], row["before"], row["after"]) for row in audit}
    assert ("funding.target_profit", "0.02", "0.03") in told
